/** /auth/introspect: what another service of the shop learns of a token, and what it does not. */
import { beforeAll, describe, expect, it } from 'vitest'
import { PERMISSIONS } from '../../src/access/roles.ts'
import { issueApiToken } from '../../src/api-tokens/token.ts'
import {
  admin,
  anonymous,
  caller,
  customer,
  mechanic,
  type Program,
  program,
  signedIn,
} from '../support/client.ts'
import { claimsOf, forge, keyOf, otherSpellings } from '../support/forged-tokens.ts'
import { d1, kv, logLines, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let service: Program

beforeAll(async () => {
  service = await program(await admin(), 'tokens:introspect')
})

const ask = (token: unknown) => service.post('/auth/introspect', { token })

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()

/** The whole answer to a token that is refused. */
async function expectInactive(token: string, why: string): Promise<void> {
  const answer = await ask(token)
  expect([why, answer.status, answer.text]).toEqual([why, 200, '{"active":false}'])
  expect(answer.headers.get('cache-control')).toBe('no-store')
}

describe('an active token', () => {
  it('of a session tells whose it is, what it may and until when', async () => {
    const john = await customer()
    const { iat, exp } = claimsOf(john.token)
    expect((await ask(john.token)).body).toEqual({
      active: true,
      scope: 'profile:read profile:write tickets:read tickets:write inventory:read',
      token_type: 'Bearer',
      sub: String(john.id),
      iat,
      exp,
      iss: 'mechanic-shop-api',
      aud: 'mechanic-shop',
    })
    const ends = Number(exp) - 60
    await sql('UPDATE sessions SET expires_at = ? WHERE account_id = ?', ends, john.id)
    expect((await ask(john.token)).body.exp).toBe(ends)
  })

  it('of a program tells what its scopes and its owner’s role leave, at each call', async () => {
    const mike = await mechanic()
    const { token, body } = await made(mike, ['tickets:read', 'customers:read'])
    expect((await ask(token)).body).toMatchObject({
      active: true,
      scope: 'tickets:read customers:read',
      sub: String(mike.id),
      iat: Date.parse(body.created_at) / 1000,
      exp: Date.parse(body.expires_at) / 1000,
    })
    await sql("UPDATE accounts SET role = 'customer' WHERE id = ?", mike.id)
    expect((await ask(token)).body.scope).toBe('tickets:read')
    // Asking is no use of it.
    const row = await testEnv.DB.prepare('SELECT last_used_at FROM api_tokens WHERE id = ?').bind(body.id)
    expect(await row.first('last_used_at')).toBeNull()
  })

  it('costs two round trips and no KV', async () => {
    const john = await customer()
    await ask(john.token)
    for (const token of [john.token, (await program(john, 'profile:read')).token]) {
      const before = [d1.calls, kv.reads, kv.writes]
      expect((await ask(token)).body.active).toBe(true)
      expect([
        d1.calls - (before[0] ?? 0),
        kv.reads - (before[1] ?? 0),
        kv.writes - (before[2] ?? 0),
      ]).toEqual([2, 0, 0])
    }
  })
})

async function made(owner: Awaited<ReturnType<typeof customer>>, scopes: string[]) {
  const { body } = await owner.post('/auth/tokens', { name: 'Till', scopes, expires_in_days: 1 })
  return { token: String(body.token), body }
}

describe('S92: any other token is inactive, and nothing tells why', () => {
  it('forged, of another kind, or no token at all', async () => {
    const john = await customer()
    const till = await program(john, 'profile:read')
    const claims = JSON.stringify(claimsOf(john.token))
    const wrongKey = await keyOf('access-token', testEnv['DATA_KEY'])
    for (const [why, token] of [
      ['a word', 'x'],
      ['another key', await forge(wrongKey, claims)],
      ['another purpose', await forge(await keyOf('cursor'), claims)],
      ['another issuer', await forge(await keyOf(), claims.replace('"mechanic-shop-api"', '"another"'))],
      ['another spelling', otherSpellings(john.token)[0] ?? ''],
      ['a refresh token', john.refreshToken],
      ['a flipped character', till.token.replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
      ['an API token that was never made', (await issueApiToken()).token],
    ] as const) {
      await expectInactive(token, why)
    }
    expect((await ask(john.token)).body.active).toBe(true)
  })

  it('revoked, ended, expired, of a suspended and of a deleted account', async () => {
    const [john, jane, jim] = [await customer(), await customer(), await customer()]
    const [revoked, expired] = [await program(john, 'profile:read'), await program(john, 'profile:read')]
    const [ofJane, ofJim] = [await program(jane, 'profile:read'), await program(jim, 'profile:read')]
    const session = await signedIn(john.email, john.password)
    for (const { token } of [john, jane, jim, revoked, expired, ofJane, ofJim, session]) {
      expect((await ask(token)).body.active).toBe(true)
    }
    await john.delete(`/auth/tokens/${revoked.tokenId}`)
    await session.post('/auth/logout')
    await sql(
      'UPDATE api_tokens SET expires_at = ? WHERE id = ?',
      Math.floor(Date.now() / 1000),
      expired.tokenId,
    )
    await sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", jane.id)
    await jim.delete(`/customers/${jim.id}`)
    for (const [why, { token }] of Object.entries({ revoked, expired, jane, jim, ofJane, ofJim, session })) {
      await expectInactive(token, why)
    }
  })

  it('an expired access token', async () => {
    const john = await customer()
    passTime(86_400)
    await expectInactive(john.token, 'expired')
  })
})

describe('who may ask', () => {
  it('whoever has tokens:introspect, and nobody else', async () => {
    const [john, mike, boss] = [await customer(), await mechanic(), await admin()]
    const body = { token: john.token }
    expect((await boss.post('/auth/introspect', body)).status).toBe(200)
    const narrow = await program(boss, ...PERMISSIONS.filter((one) => one !== 'tokens:introspect'))
    for (const other of [john, mike, narrow]) {
      const { status, headers } = await other.post('/auth/introspect', body)
      expect([status, headers.get('www-authenticate')]).toEqual([
        403,
        'Bearer realm="mechanic-shop", error="insufficient_scope", scope="tokens:introspect"',
      ])
    }
    expect((await anonymous().post('/auth/introspect', body)).status).toBe(401)
  })

  it.each([
    ['no token', {}, 'input_missing'],
    ['an empty one', { token: '' }, 'validation_failed'],
    ['a number', { token: 1 }, 'validation_failed'],
    ['a very long one', { token: 'x'.repeat(4_097) }, 'validation_failed'],
    ['one field more', { token: 'x', hint: 'y' }, 'validation_failed'],
  ])('a body with %s is 400', async (_, body, code) => {
    const answer = await service.post('/auth/introspect', body)
    expect([answer.status, answer.body.code]).toEqual([400, code])
  })

  it('S110: the token that was asked about is in no log line', async () => {
    const john = await customer()
    const before = logLines.length
    await ask(john.token)
    await caller().post('/auth/introspect', { token: john.token })
    expect(logLines.slice(before).join('\n')).not.toContain(john.token.split('.')[2])
  })
})
