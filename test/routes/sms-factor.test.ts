/** /auth/mfa/sms: a telephone number as second factor, signing in and stepping up with it, giving it up. */
import { afterEach, describe, expect, it } from 'vitest'
import { challengeOf, guarded, nextStep, verify, wrongCode } from '../support/authenticator.ts'
import { admin, anonymous, customer, type Person, program } from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { codeOf } from '../support/one-time-code.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { d1, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import {
  askForCode,
  codeTo,
  enrolNumber,
  otherCode,
  smsProvider,
  textsTo,
  uniqueNumber,
  verifyEmail,
  withNumber,
} from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

const login = ({ email, password }: Person) => anonymous().post('/auth/login', { email, password })
const bySms = { method: 'sms' }
const offer = (person: Pick<Person, 'post'>, number: unknown) =>
  person.post('/auth/mfa/sms', { phone_number: number })
const sql = async (text: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(text)
      .bind(...values)
      .all<Record<string, unknown>>()
  ).results
const verified = async () => {
  const person = await customer()
  await verifyEmail(person)
  return person
}

afterEach(() => {
  smsProvider.isDown = false
})

describe('a telephone number', () => {
  it('S63: counts once the code that was sent to it is confirmed, which gives ten recovery codes', async () => {
    const john = await verified()
    const number = uniqueNumber()
    const offered = await offer(john, number)
    expect([offered.status, Object.keys(offered.body)]).toEqual([201, ['factor_id']])
    expect(offered.headers.get('ratelimit-policy')).toBe('"sms";q=3;w=3600')
    expect(offered.headers.get('ratelimit')).toBe('"sms";r=2;t=3600')
    const code = await codeTo(number)
    expect((await login(john)).status).toBe(200)
    const wrong = await john.post('/auth/mfa/sms/confirm', { code: otherCode(code) })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'factor_code_invalid'])
    const { status, body } = await john.post('/auth/mfa/sms/confirm', { code })
    expect([status, body.recovery_codes.length]).toEqual([200, 10])
    expect((await john.get('/auth/mfa')).body).toEqual({
      factors: [
        {
          id: offered.body.factor_id,
          method: 'sms',
          confirmed_at: expect.any(String),
          disabled: false,
          phone_number: `+49•••••${number.slice(-2)}`,
        },
      ],
      recovery_codes_left: 10,
    })
    expect((await login(john)).body).toMatchObject({
      code: 'mfa_required',
      methods: ['sms', 'recovery_code'],
    })
    const again = await john.post('/auth/mfa/sms/confirm', { code })
    expect([again.status, again.body.code]).toEqual([404, 'factor_not_found'])
  })

  it('S78: is taken only from an account whose address of mail is verified', async () => {
    const number = uniqueNumber()
    const { status, body } = await offer(await customer(), number)
    expect([status, body.code]).toEqual([403, 'email_unverified'])
    expect(textsTo(number)).toEqual([])
  })

  it('S63: is one of an allowed country, no premium service, and written in one way', async () => {
    const john = await verified()
    for (const [what, number] of [
      ['of a satellite', '+881612345678'],
      ['of another country', '+33612345678'],
      ['of an island in the plan of an allowed one', '+18765551234'],
      ['of a premium service', '+4990012345678'],
      ['of a premium service of the United States', '+19005551234'],
      ['that is too short for the plan', '+1555123'],
      ['without a plus', '4915112345678'],
      ['with blanks', '+49 151 12345678'],
      ['with another plus', '＋4915112345678'],
      ['in other digits', '+４９15112345678'],
      ['of sixteen digits', '+4915112345678901'],
      ['with a letter', '+49151123456x'],
      ['with an extension', '+4915112345678;ext=1'],
      ['with a line break', '+4915112345678\n'],
      ['that is a number of JSON', 4915112345678],
      ['that is none', null],
      ['that begins with a zero', '+49015112345678'],
    ]) {
      const { status, body } = await offer(john, number)
      expect([what, status, Object.keys(body.errors ?? {})]).toEqual([what, 400, ['phone_number']])
    }
    expect(await sql('SELECT 1 FROM sms_sends WHERE account_id = ?', john.id)).toEqual([])
  })

  it('S67: is confirmed by six ASCII digits only', async () => {
    const john = await withNumber()
    const mfaToken = await challengeOf(john)
    for (const code of [123456, '１２３４５６', '123 456', '12345', '1234567', ['123456'], null]) {
      expect((await john.post('/auth/mfa/sms/confirm', { code })).status).toBe(400)
      const body = { mfa_token: mfaToken, method: 'sms', code }
      expect((await anonymous().post('/auth/mfa/verify', body)).status).toBe(400)
    }
  })

  it('S53: is got and given up by a fresh session only, and by no program', async () => {
    const john = await withNumber()
    const till = await program(john, 'profile:write')
    passTime(601)
    const changes = (who: Pick<Person, 'post' | 'delete'>) => [
      offer(who, uniqueNumber()),
      who.post('/auth/mfa/sms/confirm', { code: '123456' }),
      who.delete('/auth/mfa/sms'),
    ]
    for (const answer of await Promise.all(changes(john))) {
      expect([answer.status, answer.body.code]).toEqual([401, 'reauthentication_required'])
    }
    for (const answer of await Promise.all([...changes(till), till.post('/auth/step-up/challenge', bySms)])) {
      expect([answer.status, answer.body.code]).toEqual([403, 'session_required'])
    }
  })

  it('S61: stays until the one in its place is confirmed', async () => {
    const john = await withNumber()
    const next = uniqueNumber()
    expect((await offer(john, next)).status).toBe(201)
    await askForCode(await challengeOf(john))
    await codeTo(john.number, 2)
    expect(textsTo(next)).toHaveLength(1)
    expect((await john.post('/auth/mfa/sms/confirm', { code: await codeTo(next) })).status).toBe(200)
    expect((await john.get('/auth/mfa')).body.factors).toMatchObject([
      { phone_number: `+49•••••${next.slice(-2)}` },
    ])
  })

  it('stands beside an app, which is offered first; and goes without it', async () => {
    const jane = await guarded()
    const both = await enrolNumber(jane)
    nextStep()
    const first = await login(both)
    expect(first.body.methods).toEqual(['totp', 'sms', 'recovery_code'])
    expect((await verify(first.body.mfa_token, codeOf(jane.secret))).status).toBe(200)
    const mfaToken = await challengeOf(both)
    expect((await askForCode(mfaToken)).status).toBe(202)
    expect((await verify(mfaToken, await codeTo(both.number, 2), bySms)).status).toBe(200)
    expect((await both.delete('/auth/mfa/sms')).status).toBe(200)
    const left = (await both.get('/auth/mfa')).body
    expect([left.factors.map(({ method }: { method: string }) => method), left.recovery_codes_left]).toEqual([
      ['totp'],
      10,
    ])
    expect((await login(both)).body.methods).toEqual(['totp', 'recovery_code'])
  })

  it('S66: is given up, and with the last factor the recovery codes', async () => {
    const john = await withNumber()
    const mfaToken = await challengeOf(john)
    expect((await john.delete('/auth/mfa/sms')).status).toBe(200)
    expect((await john.get('/auth/mfa')).body).toEqual({ factors: [], recovery_codes_left: 0 })
    expect((await askForCode(mfaToken)).body.code).toBe('mfa_token_invalid')
    expect((await login(john)).status).toBe(200)
    expect((await john.delete('/auth/mfa/sms')).body.code).toBe('factor_not_found')
  })

  it('S66: is removed by an admin with every other factor, on offer too', async () => {
    const both = await enrolNumber(await guarded())
    await offer(both, uniqueNumber())
    const answer = await (await admin()).post(`/admin/accounts/${both.id}/reset-mfa`)
    expect(answer.body.removed).toBe(2)
    for (const table of ['factors', 'recovery_codes'])
      expect(await sql(`SELECT 1 FROM ${table} WHERE account_id = ?`, both.id)).toEqual([])
    expect(await sql('SELECT 1 FROM sms_codes WHERE use = ?', `offer:${both.id}`)).toEqual([])
  })
})

describe('a code by SMS', () => {
  it('S63: completes the sign-in that asked for it, and the session says so', async () => {
    const john = await withNumber()
    const mfaToken = await challengeOf(john)
    const asked = await askForCode(mfaToken)
    expect([asked.status, asked.body]).toEqual([202, { message: 'Code sent' }])
    const code = await codeTo(john.number, 2)
    expect(textsTo(john.number)[1]?.body).toBe(
      `${code} is your code for Mechanic Shop. It is good for 10 minutes. Never pass it on.`,
    )
    await scheduler.wait(50)
    const calls = d1.calls
    const answer = await verify(mfaToken, code, { ...bySms, trust_device: true })
    expect(d1.calls - calls).toBe(2)
    expect([answer.status, answer.body.account.id]).toEqual([200, john.id])
    const [session] = await sql(
      'SELECT methods FROM sessions WHERE account_id = ? ORDER BY created_at DESC, rowid DESC',
      john.id,
    )
    expect(session).toEqual({ methods: '["password","sms"]' })
    const { email, password } = john
    const trusted = await anonymous().post(
      '/auth/login',
      { email, password },
      { 'Device-Token': answer.body.device_token },
    )
    expect(trusted.status).toBe(200)
  })

  it('S63: makes the session that asked for it fresh, and no other', async () => {
    const john = await withNumber()
    passTime(601)
    const asked = await john.post('/auth/step-up/challenge', bySms)
    expect(asked.status).toBe(202)
    const code = await codeTo(john.number, 2)
    const mfaToken = await challengeOf(john)
    expect((await verify(mfaToken, code, bySms)).status).toBe(401)
    expect((await john.post('/auth/step-up', { ...bySms, code })).status).toBe(200)
    expect((await john.post('/auth/step-up', { ...bySms, code })).body.code).toBe('factor_code_invalid')
    expect((await john.delete('/auth/mfa/sms')).status).toBe(200)
  })

  it('is sent to nobody who has no such factor', async () => {
    const jane = await guarded()
    const answers = [
      await askForCode(await challengeOf(jane)),
      await jane.post('/auth/step-up/challenge', bySms),
      await (await customer()).post('/auth/step-up/challenge', bySms),
    ]
    expect(answers.map(({ body }) => body.code)).toEqual(Array(3).fill('factor_not_found'))
    const byUnknown = await askForCode('never-issued')
    expect([byUnknown.status, byUnknown.body.code]).toEqual([401, 'mfa_token_invalid'])
    for (const body of [{ mfa_token: 'x', method: 'totp' }, { method: 'sms' }, { mfa_token: 'x' }])
      expect((await anonymous().post('/auth/mfa/challenge', body)).status).toBe(400)
  })

  it('a provider that is down loses nothing: the cron sends it, and it counts', async () => {
    const john = await withNumber()
    const mfaToken = await challengeOf(john)
    smsProvider.isDown = true
    const before = smsProvider.asked
    expect((await askForCode(mfaToken)).status).toBe(202)
    while (smsProvider.asked === before) await scheduler.wait(5)
    for (let look = 0; look < 200; look++) {
      const [row] = await sql(
        'SELECT leased_until, attempts FROM outbox_messages WHERE account_id = ? ORDER BY number DESC',
        john.id,
      )
      if (row?.['leased_until'] === 0 && row['attempts'] === 1) break
      await scheduler.wait(5)
    }
    expect(textsTo(john.number)).toHaveLength(1)
    smsProvider.isDown = false
    passTime(300)
    await runCron()
    expect((await verify(mfaToken, await codeTo(john.number, 2), bySms)).status).toBe(200)
    await runCron()
    expect(textsTo(john.number)).toHaveLength(2)
  })
})

describe('a service that sends no SMS', () => {
  it.each([
    ['without a provider', { SMS_PROVIDER: 'none' }],
    ['without a country', { SMS_COUNTRIES: '' }],
  ])('%s says so, and sign-ins go on by other methods', async (_, settings) => {
    const john = await withNumber()
    const mfa_token = await challengeOf(john)
    const send = await withSettings(settings)
    const own = { Authorization: `Bearer ${john.token}` }
    const answers = [
      await send('POST', '/auth/mfa/sms', { phone_number: uniqueNumber() }, own),
      await send('POST', '/auth/step-up/challenge', bySms, own),
      await send('POST', '/auth/mfa/challenge', { mfa_token, ...bySms }),
    ]
    for (const { status, body, headers } of answers)
      expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'sms_unavailable', '3600'])
    const code = john.recoveryCodes[0]
    const answer = await send('POST', '/auth/mfa/verify', { mfa_token, method: 'recovery_code', code })
    expect(answer.status).toBe(200)
  })

  it('sends none to a number whose country is allowed no more', async () => {
    const john = await withNumber()
    const mfa_token = await challengeOf(john)
    const answer = await (await withSettings({ SMS_COUNTRIES: 'AT, US' }))('POST', '/auth/mfa/challenge', {
      mfa_token,
      ...bySms,
    })
    expect([answer.status, answer.body.code]).toEqual([503, 'sms_unavailable'])
    expect(textsTo(john.number)).toHaveLength(1)
  })

  it.each(['Germany', 'de', '49', 'XX', '--', 'DE;AT'])(
    'refuses to serve with SMS_COUNTRIES %s',
    async (text) => {
      const answer = await (await withSettings({ SMS_COUNTRIES: text }))('GET', '/')
      expect([answer.status, answer.body.code]).toEqual([503, 'misconfigured'])
    },
  )
})

it('wrong codes of both kinds are one count', async () => {
  const both = await enrolNumber(await guarded())
  const mfaToken = await challengeOf(both)
  await askForCode(mfaToken)
  const code = await codeTo(both.number, 2)
  for (let i = 0; i < 3; i++) await verify(mfaToken, wrongCode(both.secret))
  for (let i = 0; i < 2; i++) await verify(await challengeOf(both), otherCode(code), bySms)
  const [row] = await sql('SELECT failures FROM throttles WHERE key = ?', `account-factor:${both.id}`)
  expect(row).toEqual({ failures: 5 })
  const right = await verify(mfaToken, code, bySms)
  expect(right.status).toBe(429)
})

it('every answer of this file is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
