/** Codes by SMS: guessing them, using one twice or elsewhere, having too many sent, and what is to be found of them. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { makeSmsCode, SMS_CODE_SECONDS } from '../../src/mfa/sms-code.ts'
import { isCountry, isNumberOf, isPhoneNumber, maskPhoneNumber } from '../../src/platform/phone-number.ts'
import { alertsOf, keysUnder } from '../support/audit-log.ts'
import { challengeOf, verify } from '../support/authenticator.ts'
import { type Answer, caller, customer, type Person } from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { beforeRoundTrip, logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import {
  askForCode,
  codeTo,
  enrolNumber,
  otherCode,
  textsTo,
  uniqueNumber,
  verifyEmail,
  type WithNumber,
  withNumber,
} from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

const sql = async (text: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(text)
      .bind(...values)
      .all<Record<string, unknown>>()
  ).results
const TWENTY = Array.from({ length: 20 }, (_, index) => index)
const bySms = { method: 'sms' }
const succeeded = (answers: Answer[]) => answers.filter(({ status }) => status < 300)
const sessionsOf = async ({ id }: Person) =>
  (await sql('SELECT id FROM sessions WHERE account_id = ?', id)).length
const offer = (person: Pick<Person, 'post'>, number: string) =>
  person.post('/auth/mfa/sms', { phone_number: number })
const eventsOf = (event: string) => sql('SELECT details FROM audit_events WHERE event = ?', event)

/** As many attempts at once as there are people who try: the throttle is not what lets only one of them through. */
const manyAtOnce = () => withSettings({ SIGN_IN_ACCOUNT_FAILURES: '100' })
const anywhere = () => ({ 'CF-Connecting-IP': caller().address })

/** A sign-in with a code that was sent for it. */
async function awaited(john: WithNumber): Promise<{ mfaToken: string; code: string }> {
  const mfaToken = await challengeOf(john)
  const before = textsTo(john.number).length
  const asked = await askForCode(mfaToken)
  if (asked.status !== 202) throw new Error(asked.text)
  return { mfaToken, code: await codeTo(john.number, before + 1) }
}

describe('S63: of twenty parallel uses of one code exactly one succeeds', () => {
  it('S63: at a sign-in', async () => {
    const john = await withNumber()
    const { mfaToken: mfa_token, code } = await awaited(john)
    const before = await sessionsOf(john)
    const send = await manyAtOnce()
    const answers = await Promise.all(
      TWENTY.map(() => send('POST', '/auth/mfa/verify', { mfa_token, ...bySms, code }, anywhere())),
    )
    expect(succeeded(answers)).toHaveLength(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]))
    expect(await sessionsOf(john)).toBe(before + 1)
    expect(await sql('SELECT 1 FROM sms_codes WHERE use LIKE ?', 'challenge:%')).toEqual([])
  })

  it('S63: at a step-up', async () => {
    const john = await withNumber()
    await john.post('/auth/step-up/challenge', bySms)
    const code = await codeTo(john.number, 2)
    const send = await manyAtOnce()
    const own = { Authorization: `Bearer ${john.token}` }
    const answers = await Promise.all(
      TWENTY.map(() => send('POST', '/auth/step-up', { ...bySms, code }, { ...own, ...anywhere() })),
    )
    expect(succeeded(answers)).toHaveLength(1)
  })

  it('S63: that confirms a number', async () => {
    const john = await customer()
    await verifyEmail(john)
    const number = uniqueNumber()
    await offer(john, number)
    const code = await codeTo(number)
    const send = await manyAtOnce()
    const own = { Authorization: `Bearer ${john.token}` }
    const answers = await Promise.all(
      TWENTY.map(() => send('POST', '/auth/mfa/sms/confirm', { code }, { ...own, ...anywhere() })),
    )
    expect(succeeded(answers)).toHaveLength(1)
    expect(await sql('SELECT 1 FROM recovery_codes WHERE account_id = ?', john.id)).toHaveLength(10)
    expect(await sql('SELECT 1 FROM factors WHERE account_id = ?', john.id)).toHaveLength(1)
  })
})

describe('S63: a code', () => {
  it('S56: has six digits, leading zeros kept, and is another each time', () => {
    const codes = Array.from({ length: 2_000 }, makeSmsCode)
    expect(codes.every((code) => /^[0-9]{6}$/.test(code))).toBe(true)
    expect(new Set(codes.map(([first]) => first)).size).toBe(10)
    expect(new Set(codes).size).toBeGreaterThan(1_950)
  })

  it('S63: is good at the sign-in that asked for it alone', async () => {
    const john = await withNumber()
    const [a, b] = [await awaited(john), await awaited(john)]
    const elsewhere = [
      await verify(b.mfaToken, a.code === b.code ? otherCode(a.code) : a.code, bySms),
      await verify(await challengeOf(john), b.code, bySms),
      await john.post('/auth/step-up', { ...bySms, code: b.code }),
    ]
    for (const { status, body } of elsewhere)
      expect([status, body.code]).toEqual([401, 'factor_code_invalid'])
    expect((await verify(a.mfaToken, a.code, bySms)).status).toBe(200)
    expect((await verify(b.mfaToken, b.code, bySms)).status).toBe(200)
  })

  it('S63: ends with the next one, at sign-in and confirmation', async () => {
    const john = await customer()
    await verifyEmail(john)
    const number = uniqueNumber()
    await offer(john, number)
    const first = await codeTo(number)
    await offer(john, number)
    const second = await codeTo(number, 2)
    const old = await john.post('/auth/mfa/sms/confirm', {
      code: first === second ? otherCode(first) : first,
    })
    expect(old.body.code).toBe('factor_code_invalid')
    expect((await john.post('/auth/mfa/sms/confirm', { code: second })).status).toBe(200)
    passTime(3_600)
    const enrolled = { ...john, number, recoveryCodes: [] }
    const { mfaToken, code } = await awaited(enrolled)
    await askForCode(mfaToken)
    const newer = await codeTo(number, 4)
    expect((await verify(mfaToken, code === newer ? otherCode(code) : code, bySms)).status).toBe(401)
    expect((await verify(mfaToken, newer, bySms)).status).toBe(200)
  })

  it('S63: is good for ten minutes', async () => {
    expect(SMS_CODE_SECONDS).toBe(600)
    const john = await withNumber()
    await john.post('/auth/step-up/challenge', bySms)
    const code = await codeTo(john.number, 2)
    passTime(601)
    expect((await john.post('/auth/step-up', { ...bySms, code })).status).toBe(401)
  })

  it.each([
    ['the number is given up', 'DELETE FROM factors WHERE account_id = ?'],
    [
      'another was sent',
      "UPDATE sms_codes SET mac = 'newer' WHERE factor_id IN (SELECT id FROM factors WHERE account_id = ?)",
    ],
    ['the password is changed', 'UPDATE accounts SET password_changed_at = 1 WHERE id = ?'],
    ['the account is suspended', "UPDATE accounts SET status = 'suspended' WHERE id = ?"],
    ['the account is deleted', 'DELETE FROM accounts WHERE id = ?'],
  ])('S54: opens no session if %s while it is checked', async (_, change) => {
    const john = await withNumber()
    const before = await sessionsOf(john)
    const { mfaToken, code } = await awaited(john)
    beforeRoundTrip(2, () => sql(change, john.id))
    expect((await verify(mfaToken, code, bySms)).status).toBe(401)
    expect(await sessionsOf(john)).toBeLessThanOrEqual(before)
  })

  it.each([
    ['the session ends', 'DELETE FROM sessions WHERE account_id = ?', 401],
    ['the address of mail is changed', 'UPDATE accounts SET email_verified_at = NULL WHERE id = ?', 403],
  ])('S54: is not sent if %s meanwhile', async (_, change, status) => {
    const john = await customer()
    await verifyEmail(john)
    const number = uniqueNumber()
    beforeRoundTrip(2, () => sql(change, john.id))
    expect((await offer(john, number)).status).toBe(status)
    for (const table of ['factors', 'sms_sends'])
      expect([table, await sql(`SELECT 1 FROM ${table} WHERE account_id = ?`, john.id)]).toEqual([table, []])
    expect(
      await sql("SELECT 1 FROM outbox_messages WHERE channel = 'sms' AND account_id = ?", john.id),
    ).toEqual([])
    expect(textsTo(number)).toEqual([])
  })

  it('S63: whose row is moved to another sign-in or account is good for neither', async () => {
    const [john, jane] = [await withNumber(), await withNumber()]
    const mine = await awaited(john)
    const target = await awaited(jane)
    const uses = await sql(
      "SELECT use, factor_id FROM sms_codes WHERE factor_id IN (SELECT id FROM factors WHERE account_id = ?) AND use LIKE 'challenge:%'",
      jane.id,
    )
    const [{ mac }] = (await sql(
      "SELECT mac FROM sms_codes WHERE factor_id IN (SELECT id FROM factors WHERE account_id = ?) AND use LIKE 'challenge:%'",
      john.id,
    )) as [{ mac: string }]
    await sql('UPDATE sms_codes SET mac = ? WHERE use = ?', mac, uses[0]?.['use'])
    expect((await verify(target.mfaToken, mine.code, bySms)).status).toBe(401)
  })
})

describe('S59: guessing', () => {
  it('S59: fifty wrong codes at once, over many sign-ins and addresses, share one budget', async () => {
    const john = await withNumber()
    const { mfaToken, code } = await awaited(john)
    const tokens = [mfaToken]
    for (let i = 0; i < 9; i++) tokens.push(await challengeOf(john))
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => verify(tokens[index % 10] ?? '', otherCode(code), bySms)),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(5)
    expect(statuses.filter((status) => status === 429)).toHaveLength(45)
    expect((await verify(mfaToken, code, bySms)).status).toBe(429)
    expect((await askForCode(await challengeOf(john))).status).toBe(429)
    expect(textsTo(john.number)).toHaveLength(2)
  })

  it('S59: a hundred in a row disable the number, to which no code is sent any more', async () => {
    const john = await withNumber()
    const { mfaToken, code } = await awaited(john)
    await sql('INSERT INTO throttles VALUES (?, ?, 100, 1)', `account-factor:${john.id}`, john.id)
    expect((await verify(mfaToken, code, bySms)).body.code).toBe('factor_code_invalid')
    passTime(15 * 60)
    expect((await askForCode(await challengeOf(john))).body.code).toBe('factor_not_found')
    expect((await caller(john.token).get('/auth/mfa')).body.factors[0].disabled).toBe(true)
    const [recovery = ''] = john.recoveryCodes
    const byCode = await verify(await challengeOf(john), recovery, { method: 'recovery_code' })
    expect(byCode.status).toBe(200)
    expect((await askForCode(await challengeOf(john))).status).toBe(202)
  })

  it('S23: tokens that were never issued count against their address', async () => {
    const visitor = caller()
    const statuses = []
    for (let i = 0; i < 21; i++) statuses.push((await askForCode(`never-issued-${i}`, visitor)).status)
    expect(statuses).toEqual([...Array(20).fill(401), 429])
  })
})

describe('S63: having codes sent', () => {
  it('S63: is for three an hour to one number, whoever asks and however many at once', async () => {
    const number = uniqueNumber()
    const people = await Promise.all(Array.from({ length: 4 }, () => customer()))
    for (const person of people) await verifyEmail(person)
    const answers = await Promise.all(
      people.flatMap((person) => [offer(person, number), offer(person, number)]),
    )
    expect(succeeded(answers)).toHaveLength(3)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(5)
    for (const { headers } of refused) {
      expect(headers.get('ratelimit-policy')).toBe('"sms";q=3;w=3600')
      expect(headers.get('ratelimit')).toMatch(/^"sms";r=0;t=3[56]\d\d$/)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(3_500)
    }
    passTime(3_500)
    const [first] = people
    await first?.post('/auth/step-up', { password: first.password })
    expect((await offer(first as Person, number)).status).toBe(429)
    passTime(101)
    expect((await offer(first as Person, number)).status).toBe(201)
    await codeTo(number, 4)
    expect(textsTo(number)).toHaveLength(4)
  })

  it('S63: is for three an hour of one account, to however many numbers and for whatever', async () => {
    const john = await withNumber()
    expect((await offer(john, uniqueNumber())).status).toBe(201)
    const mfaToken = await challengeOf(john)
    expect((await askForCode(mfaToken)).status).toBe(202)
    const answers = [
      await offer(john, uniqueNumber()),
      await askForCode(mfaToken),
      await john.post('/auth/step-up/challenge', bySms),
    ]
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 429])
    expect((await verify(mfaToken, await codeTo(john.number, 2), bySms)).status).toBe(200)
  })

  it('S63: gives nothing back to whoever deletes the account', async () => {
    const number = uniqueNumber()
    for (let i = 0; i < 3; i++) {
      const person = await customer()
      await verifyEmail(person)
      expect((await offer(person, number)).status).toBe(201)
      expect((await person.delete(`/customers/${person.id}`)).status).toBe(200)
    }
    const next = await customer()
    await verifyEmail(next)
    expect((await offer(next, number)).status).toBe(429)
  })

  it('S63: ends for the day, and for everybody, at the ceiling; with one event and one alert', async () => {
    passTime(86_400 - (Math.floor(Date.now() / 1000) % 86_400))
    const send = await withSettings({ SMS_DAILY_LIMIT: '2' })
    const offerBy = async (person: Person) =>
      send(
        'POST',
        '/auth/mfa/sms',
        { phone_number: uniqueNumber() },
        { Authorization: `Bearer ${person.token}`, ...anywhere() },
      )
    const people = await Promise.all(Array.from({ length: 5 }, () => customer()))
    for (const person of people) await verifyEmail(person)
    let answers: Answer[] = []
    const alerts = await alertsOf(async () => {
      answers = await Promise.all(people.map(offerBy))
    })
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 503, 503, 503])
    for (const { body, headers } of answers.filter(({ status }) => status === 503)) {
      expect(body.code).toBe('sms_unavailable')
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(86_000)
    }
    expect(alerts).toEqual([
      { level: 'alert', message: 'sms_limit_reached', limit: 2, request_id: expect.any(String) },
    ])
    expect(await eventsOf('sms.limit_reached')).toEqual([{ details: '{"limit":2}' }])
    const [first] = people as [Person]
    passTime(86_400)
    const token = (await caller().post('/auth/login', { email: first.email, password: first.password })).body
      .token
    expect((await offerBy({ ...first, token })).status).toBe(201)
  })
})

describe('S60: at rest', () => {
  it('S60: neither number nor code nor token is in any table, in KV or in the log', async () => {
    const john = await withNumber()
    const { mfaToken, code } = await awaited(john)
    await offer(john, uniqueNumber())
    const tables = await sql(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    )
    const dump = [logLines.join('\n')]
    for (const { name } of tables) dump.push(JSON.stringify(await sql(`SELECT * FROM "${name}"`)))
    for (const { name } of (await testEnv.KV.list()).keys) dump.push(name, (await testEnv.KV.get(name)) ?? '')
    expect(dump.join('\n').length).toBeGreaterThan(1_000)
    const canaries = [john.number, john.number.slice(1), btoa(john.number), mfaToken]
    for (const canary of canaries) expect(dump.join('\n')).not.toContain(canary)
    expect(logLines.join('\n')).not.toContain(code)
    for (const { use, mac } of await sql('SELECT use, mac FROM sms_codes'))
      expect(`${use} ${mac}`).not.toMatch(new RegExp(`\\b${code}\\b`))
    expect((await verify(mfaToken, code, bySms)).status).toBe(200)
  })

  it('S60: a number that is moved to another account does not open, and gets nothing', async () => {
    const [john, jane] = [await withNumber(), await withNumber()]
    const [{ secret }] = (await sql('SELECT secret FROM factors WHERE account_id = ?', john.id)) as [
      { secret: string },
    ]
    await sql('UPDATE factors SET secret = ? WHERE account_id = ?', secret, jane.id)
    const mfaToken = await challengeOf(jane)
    const alerts = await alertsOf(async () => {
      expect((await askForCode(mfaToken)).body.code).toBe('sms_unavailable')
    })
    expect(alerts).toEqual([
      {
        level: 'alert',
        message: 'factor_unreadable',
        factor_id: expect.any(String),
        key_id: secret.slice(0, 8),
      },
    ])
    expect((await jane.get('/auth/mfa')).body.factors[0].phone_number).toBeNull()
    await sql('DELETE FROM factors WHERE account_id = ?', jane.id)
  })

  it('S42: codes outlive a new SECRET_KEY, and numbers the end of an old DATA_KEY', async () => {
    const john = await withNumber()
    const { mfaToken: mfa_token, code } = await awaited(john)
    const added = {
      SECRET_KEY_2: randomBytes(32).toString('base64url'),
      DATA_KEY_2: randomBytes(32).toString('base64url'),
    }
    await runCron(added)
    const keys = await keysUnder(added)
    const [row] = await sql('SELECT substr(secret, 1, 8) AS id FROM factors WHERE account_id = ?', john.id)
    expect(row).toEqual({ id: keys.factor.newest.id })
    const send = await withSettings(added)
    const wrong = await send(
      'POST',
      '/auth/mfa/verify',
      { mfa_token, ...bySms, code: otherCode(code) },
      anywhere(),
    )
    expect(wrong.status).toBe(401)
    const right = await send('POST', '/auth/mfa/verify', { mfa_token, ...bySms, code }, anywhere())
    expect(right.status).toBe(200)
    const later = await withSettings({ ...added, DATA_KEY: undefined })
    const own = { Authorization: `Bearer ${right.body.token}` }
    const shown = (await later('GET', '/auth/mfa', undefined, own)).body.factors[0].phone_number
    expect(shown).toBe(maskPhoneNumber(john.number))
  })

  it('the cron removes codes that are over and sends that nothing counts, and no others', async () => {
    const john = await enrolNumber(await customer())
    await awaited(john)
    const count = async (table: string, column: string, value: unknown) =>
      (await sql(`SELECT 1 FROM ${table} WHERE ${column} = ?`, value)).length
    const [{ id }] = (await sql('SELECT id FROM factors WHERE account_id = ?', john.id)) as [{ id: string }]
    const counts = async () => [
      await count('sms_codes', 'factor_id', id),
      await count('sms_sends', 'account_id', john.id),
    ]
    await runCron()
    expect(await counts()).toEqual([1, 2])
    passTime(601)
    await runCron()
    expect(await counts()).toEqual([0, 2])
    passTime(86_400)
    await runCron()
    expect(await counts()).toEqual([0, 0])
  })
})

describe('numbers', () => {
  it.each([
    ['+4915112345678', ['DE']],
    ['+12125550123', ['US']],
    ['+12125550123', ['CA']],
    ['+390612345678', ['IT']],
    ['+447700900123', ['GB']],
    ['+447624123456', ['IM']],
    ['+77012345678', ['KZ']],
    ['+262639123456', ['YT']],
    ['+447781012345', ['GG']],
  ])('S63: %s is one of %s', (number, countries) => {
    expect([isPhoneNumber(number), isNumberOf(number, countries)]).toEqual([true, true])
  })

  it.each([
    ['+447624123456', ['GB']],
    ['+447012345678', ['GB']],
    ['+449012345678', ['GB']],
    ['+18765551234', ['US', 'CA']],
    ['+77012345678', ['RU']],
    ['+88213123456', ['DE', 'US']],
    ['+97912345678', ['DE', 'US']],
    ['+4915112345678', []],
    ['+4901511234567', ['DE']],
  ])('S63: %s is none of %s', (number, countries) => {
    expect(isNumberOf(number, countries)).toBe(false)
  })

  it('have countries by their two letters, and no others', () => {
    expect(['DE', 'US', 'GB', 'JM', 'VA', 'XK'].every(isCountry)).toBe(true)
    expect(['', 'D', 'de', 'DEU', '--', 'XX', 'UK', '49'].some(isCountry)).toBe(false)
  })
})
