/** Guessing at a second factor, using one thing twice, and what is to be found of it in the database. */
import { describe, expect, it } from 'vitest'
import { openFactorSecret } from '../../src/mfa/factor-secret.ts'
import { loadKeys } from '../../src/platform/keys.ts'
import { readSettings } from '../../src/platform/settings.ts'
import { alertsOf, keysUnder } from '../support/audit-log.ts'
import {
  challengeOf,
  enrol,
  type Guarded,
  guarded,
  nextStep,
  signInWithCode,
  verify,
  wrongCode,
} from '../support/authenticator.ts'
import { type Answer, anonymous, caller, customer, PASSWORD } from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { codeOf } from '../support/one-time-code.ts'
import { beforeRoundTrip, logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const sql = async (text: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(text)
      .bind(...values)
      .all<Record<string, unknown>>()
  ).results
const TWENTY = Array.from({ length: 20 }, (_, index) => index)
const succeeded = (answers: Answer[]) => answers.filter(({ status }) => status === 200)
const sessionsOf = async ({ id }: Guarded) =>
  (await sql('SELECT id FROM sessions WHERE account_id = ?', id)).length
const failuresOf = async ({ id }: Guarded) =>
  (await sql('SELECT failures FROM throttles WHERE key = ?', `account-factor:${id}`))[0]?.['failures'] ?? 0

/** As many attempts at once as there are people who try: the throttle is not what lets only one of them through. */
const manyAtOnce = () => withSettings({ SIGN_IN_ACCOUNT_FAILURES: '100' })

async function manyChallenges(person: Guarded, count: number): Promise<string[]> {
  const tokens = []
  for (let i = 0; i < count; i++) tokens.push(await challengeOf(person))
  return tokens
}

describe('S57: of twenty parallel uses exactly one succeeds', () => {
  async function race(bodies: object[]): Promise<Answer[]> {
    const send = await manyAtOnce()
    return Promise.all(
      bodies.map((body) => send('POST', '/auth/mfa/verify', body, { 'CF-Connecting-IP': caller().address })),
    )
  }

  it('S57: of one code, each for a sign-in of its own', async () => {
    const john = await guarded()
    const before = await sessionsOf(john)
    const code = codeOf(john.secret)
    const tokens = await manyChallenges(john, 20)
    const answers = await race(tokens.map((mfa_token) => ({ mfa_token, method: 'totp', code })))
    expect(succeeded(answers)).toHaveLength(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]))
    expect(await sessionsOf(john)).toBe(before + 1)
  })

  it('S62: of one recovery code, each for a sign-in of its own', async () => {
    const john = await guarded()
    const before = await sessionsOf(john)
    const [code] = john.recoveryCodes
    const tokens = await manyChallenges(john, 20)
    const answers = await race(tokens.map((mfa_token) => ({ mfa_token, method: 'recovery_code', code })))
    expect(succeeded(answers)).toHaveLength(1)
    expect([await sessionsOf(john), (await john.get('/auth/mfa')).body.recovery_codes_left]).toEqual([
      before + 1,
      9,
    ])
    expect(
      await sql("SELECT 1 FROM audit_events WHERE subject_id = ? AND event = 'recovery_code.used'", john.id),
    ).toHaveLength(1)
  })

  it('S64: of one mfa_token, each with another right code', async () => {
    const john = await guarded()
    const before = await sessionsOf(john)
    const mfa_token = await challengeOf(john)
    const codes = [...john.recoveryCodes, codeOf(john.secret), codeOf(john.secret, 1)]
    const bodies = TWENTY.map((index) => {
      const code = codes[index % codes.length] ?? ''
      return { mfa_token, method: code.length > 6 ? 'recovery_code' : 'totp', code }
    })
    const answers = await race(bodies)
    expect(succeeded(answers)).toHaveLength(1)
    expect(await sessionsOf(john)).toBe(before + 1)
    expect(await sql('SELECT 1 FROM mfa_challenges WHERE account_id = ?', john.id)).toEqual([])
  })

  it('S57: of one code for a step-up', async () => {
    const john = await guarded()
    const send = await manyAtOnce()
    const body = { method: 'totp', code: codeOf(john.secret) }
    const headers = { Authorization: `Bearer ${john.token}` }
    const answers = await Promise.all(
      TWENTY.map(() =>
        send('POST', '/auth/step-up', body, { ...headers, 'CF-Connecting-IP': caller().address }),
      ),
    )
    expect(succeeded(answers)).toHaveLength(1)
  })

  it('S61: of one code that confirms an app', async () => {
    const john = await customer()
    const { secret } = (await john.post('/auth/mfa/totp')).body
    const send = await manyAtOnce()
    const headers = { Authorization: `Bearer ${john.token}` }
    const body = { code: codeOf(secret) }
    const answers = await Promise.all(
      TWENTY.map(() =>
        send('POST', '/auth/mfa/totp/confirm', body, { ...headers, 'CF-Connecting-IP': caller().address }),
      ),
    )
    expect(succeeded(answers)).toHaveLength(1)
    expect(await sql('SELECT 1 FROM recovery_codes WHERE account_id = ?', john.id)).toHaveLength(10)
    nextStep()
    const [code = ''] = succeeded(answers)[0]?.body.recovery_codes ?? []
    expect((await verify(await challengeOf(john), code, { method: 'recovery_code' })).status).toBe(200)
  })
})

describe('S57: a step', () => {
  it('S57: is used once, in a new sign-in as in the same, and a step-up spends it too', async () => {
    const john = await guarded()
    const code = codeOf(john.secret)
    expect((await verify(await challengeOf(john), code)).status).toBe(200)
    expect((await verify(await challengeOf(john), code)).status).toBe(401)
    expect((await john.post('/auth/step-up', { method: 'totp', code })).status).toBe(401)
  })

  it('S57: ends those before it', async () => {
    const john = await guarded()
    nextStep()
    const [before, present, after] = [-1, 0, 1].map((steps) => codeOf(john.secret, steps)) as [
      string,
      string,
      string,
    ]
    expect((await verify(await challengeOf(john), after)).status).toBe(200)
    for (const code of [before, present, after]) {
      expect((await verify(await challengeOf(john), code)).status).toBe(401)
    }
  })

  it('S57: of the code that confirmed the app is spent by that', async () => {
    const john = await customer()
    const { secret } = (await john.post('/auth/mfa/totp')).body
    const code = codeOf(secret)
    await john.post('/auth/mfa/totp/confirm', { code })
    expect((await verify(await challengeOf(john), code)).status).toBe(401)
  })

  it('S58: two away from the present one does not count, whatever time the client claims', async () => {
    const john = await guarded()
    passTime(60)
    nextStep()
    for (const steps of [-2, 2]) {
      expect((await verify(await challengeOf(john), codeOf(john.secret, steps))).status).toBe(401)
    }
    const mfa_token = await challengeOf(john)
    const claimed = {
      mfa_token,
      method: 'totp',
      code: codeOf(john.secret, 2),
      time: Math.floor(Date.now() / 1000) + 60,
    }
    expect((await anonymous().post('/auth/mfa/verify', claimed)).body.errors).toEqual({
      time: ['Unknown field.'],
    })
    expect((await verify(mfa_token, codeOf(john.secret, -1))).status).toBe(200)
  })
})

describe('S59: guessing', () => {
  it('S59: fifty wrong codes at once, over many sign-ins and addresses, share one budget', async () => {
    const john = await guarded()
    const tokens = await manyChallenges(john, 10)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => verify(tokens[index % 10] ?? '', wrongCode(john.secret))),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(5)
    expect(statuses.filter((status) => status === 429)).toHaveLength(45)
    expect(await failuresOf(john)).toBe(5)
    const right = await verify(await challengeOf(john), codeOf(john.secret))
    expect([right.status, Number(right.headers.get('retry-after')) > 0]).toEqual([429, true])
    const byCode = await verify(await challengeOf(john), john.recoveryCodes[0] ?? '', {
      method: 'recovery_code',
    })
    expect(byCode.status).toBe(429)
    const stepUp = await john.post('/auth/step-up', { method: 'totp', code: codeOf(john.secret) })
    expect(stepUp.status).toBe(429)
  })

  it('S59: waits grow, a right code begins anew, and so does not a right password', async () => {
    const john = await guarded()
    for (let i = 0; i < 5; i++) await verify(await challengeOf(john), wrongCode(john.secret))
    for (const minutes of [1, 2, 4]) {
      const early = await verify(await challengeOf(john), codeOf(john.secret))
      expect([early.status, Number(early.headers.get('retry-after'))]).toEqual([429, expect.any(Number)])
      passTime(minutes * 60)
      expect((await verify(await challengeOf(john), wrongCode(john.secret))).status).toBe(401)
    }
    expect(await failuresOf(john)).toBe(8)
    passTime(8 * 60)
    expect((await verify(await challengeOf(john), codeOf(john.secret))).status).toBe(200)
    expect(await failuresOf(john)).toBe(0)
  })

  it('S59: five wrong codes end a sign-in, whatever comes afterwards', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    for (let i = 0; i < 5; i++) {
      expect((await verify(mfaToken, wrongCode(john.secret))).body.code).toBe('factor_code_invalid')
    }
    passTime(61)
    expect((await verify(mfaToken, codeOf(john.secret))).body.code).toBe('mfa_token_invalid')
    expect((await verify(await challengeOf(john), codeOf(john.secret))).status).toBe(200)
  })

  it('S59: a hundred in a row disable the app, with an event and an alert; a recovery code ends that', async () => {
    const john = await guarded()
    await sql('INSERT INTO throttles VALUES (?, ?, 99, 1)', `account-factor:${john.id}`, john.id)
    const alerts = await alertsOf(async () => {
      expect((await verify(await challengeOf(john), wrongCode(john.secret))).status).toBe(401)
    })
    expect(alerts).toEqual([
      {
        level: 'alert',
        message: 'factor_disabled',
        account_id: john.id,
        request_id: expect.any(String),
      },
    ])
    const events = await sql(
      "SELECT details FROM audit_events WHERE subject_id = ? AND event = 'factor.disabled'",
      john.id,
    )
    expect(events).toEqual([{ details: '{"failures":100}' }])
    passTime(15 * 60)
    const right = await verify(await challengeOf(john), codeOf(john.secret))
    expect([right.status, right.body.code]).toEqual([401, 'factor_code_invalid'])
    const own = await caller(john.token).get('/auth/mfa')
    expect(own.body.factors[0].disabled).toBe(true)
    passTime(15 * 60)
    const [code = ''] = john.recoveryCodes
    expect((await verify(await challengeOf(john), code, { method: 'recovery_code' })).status).toBe(200)
    nextStep()
    expect((await verify(await challengeOf(john), codeOf(john.secret))).status).toBe(200)
  })

  it('S65: a reset does not refill the budget, nor does the cron', async () => {
    const john = await guarded()
    for (let i = 0; i < 3; i++) await verify(await challengeOf(john), wrongCode(john.secret))
    const again = await signInWithCode(john)
    for (let i = 0; i < 3; i++) await verify(await challengeOf(john), wrongCode(john.secret))
    const password = 'left-hand-thread-9-mm'
    expect((await again.patch('/auth/me', { password })).status).toBe(200)
    expect(await failuresOf(john)).toBe(3)
    passTime(400 * 86_400)
    await runCron()
    expect(await failuresOf(john)).toBe(3)
  })

  it('S23: tokens that were never issued count against their address', async () => {
    const visitor = anonymous()
    const statuses = []
    for (let i = 0; i < 21; i++)
      statuses.push((await verify(`never-issued-${i}`, '123456', { from: visitor })).status)
    expect(statuses).toEqual([...Array(20).fill(401), 429])
  })

  it('S104: says how many codes are left, for the account and not for the password', async () => {
    const john = await guarded()
    const answer = await verify(await challengeOf(john), wrongCode(john.secret))
    expect(answer.headers.get('ratelimit-policy')).toBe('"mfa";q=5;w=60')
    expect(answer.headers.get('ratelimit')).toBe('"mfa";r=4;t=60')
    const stepUp = await john.post('/auth/step-up', { method: 'totp', code: wrongCode(john.secret) })
    expect(stepUp.headers.get('ratelimit-policy')).toBe('"mfa";q=5;w=60')
    expect(stepUp.headers.get('ratelimit')).toBe('"mfa";r=3;t=60')
  })
})

describe('what happens meanwhile', () => {
  it('S27: a factor that is confirmed between password and session is asked for', async () => {
    const john = await customer()
    const { secret } = (await john.post('/auth/mfa/totp')).body
    beforeRoundTrip(2, async () => {
      expect((await john.post('/auth/mfa/totp/confirm', { code: codeOf(secret) })).status).toBe(200)
    })
    const answer = await anonymous().post('/auth/login', { email: john.email, password: PASSWORD })
    expect(answer.body.code).toBe('mfa_required')
  })

  it('trust that ends between password and session is gone', async () => {
    const john = await signInWithCode(await guarded(), true)
    beforeRoundTrip(2, () => sql('UPDATE devices SET trusted_until = NULL WHERE account_id = ?', john.id))
    const { email, password, deviceToken = '' } = john
    const answer = await anonymous().post('/auth/login', { email, password }, { 'Device-Token': deviceToken })
    expect(answer.body.code).toBe('mfa_required')
  })

  it('trust goes with the last of twenty wrong passwords on the device, and a sign-in that began before brings none back', async () => {
    const john = await signInWithCode(await guarded())
    const on = (deviceToken: string) => ({ 'Device-Token': deviceToken })
    const [before, trusting] = [
      await challengeOf(john, anonymous(), on(john.deviceToken ?? '')),
      await challengeOf(john, anonymous(), on(john.deviceToken ?? '')),
    ]
    const { body } = await verify(trusting, codeOf(john.secret), { trust_device: true })
    nextStep()
    const wrong = { email: john.email, password: 'wrong-wrench-41-nm' }
    for (const _ of TWENTY) await anonymous().post('/auth/login', wrong, on(body.device_token))
    expect((await john.get('/auth/mfa/trusted-devices')).body.items).toEqual([])
    const completed = await verify(before, codeOf(john.secret))
    expect(completed.status).toBe(200)
    const login = { email: john.email, password: PASSWORD }
    const next = await anonymous().post('/auth/login', login, on(completed.body.device_token))
    expect(next.body.code).toBe('mfa_required')
  })

  it.each([
    ['the password is changed', 'UPDATE accounts SET password_changed_at = 1 WHERE id = ?'],
    ['the password is taken away', 'UPDATE accounts SET password_hash = NULL WHERE id = ?'],
    ['the role is changed', "UPDATE accounts SET role = 'mechanic' WHERE id = ?"],
    ['the account is suspended', "UPDATE accounts SET status = 'suspended' WHERE id = ?"],
    ['the factor is removed', 'DELETE FROM factors WHERE account_id = ?'],
    ['the account is deleted', 'DELETE FROM accounts WHERE id = ?'],
  ])('S54: no session is opened if %s while the code is checked', async (_, change) => {
    for (const method of ['totp', 'recovery_code']) {
      const john = await guarded()
      const before = await sessionsOf(john)
      const code = method === 'totp' ? codeOf(john.secret) : (john.recoveryCodes[0] ?? '')
      const mfaToken = await challengeOf(john)
      beforeRoundTrip(2, () => sql(change, john.id))
      const answer = await verify(mfaToken, code, { method })
      expect([method, answer.status]).toEqual([method, 401])
      expect(await sessionsOf(john)).toBeLessThanOrEqual(before)
    }
  })

  it.each(['step-up', 'confirmation'])(
    'a session that ends during a %s is told so, not that the code is wrong',
    async (what) => {
      const john = what === 'step-up' ? await guarded() : await customer()
      const offered = what === 'step-up' ? undefined : (await john.post('/auth/mfa/totp')).body.secret
      const code = codeOf(offered ?? (john as Guarded).secret)
      beforeRoundTrip(3, () => sql('DELETE FROM sessions WHERE account_id = ?', john.id))
      const answer = offered
        ? await john.post('/auth/mfa/totp/confirm', { code })
        : await john.post('/auth/step-up', { method: 'totp', code })
      expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
      const failed = await sql(
        "SELECT id FROM audit_events WHERE event = 'factor.check_failed' AND subject_id = ?",
        john.id,
      )
      expect(failed).toEqual([])
    },
  )

  it('S53: a password that was enough when it was checked is not if a factor came meanwhile', async () => {
    const john = await customer()
    const { secret } = (await john.post('/auth/mfa/totp')).body
    const other = caller(
      (await anonymous().post('/auth/login', { email: john.email, password: PASSWORD })).body.token,
    )
    await sql(
      'UPDATE sessions SET authenticated_at = 1 WHERE id <> (SELECT id FROM sessions WHERE account_id = ?1 ORDER BY created_at LIMIT 1) AND account_id = ?1',
      john.id,
    )
    beforeRoundTrip(3, async () => {
      await john.post('/auth/mfa/totp/confirm', { code: codeOf(secret) })
    })
    const answer = await other.post('/auth/step-up', { password: PASSWORD })
    expect(answer.status).toBe(401)
  })
})

describe('what is not used up', () => {
  it.each([1, 2])('S103: code and mfa_token, when the database fails at round trip %s', async (trip) => {
    const john = await guarded()
    for (const method of ['totp', 'recovery_code']) {
      const code = method === 'totp' ? codeOf(john.secret) : (john.recoveryCodes[0] ?? '')
      const before = await sessionsOf(john)
      const mfaToken = await challengeOf(john)
      beforeRoundTrip(trip, () => {
        throw new Error('D1_ERROR: Network connection lost')
      })
      expect([method, (await verify(mfaToken, code, { method })).status]).toEqual([method, 503])
      expect([await sessionsOf(john), await failuresOf(john)]).toEqual([before, 0])
      expect([method, (await verify(mfaToken, code, { method })).status]).toEqual([method, 200])
    }
  })

  it('S64: the other code, when two right ones meet at one mfa_token', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    const [recoveryCode = ''] = john.recoveryCodes
    const answers = await Promise.all([
      verify(mfaToken, codeOf(john.secret)),
      verify(mfaToken, recoveryCode, { method: 'recovery_code' }),
    ])
    expect(succeeded(answers)).toHaveLength(1)
    const [byApp] = answers
    const other =
      byApp?.status === 200
        ? verify(await challengeOf(john), recoveryCode, { method: 'recovery_code' })
        : verify(await challengeOf(john), codeOf(john.secret))
    expect((await other).status).toBe(200)
  })
})

describe('S60: at rest', () => {
  it('S60: neither secret nor code nor token is in any table, in KV or in the log', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    const code = john.recoveryCodes[0] ?? ''
    const totp = codeOf(john.secret)
    expect((await verify(mfaToken, totp, { trust_device: true })).status).toBe(200)
    expect((await verify(await challengeOf(john), code, { method: 'recovery_code' })).status).toBe(200)
    const [factor] = await sql('SELECT id, secret FROM factors WHERE account_id = ?', john.id)
    const outcome = readSettings(testEnv)
    if ('faults' in outcome) throw new Error('settings')
    const keys = await loadKeys(outcome.settings)
    const box = { id: String(factor?.['id']), accountId: john.id, secret: String(factor?.['secret']) }
    const bytes = (await openFactorSecret(keys.factor, box)) ?? new Uint8Array()
    expect(bytes.length).toBe(20)
    const canaries = [
      john.secret,
      Buffer.from(bytes).toString('hex'),
      Buffer.from(bytes).toString('base64').replaceAll('=', ''),
      Buffer.from(bytes).toString('base64url'),
      mfaToken,
      ...john.recoveryCodes.flatMap((one) => [one, one.replaceAll('-', '')]),
    ]
    const tables = await sql(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    )
    const dump = [logLines.join('\n')]
    for (const { name } of tables) dump.push(JSON.stringify(await sql(`SELECT * FROM "${name}"`)))
    for (const { name } of (await testEnv.KV.list()).keys) dump.push(name, (await testEnv.KV.get(name)) ?? '')
    expect(dump.join('\n').length).toBeGreaterThan(1_000)
    for (const canary of canaries) expect(dump.join('\n')).not.toContain(canary)
    expect(logLines.join('\n')).not.toContain(totp)
  })

  it('S60: the same secret is another box each time, and one that is moved to another account does not open', async () => {
    const [john, jane] = [await guarded(), await guarded()]
    const boxOf = async ({ id }: Guarded) =>
      String((await sql('SELECT secret FROM factors WHERE account_id = ?', id))[0]?.['secret'])
    await sql('UPDATE factors SET secret = ? WHERE account_id = ?', await boxOf(john), jane.id)
    const alerts = await alertsOf(async () => {
      expect((await verify(await challengeOf(jane), codeOf(john.secret))).status).toBe(401)
    })
    expect(alerts).toEqual([
      {
        level: 'alert',
        message: 'factor_unreadable',
        factor_id: expect.any(String),
        key_id: (await boxOf(john)).slice(0, 8),
      },
    ])
    expect((await verify(await challengeOf(john), codeOf(john.secret))).status).toBe(200)
    await sql('DELETE FROM factors WHERE account_id = ?', jane.id)
  })
})

describe('S42: a rotation of DATA_KEY', () => {
  it('S42: the cron encrypts factors anew, and then they outlive the old key', async () => {
    const john = await guarded()
    const { secret } = (await (await customer()).post('/auth/mfa/totp')).body
    expect(secret).toMatch(/^[A-Z2-7]{32}$/)
    const added = { DATA_KEY_2: 'q3Zk9vX2mT7yLw8RbN4cJd6FhG1sPaQeUoIiVxYzA5E' }
    const keys = await keysUnder(added)
    const idsOf = async () =>
      (await sql('SELECT DISTINCT substr(secret, 1, 8) AS id FROM factors')).map(({ id }) => id)
    await runCron(added)
    expect(await idsOf()).toEqual([keys.factor.newest.id])
    const mfa_token = await challengeOf(john)
    const send = await withSettings({ ...added, DATA_KEY: undefined })
    const body = { mfa_token, method: 'totp', code: codeOf(john.secret) }
    const answer = await send('POST', '/auth/mfa/verify', body, { 'CF-Connecting-IP': caller().address })
    expect(answer.status).toBe(200)
  })
})

describe('the cron', () => {
  it('removes sign-ins and offers that are over, and no others', async () => {
    const john = await guarded()
    await john.post('/auth/mfa/totp')
    await challengeOf(john)
    passTime(599)
    await challengeOf(john)
    passTime(2)
    await runCron()
    const count = async (table: string) =>
      (await sql(`SELECT 1 FROM ${table} WHERE account_id = ?`, john.id)).length
    expect([await count('mfa_challenges'), await count('factors')]).toEqual([1, 2])
    passTime(3_000)
    await runCron()
    expect([await count('mfa_challenges'), await count('factors')]).toEqual([0, 1])
  })
})

it('a person who has enrolled can still be deleted, and nothing of the factor stays', async () => {
  const john = await enrol(await customer())
  await challengeOf(john)
  expect((await john.delete(`/customers/${john.id}`)).status).toBe(200)
  for (const table of ['factors', 'recovery_codes', 'mfa_challenges', 'throttles', 'devices'])
    expect([table, await sql(`SELECT 1 FROM ${table} WHERE account_id = ?`, john.id)]).toEqual([table, []])
})
