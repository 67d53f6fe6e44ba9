/** API tokens in the wrong hands: forged, leaked, narrowed, and asked to do what is a person's to do. */
import { beforeAll, describe, expect, it } from 'vitest'
import { PERMISSIONS } from '../../src/access/roles.ts'
import { isApiToken, issueApiToken, parseApiToken } from '../../src/api-tokens/token.ts'
import { hex, utf8 } from '../../src/crypto/encoding.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  mechanic,
  type Person,
  type Program,
  program,
  signedIn,
} from '../support/client.ts'
import { expectRefused, INVALID, verdict } from '../support/forged-tokens.ts'
import { operationsOf, readDocument } from '../support/openapi.ts'
import { beforeRoundTrip, d1, kv, logLines } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let boss: Person
let all: Program

beforeAll(async () => {
  boss = await admin()
  all = await program(boss, ...PERMISSIONS)
})

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()

/** The token with the checksum that fits. */
async function sealed(body: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(body)))
  return `${body}_${hex(digest).slice(0, 8)}`
}

const bodyOf = (token: string) => token.slice(0, token.lastIndexOf('_'))

describe('S92: a forged token', () => {
  it('with one character flipped is 401 without D1 and KV, wherever it is', async () => {
    const { token } = all
    for (let place = 4; place < token.length; place++) {
      if (token[place] === '_') continue
      const flipped = token.slice(0, place) + (token[place] === '0' ? '1' : '0') + token.slice(place + 1)
      expect(await parseApiToken(flipped), String(place)).toBeUndefined()
      if (place % 9 === 0) await expectRefused(flipped)
    }
    expect((await all.get('/auth/me')).status).toBe(200)
  })

  it('of another form is 401 without D1 and KV', async () => {
    const { token } = all
    const forms = [
      'msk_',
      'msk___',
      token.toUpperCase(),
      `msk_${token.slice(4).toUpperCase()}`,
      token.slice(0, -1),
      `${token}0`,
      `${token}_`,
      bodyOf(token),
      token.replaceAll('_', '-'),
      token.replace('msk_', 'msk__'),
      `msk_${'a'.repeat(8_000)}`,
      `${token}.${token}`,
      await sealed(`msk_${all.tokenId}_${'0'.repeat(39)}`),
      await sealed(`msk_${all.tokenId}_${'g'.repeat(40)}`),
    ]
    for (const form of forms) await expectRefused(form)
  })

  it('S44: is taken from the header only, whatever the case of the scheme', async () => {
    const { token } = all
    const by = (authorization: string) => anonymous().get('/auth/me', { Authorization: authorization })
    expect((await by(`bEARER ${token}`)).status).toBe(200)
    for (const header of [`Bearer  ${token}`, `Bearer ${token} `, `Token ${token}`, `Bearer ${token}, x`]) {
      const answer = await by(header)
      // Blanks at the end never arrive.
      if (header.endsWith(' ')) expect(answer.status).toBe(200)
      else expect([header, answer.status]).toEqual([header, 401])
    }
    for (const path of [`/auth/me?access_token=${token}`, `/auth/me?token=${token}`]) {
      expect((await anonymous().get(path)).body.code).toBe('token_missing')
    }
    const cookie = await anonymous().get('/auth/me', { Cookie: `__Host-access_token=${token}` })
    expect(verdict(cookie)).toEqual(INVALID)
    const beside = await caller(token).get('/auth/me', { Cookie: `__Host-access_token=${boss.token}` })
    expect(beside.body.session).toBeNull()
  })

  it('with a right checksum costs one D1 read and is 401: foreign id, foreign secret, never issued', async () => {
    const other = await program(await customer(), 'profile:read')
    const [mine, theirs] = [all.token.split('_'), other.token.split('_')]
    for (const body of [
      `msk_${theirs[1]}_${mine[2]}`,
      `msk_${mine[1]}_${theirs[2]}`,
      bodyOf((await issueApiToken()).token),
      `msk_${'0'.repeat(24)}_${'0'.repeat(40)}`,
    ]) {
      const before = [d1.calls, kv.reads]
      const answer = await caller(await sealed(body)).get('/auth/me')
      expect(verdict(answer), body).toEqual(INVALID)
      expect([d1.calls - (before[0] ?? 0), kv.reads - (before[1] ?? 0)]).toEqual([1, 0])
      expect(answer.text).not.toContain(body)
    }
  })

  it('S34: an API token and a JWT never pass as each other', async () => {
    expect(isApiToken(boss.token)).toBe(false)
    await expectRefused(`msk_${boss.token}`)
    await expectRefused(all.token.slice(4))
    const refreshed = await anonymous().post('/auth/refresh', { refresh_token: all.token })
    expect([refreshed.status, refreshed.body.code]).toEqual([401, 'invalid_refresh_token'])
  })
})

describe('S43: the rights of a token', () => {
  it('are what its owner has now: a demotion narrows it at once, and a promotion never widens it', async () => {
    const mike = await mechanic()
    const till = await program(mike, 'customers:read', 'tickets:read', 'profile:read')
    const statuses = async () => [
      (await till.get('/customers')).status,
      (await till.get('/service-tickets')).status,
      (await till.get('/auth/me')).body.permissions,
    ]
    expect(await statuses()).toEqual([200, 200, ['profile:read', 'tickets:read', 'customers:read']])
    await sql("UPDATE accounts SET role = 'customer' WHERE id = ?", mike.id)
    const refused = await till.get('/customers')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="mechanic-shop", error="insufficient_scope", scope="customers:read"',
    ])
    expect(await statuses()).toEqual([403, 200, ['profile:read', 'tickets:read']])
    // Where the role reaches its own tickets only, so does the token.
    expect((await till.get('/service-tickets')).body.items).toEqual([])
    await sql("UPDATE accounts SET role = 'admin' WHERE id = ?", mike.id)
    expect((await till.get('/auth/me')).body.permissions).toEqual([
      'profile:read',
      'tickets:read',
      'customers:read',
    ])
    expect((await till.get('/admin/audit-events')).status).toBe(403)
  })

  it('S89: a customer’s token reaches no other person, and a staff token others only by its scope', async () => {
    const [john, jane] = [await customer(), await customer()]
    const own = await program(john, 'profile:read', 'profile:write')
    expect((await own.get(`/customers/${john.id}`)).status).toBe(200)
    expect((await own.get(`/customers/${jane.id}`)).status).toBe(403)
    expect((await own.put(`/customers/${jane.id}`, { last_name: 'X' })).status).toBe(403)
    const reader = await program(boss, 'customers:read')
    expect((await reader.get(`/customers/${jane.id}`)).status).toBe(200)
    expect((await reader.put(`/customers/${jane.id}`, { last_name: 'X' })).status).toBe(403)
    const writer = await program(boss, 'customers:write')
    expect((await writer.get(`/customers/${jane.id}`)).status).toBe(403)
    expect((await writer.put(`/customers/${jane.id}`, { last_name: 'Obi' })).body.last_name).toBe('Obi')
  })

  it('scopes that the database holds but nobody knows grant nothing', async () => {
    const till = await program(await customer(), 'profile:read')
    await sql(`UPDATE api_tokens SET scopes = '["admin","*"]' WHERE id = ?`, till.tokenId)
    expect((await till.get('/auth/me')).status).toBe(403)
  })

  it.each([
    ['suspended', "UPDATE accounts SET status = 'suspended' WHERE id = ?"],
    ['deleted', 'DELETE FROM accounts WHERE id = ?'],
  ])('end at once when the owner is %s', async (_, change) => {
    const john = await customer()
    const till = await program(john, 'profile:read', 'tickets:read')
    await sql(change, john.id)
    for (const path of ['/auth/me', '/customers/my-tickets']) {
      expect(verdict(await till.get(path))).toEqual(INVALID)
    }
  })

  it('come back when a suspension is lifted, and outlive sessions and passwords', async () => {
    const john = await customer()
    const till = await program(john, 'profile:read')
    await sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", john.id)
    expect((await till.get('/auth/me')).status).toBe(401)
    await sql("UPDATE accounts SET status = 'active' WHERE id = ?", john.id)
    expect((await till.get('/auth/me')).status).toBe(200)
    const again = await signedIn(john.email, john.password)
    expect((await again.patch('/auth/me', { password: 'left-hand-thread-9-mm' })).status).toBe(200)
    expect((await again.post('/auth/logout')).status).toBe(200)
    expect((await till.get('/auth/me')).status).toBe(200)
  })

  it('a change that overlaps the revocation of its token changes nothing', async () => {
    const john = await customer()
    const till = await program(john, 'profile:write')
    beforeRoundTrip(2, () => sql('DELETE FROM api_tokens WHERE id = ?', till.tokenId))
    expect(verdict(await till.patch('/auth/me', { last_name: 'Changed' }))).toEqual(INVALID)
    expect((await john.get('/auth/me')).body.account.last_name).toBe('Lindqvist')
  })
})

describe('S92: what is a person’s to do', () => {
  const required = ({ status, body }: Answer) => [status, body.code]
  const REQUIRED = [403, 'session_required']

  it('no token does with all scopes: credentials, sessions, devices, tokens, deletion', async () => {
    const john = await customer()
    const before = await testEnv.DB.prepare('SELECT * FROM accounts ORDER BY id').all()
    const own = await program(john, 'profile:read', 'profile:write')
    const { items } = (await john.get('/auth/sessions')).body
    const [device] = (await john.get('/auth/devices')).body.items
    const asked = [
      await own.post('/auth/tokens', { name: 'More', scopes: ['profile:read'], expires_in_days: 1 }),
      await own.get('/auth/tokens'),
      await own.delete(`/auth/tokens/${own.tokenId}`),
      await own.get('/auth/sessions'),
      await own.delete('/auth/sessions'),
      await own.delete(`/auth/sessions/${items[0].id}`),
      await own.get('/auth/devices'),
      await own.patch(`/auth/devices/${device.id}`, { name: 'Mine' }),
      await own.delete(`/auth/devices/${device.id}`),
      await own.post('/auth/step-up', { password: john.password }),
      await own.post('/auth/logout'),
      await own.get('/auth/csrf'),
      await own.patch('/auth/me', { password: 'left-hand-thread-9-mm' }),
      await own.patch('/auth/me', { password: 'left-hand-thread-9-mm', current_password: john.password }),
      await own.patch('/auth/me', { email: `x${john.email}`, current_password: john.password }),
      await own.put(`/customers/${john.id}`, { email: `x${john.email}` }),
      await own.delete(`/customers/${john.id}`, { current_password: john.password }),
      await all.delete(`/customers/${john.id}`),
      await all.put(`/customers/${john.id}`, { email: `x${john.email}` }),
    ]
    for (const answer of asked) expect(required(answer), answer.text).toEqual(REQUIRED)
    expect(await testEnv.DB.prepare('SELECT * FROM accounts ORDER BY id').all()).toMatchObject({
      results: before.results,
    })
    expect((await john.get('/auth/me')).status).toBe(200)
    expect((await own.get('/auth/me')).status).toBe(200)
  })

  it('every operation under /auth refuses a token with all scopes, but the own profile', async () => {
    const operations = operationsOf(await readDocument()).filter(
      ({ path, description }) => path.startsWith('/auth') && description.security.length > 0,
    )
    expect(operations.length).toBeGreaterThan(10)
    for (const { method, path } of operations) {
      const call = all[method.toLowerCase() as 'post']
      const answer = await call(path.replace('{id}', 'never-made'), method === 'GET' ? undefined : {})
      const isOpen = ['/auth/me', '/auth/introspect'].includes(path)
      expect([method, path, answer.body.code === 'session_required']).toEqual([method, path, !isOpen])
    }
  })

  it('refusals are one audit row for each route and five minutes, whatever the ids', async () => {
    const till = await program(await customer(), 'profile:read')
    for (const id of ['a', 'b', 'c'.repeat(64)]) await till.delete(`/auth/tokens/${id}`)
    const rows = await testEnv.DB.prepare(
      "SELECT details FROM audit_events WHERE session_id = ? AND event = 'access.refused'",
    )
      .bind(`msk_${till.tokenId}`)
      .all<{ details: string }>()
    expect(rows.results.map(({ details }) => JSON.parse(details))).toEqual([
      { method: 'DELETE', route: '/auth/tokens/:id', permission: 'profile:write' },
    ])
  })
})

describe('S106: what is said twice', () => {
  it('makes no token: members of a body, and headers', async () => {
    const twice = '{"name":"A","scopes":["tickets:read"],"scopes":["accounts:admin"],"expires_in_days":1}'
    const answer = await boss.post('/auth/tokens', twice)
    expect([answer.status, answer.body.code]).toEqual([400, 'malformed_json'])
    const both = await anonymous().get('/auth/me', {
      Authorization: `Bearer ${all.token}, Bearer ${boss.token}`,
    })
    expect(verdict(both)).toEqual(INVALID)
  })
})

it('S103: without the database a token is neither accepted nor refused', async () => {
  d1.before = () => {
    throw new Error('D1_ERROR: Network connection lost')
  }
  const answer = await all.get('/auth/me')
  d1.before = undefined
  expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
  expect((await all.get('/auth/me')).status).toBe(200)
})

it('S110: no token is in the log or in the database', async () => {
  const tables = await testEnv.DB.prepare(
    'SELECT (SELECT json_group_array(token_hash || name || scopes) FROM api_tokens) || (SELECT json_group_array(details) FROM audit_events) AS dump',
  ).first<string>('dump')
  const written = logLines.join('\n') + tables
  expect(written).not.toMatch(/msk_[0-9a-f]{24}_/)
  expect(written).not.toContain(all.token.split('_')[2])
})

describe('S92: what an answer shows', () => {
  it('S92: is what the scopes reach, not what the owner’s role does: no salary, no stock', async () => {
    const mechanicRow = { name: 'Maria', email: 'maria@shop.example', salary: 52_000 }
    const { id: mechanicId } = (await boss.post('/mechanics', mechanicRow)).body
    const { id: itemId } = (await boss.post('/inventory', { name: 'Oil filter', price: 9.5, quantity: 3 }))
      .body
    const narrow = await program(boss, 'mechanics:read', 'inventory:read')
    const asked = [
      '/mechanics',
      `/mechanics/${mechanicId}`,
      '/mechanics/by-workload',
      '/inventory',
      `/inventory/${itemId}`,
    ]
    for (const path of asked) {
      const [full, cut] = [await boss.get(path), await narrow.get(path)]
      expect([path, full.status, cut.status]).toEqual([path, 200, 200])
      expect([path, /"salary"|"quantity"/.test(full.text), /"salary"|"quantity"/.test(cut.text)]).toEqual([
        path,
        true,
        false,
      ])
    }
    expect((await narrow.get('/inventory?sort_by=quantity')).status).toBe(400)
  })
})
