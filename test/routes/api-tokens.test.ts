/** /auth/tokens: making, listing and revoking API tokens, and what comes of using one. */
import { describe, expect, it } from 'vitest'
import { MAX_API_TOKENS } from '../../src/api-tokens/queries.ts'
import { hex, utf8 } from '../../src/crypto/encoding.ts'
import { caller, customer, mechanic, type Person, program } from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { beforeRoundTrip, d1, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const wanted = (overrides: object = {}) => ({
  name: 'Accounting export',
  scopes: ['tickets:read', 'profile:read'],
  expires_in_days: 90,
  ...overrides,
})

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()

const rowsOf = async ({ id }: Person) =>
  (await testEnv.DB.prepare('SELECT * FROM api_tokens WHERE account_id = ?').bind(id).all<any>()).results

const eventsOf = async ({ id }: Person) =>
  (
    await testEnv.DB.prepare(
      "SELECT event, session_id, details FROM audit_events WHERE subject_id = ? AND event LIKE 'token.%' ORDER BY id",
    )
      .bind(id)
      .all<{ event: string; session_id: string; details: string }>()
  ).results

const DAY = 86_400_000

describe('POST /auth/tokens', () => {
  it('answers the token once, and works at once within its scopes', async () => {
    const john = await customer()
    const { status, body } = await john.post('/auth/tokens', wanted())
    const { id, token, created_at, expires_at, ...rest } = body
    expect([status, rest]).toEqual([
      201,
      { name: 'Accounting export', scopes: ['tickets:read', 'profile:read'], last_used_at: null },
    ])
    expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(90 * DAY)
    const list = await john.get('/auth/tokens')
    expect(list.body.items).toEqual([{ id, ...rest, created_at, expires_at }])
    expect(list.text).not.toContain(token.slice(30))
    const till = caller(token)
    expect((await till.get('/customers/my-tickets')).body.tickets).toEqual([])
    const me = await till.get('/auth/me')
    expect(me.body).toMatchObject({
      account: { id: john.id, role: 'customer' },
      permissions: ['profile:read', 'tickets:read'],
      session: null,
      api_token: { id, created_at, expires_at },
    })
    const refused = await till.patch('/auth/me', { last_name: 'Changed' })
    expect([refused.status, refused.body.code, refused.headers.get('www-authenticate')]).toEqual([
      403,
      'forbidden',
      'Bearer realm="mechanic-shop", error="insufficient_scope", scope="profile:write"',
    ])
  })

  it('S92: the token has a prefix, 160 random bits and a checksum that anyone can compute', async () => {
    const john = await customer()
    const { body } = await john.post('/auth/tokens', wanted())
    expect(body.token).toMatch(/^msk_[0-9a-f]{24}_[0-9a-f]{40}_[0-9a-f]{8}$/)
    const [, unsigned = '', id, checksum] =
      /^(msk_([0-9a-f]{24})_[0-9a-f]{40})_(.{8})$/.exec(body.token) ?? []
    const digest = await crypto.subtle.digest('SHA-256', utf8(unsigned))
    expect([id, checksum]).toEqual([body.id, hex(new Uint8Array(digest)).slice(0, 8)])
    // Neither the token nor its secret is in the database.
    expect(JSON.stringify(await rowsOf(john))).not.toContain(body.token.slice(29, 69))
  })

  it.each([
    ['no name', { name: undefined }, { name: ['Missing data for required field.'] }],
    ['an empty name', { name: '' }, { name: ['Length must be between 1 and 100.'] }],
    ['a name of two lines', { name: 'a\nb' }, { name: ['Not a valid string.'] }],
    ['no scope', { scopes: [] }, { scopes: ['Shorter than minimum length 1.'] }],
    [
      'a scope twice',
      { scopes: ['tickets:read', 'tickets:read'] },
      { scopes: ['Must not name anything twice.'] },
    ],
    ['no day', { expires_in_days: 0 }, { expires_in_days: ['Must be greater than or equal to 1.'] }],
    [
      'a year and a day',
      { expires_in_days: 366 },
      { expires_in_days: ['Must be less than or equal to 365.'] },
    ],
    ['half a day', { expires_in_days: 1.5 }, { expires_in_days: ['Not a valid integer.'] }],
    ['another owner', { account_id: 1 }, { account_id: ['Unknown field.'] }],
  ])('refuses %s', async (_, overrides, errors) => {
    const john = await customer()
    const { status, body } = await john.post('/auth/tokens', wanted(overrides))
    expect([status, body.code, body.errors]).toEqual([400, 'validation_failed', errors])
    expect(await rowsOf(john)).toEqual([])
  })

  it('refuses a scope that nobody knows, by its place', async () => {
    const john = await customer()
    const { body } = await john.post('/auth/tokens', wanted({ scopes: ['tickets:read', 'everything'] }))
    expect(Object.keys(body.errors)).toEqual(['scopes.1'])
  })

  it('S92: a scope above the role is 403, names what is missing, and makes no token', async () => {
    const mike = await mechanic()
    const scopes = ['tickets:read', 'customers:write', 'accounts:admin']
    const { status, body, headers } = await mike.post('/auth/tokens', wanted({ scopes }))
    expect([status, body.code, body.detail]).toEqual([
      403,
      'forbidden',
      'Your role does not have customers:write, accounts:admin',
    ])
    expect(headers.get('www-authenticate')).toBe(
      'Bearer realm="mechanic-shop", error="insufficient_scope", scope="customers:write accounts:admin"',
    )
    expect(await rowsOf(mike)).toEqual([])
  })

  it('needs a recent sign-in or step-up; a token that was made before stays', async () => {
    const john = await customer()
    const till = await program(john, 'profile:read')
    await sql('UPDATE sessions SET authenticated_at = authenticated_at - 600 WHERE account_id = ?', john.id)
    const stale = await john.post('/auth/tokens', wanted())
    expect([stale.status, stale.body.code, stale.body.detail, stale.headers.get('www-authenticate')]).toEqual(
      [
        401,
        'reauthentication_required',
        'Sign in again, or confirm your password or second factor at /auth/step-up',
        'Bearer realm="mechanic-shop", error="insufficient_user_authentication", max_age=600',
      ],
    )
    expect((await till.get('/auth/me')).status).toBe(200)
    expect((await john.get('/auth/tokens')).body.items.length).toBe(1)
    expect((await john.post('/auth/step-up', { password: john.password })).status).toBe(200)
    expect((await john.post('/auth/tokens', wanted())).status).toBe(201)
  })

  it('an account has so many and no more, also when twenty are asked for at once', async () => {
    const john = await customer()
    await sql(
      `INSERT INTO api_tokens SELECT 'old-' || ?1 || value, ?1, 'h', 'Old', '[]', 1, 2, NULL FROM json_each(?2)`,
      john.id,
      JSON.stringify(Array.from({ length: 5 }, (_, index) => index)),
    )
    for (let made = 0; made < MAX_API_TOKENS - 1; made++) await program(john, 'profile:read')
    const answers = await Promise.all(Array.from({ length: 20 }, () => john.post('/auth/tokens', wanted())))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('api_token_limit_reached')
    expect((await rowsOf(john)).filter(({ name }) => name !== 'Old').length).toBe(MAX_API_TOKENS)
    expect((await eventsOf(john)).length).toBe(MAX_API_TOKENS)
    const [newest] = (await john.get('/auth/tokens')).body.items
    expect((await john.delete(`/auth/tokens/${newest.id}`)).status).toBe(200)
    expect((await john.post('/auth/tokens', wanted())).status).toBe(201)
  })

  it.each([
    ['signed out', 'DELETE FROM sessions WHERE account_id = ?'],
    ['demoted', "UPDATE accounts SET role = 'customer' WHERE id = ?"],
    ['suspended', "UPDATE accounts SET status = 'suspended' WHERE id = ?"],
  ])('makes none for whoever is %s meanwhile', async (_, change) => {
    const mike = await mechanic()
    beforeRoundTrip(2, () => sql(change, mike.id))
    const { status, body } = await mike.post('/auth/tokens', wanted({ scopes: ['customers:read'] }))
    expect([status, body.code]).toEqual([401, 'invalid_token'])
    expect([await rowsOf(mike), await eventsOf(mike)]).toEqual([[], []])
  })
})

describe('DELETE /auth/tokens/{id}', () => {
  it('S92: a revoked token is 401 at the very next request, and gone from the list', async () => {
    const john = await customer()
    const [till, other] = [await program(john, 'profile:read'), await program(john, 'profile:read')]
    expect((await till.get('/auth/me')).status).toBe(200)
    const { status, body } = await john.delete(`/auth/tokens/${till.tokenId}`)
    expect([status, body]).toEqual([200, { message: 'API token revoked' }])
    const refused = await till.get('/auth/me')
    expect([refused.status, refused.body.code, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'invalid_token',
      'Bearer realm="mechanic-shop", error="invalid_token"',
    ])
    expect((await other.get('/auth/me')).status).toBe(200)
    expect((await john.get('/auth/tokens')).body.items.map(({ id }: { id: string }) => id)).toEqual([
      other.tokenId,
    ])
  })

  it('leaves one event, however many ask at the same time', async () => {
    const john = await customer()
    const till = await program(john, 'profile:read')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => john.delete(`/auth/tokens/${till.tokenId}`)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(404)])
    const [created, ...revoked] = await eventsOf(john)
    const session = (await john.get('/auth/me')).body.session.id
    expect([created?.event, created?.session_id]).toEqual(['token.created', session])
    expect(JSON.parse(created?.details ?? '')).toEqual({
      token_id: till.tokenId,
      scopes: ['profile:read'],
      expires_at: expect.any(Number),
    })
    expect(revoked).toEqual([
      { event: 'token.revoked', session_id: session, details: `{"token_id":"${till.tokenId}"}` },
    ])
  })

  it('S89: the token of another person is as if it were not there, and stays', async () => {
    const [john, jane] = [await customer(), await customer()]
    const till = await program(john, 'profile:read')
    const [other, none] = [
      await jane.delete(`/auth/tokens/${till.tokenId}`),
      await jane.delete('/auth/tokens/5d1f0c9a7b3e2864f0a1c2d3'),
    ]
    expect([other.status, other.body.code]).toEqual([404, 'api_token_not_found'])
    expect({ ...other.body, request_id: '' }).toEqual({ ...none.body, request_id: '' })
    expect((await jane.get('/auth/tokens')).body.items).toEqual([])
    expect((await till.get('/auth/me')).body.account.id).toBe(john.id)
  })
})

describe('the use of a token', () => {
  it('is noted at most once in five minutes, by one of many requests, off their path', async () => {
    const john = await customer()
    const till = await program(john, 'profile:read')
    const usedAt = async () => (await rowsOf(john))[0].last_used_at
    expect(await usedAt()).toBeNull()
    await Promise.all(Array.from({ length: 20 }, () => till.get('/auth/me')))
    const first = await usedAt()
    expect(first).toBeGreaterThan(0)
    passTime(280)
    const calls = d1.calls
    await till.get('/auth/me')
    expect([await usedAt(), d1.calls - calls]).toEqual([first, 2])
    passTime(30)
    await till.get('/auth/me')
    const { last_used_at } = (await john.get('/auth/tokens')).body.items[0]
    expect(Date.parse(last_used_at) / 1000).toBe(await usedAt())
    expect(await usedAt()).toBeGreaterThan(first)
  })

  it('is the owner’s, with the token in the place of the session in the audit log', async () => {
    const john = await customer()
    const till = await program(john, 'profile:write', 'profile:read')
    expect((await till.patch('/auth/me', { last_name: 'Okafor' })).body.account.last_name).toBe('Okafor')
    await till.get('/customers')
    const rows = await testEnv.DB.prepare('SELECT event FROM audit_events WHERE session_id = ? ORDER BY id')
      .bind(`msk_${till.tokenId}`)
      .all()
    expect(rows.results).toEqual([{ event: 'profile.updated' }, { event: 'access.refused' }])
  })

  it('ends with its time; the cron removes it a month later', async () => {
    const john = await customer()
    const till = await program(john, 'profile:read')
    await sql(
      'UPDATE api_tokens SET expires_at = ? WHERE id = ?',
      Math.floor(Date.now() / 1000),
      till.tokenId,
    )
    const refused = await till.get('/auth/me')
    expect([refused.status, refused.body.code]).toEqual([401, 'token_expired'])
    await runCron()
    expect((await john.get('/auth/tokens')).body.items.length).toBe(1)
    passTime(30 * 86_400 + 1)
    await runCron()
    expect(await rowsOf(john)).toEqual([])
    expect((await till.get('/auth/me')).body.code).toBe('invalid_token')
  })
})
