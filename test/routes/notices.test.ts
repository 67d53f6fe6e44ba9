/** Security notices: what happens to an account is told to its owner by mail. */
import { describe, expect, it } from 'vitest'
import { writeMail } from '../../src/outbox/texts.ts'
import { judgeFamiliarity, MAX_NOTICED_DEVICES, type SignInHistory } from '../../src/sign-in/familiarity.ts'
import { challengeOf, enrol, type Guarded, guarded, verify } from '../support/authenticator.ts'
import {
  admin,
  anonymous,
  caller,
  customer,
  ORIGIN,
  program,
  registration,
  send,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { mailProvider, mailsTo, mailTo, tokenIn } from '../support/mail-provider.ts'
import { codeOf } from '../support/one-time-code.ts'
import { d1, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'camshaft-lobe-profile'
const DEVICE = /^New sign-in/
const COUNTRY = /^Sign-in from a new country/
const CONFIRM = /^Confirm your address/
const DELETED = /^Your account at Mechanic Shop was deleted$/
const ADDED = /^A second factor was added/
const REMOVED = /^A second factor was removed/
const RESET = /^Your second factor was removed by the shop/
const CODE_USED = /^A recovery code was used/
const CODES_REPLACED = /^New recovery codes were made/

const rows = async (sql: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(sql)
      .bind(...values)
      .all()
  ).results

const noticesOf = (id: number) =>
  rows(
    "SELECT template FROM outbox_messages WHERE account_id = ? AND template LIKE 'new_%' ORDER BY number",
    id,
  )

interface From {
  readonly deviceToken?: string
  readonly country?: string
}

async function signIn({ email, password }: { email: string; password: string }, from: From = {}) {
  const { deviceToken, country } = from
  const answer = await send(
    new Request(`${ORIGIN}/auth/login`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'CF-Connecting-IP': caller().address,
        'User-Agent': 'Win a prize at evil.test',
        ...(deviceToken !== undefined && { 'Device-Token': deviceToken }),
      },
      body: JSON.stringify({ email, password }),
      ...(country !== undefined && { cf: { country } }),
    }),
  )
  expect(answer.status).toBe(200)
  return answer.body
}

describe('a sign-in', () => {
  it('is no news the first time, nor from a known device', async () => {
    const person = registration()
    const { id } = (await anonymous().post('/customers', person)).body
    const first = await signIn(person)
    const second = await signIn(person, { deviceToken: first.device_token })
    await signIn(person, { deviceToken: second.device_token })
    expect(await noticesOf(id)).toEqual([])
  })

  it('is told from a new device, with time and country and nothing that whoever signs in can write', async () => {
    const person = await customer()
    await signIn(person, { country: 'DE' })
    const { subject, text, html } = await mailTo(person.email, 1, DEVICE)
    expect(subject).toBe('New sign-in: your account at Mechanic Shop')
    expect(text).toMatch(/When: \d+ \w+ \d{4} at \d\d:\d\d UTC\. From: Germany\./)
    expect(text + html).not.toMatch(/evil|prize|Vera|Lindqvist/)
    expect((await anonymous().post('/auth/not-me', { token: tokenIn({ text } as never) })).status).toBe(200)
  })

  it('is told from a new country also on a known device, once for each country', async () => {
    const person = await customer()
    const { device_token } = await signIn(person, { country: 'DE' })
    const next = await signIn(person, { deviceToken: device_token, country: 'BR' })
    const { text } = await mailTo(person.email, 1, COUNTRY)
    expect(text).toContain('From: Brazil.')
    await signIn(person, { deviceToken: next.device_token, country: 'DE' })
    await signIn(person, { country: 'JP' })
    await mailTo(person.email, 2, COUNTRY)
    expect((await noticesOf(person.id)).map(({ template }) => template)).toEqual([
      'new_device',
      'new_country',
      'new_country',
    ])
  })

  it(`is told ${MAX_NOTICED_DEVICES} times a day where nobody keeps the device token, and again the day after`, async () => {
    const person = await customer()
    for (let time = 0; time < MAX_NOTICED_DEVICES + 3; time++) await signIn(person)
    const told = (await noticesOf(person.id)).length
    expect(told).toBe(MAX_NOTICED_DEVICES - 1)
    passTime(86_401)
    await signIn(person)
    expect(await noticesOf(person.id)).toHaveLength(told + 1)
  })

  it('is told again from everywhere once all devices were forgotten', async () => {
    const person = await customer()
    const { device_token } = await signIn(person)
    const token = tokenIn(await mailTo(person.email, 1, DEVICE))
    await anonymous().post('/auth/not-me', { token })
    await anonymous().post('/auth/password/forgot', { email: person.email })
    const reset = tokenIn(await mailTo(person.email, 1, /^Choose/))
    await anonymous().post('/auth/password/reset', { token: reset, password: NEW_PASSWORD })
    await signIn({ ...person, password: NEW_PASSWORD }, { deviceToken: device_token })
    await mailTo(person.email, 2, DEVICE)
  })

  it('costs two round trips, noticed or not', async () => {
    const person = await customer()
    for (const country of [undefined, 'DE', 'BR']) {
      const calls = d1.calls
      await signIn(person, country === undefined ? {} : { country })
      expect(d1.calls - calls).toBe(2)
    }
  })

  const BEFORE: SignInHistory = {
    sessionCount: 1,
    deviceCount: 1,
    newDeviceCount: 1,
    countryCount: 1,
    isCountryKnown: 1,
  }

  it.each<[string, Partial<SignInHistory>, boolean, string | undefined, string | undefined]>([
    ['known device and country', {}, true, 'DE', undefined],
    ['new device', {}, false, 'DE', 'device.added'],
    ['new country', { isCountryKnown: 0 }, true, 'BR', 'country.added'],
    ['both', { isCountryKnown: 0 }, false, 'BR', 'country.added'],
    ['the first country that is known at all', { isCountryKnown: 0, countryCount: 0 }, true, 'DE', undefined],
    ['no country', { isCountryKnown: 0 }, true, undefined, undefined],
    ['too many new devices', { newDeviceCount: 5 }, false, 'DE', undefined],
    [
      'too many new devices, but a new country',
      { newDeviceCount: 5, isCountryKnown: 0 },
      false,
      'BR',
      'country.added',
    ],
    [
      'every device forgotten by somebody',
      { sessionCount: 0, deviceCount: 0, newDeviceCount: 0 },
      false,
      'DE',
      'device.added',
    ],
    [
      'nothing before',
      { sessionCount: 0, deviceCount: 0, newDeviceCount: 0, countryCount: 0, isCountryKnown: 0 },
      false,
      'DE',
      undefined,
    ],
  ])('judges %s', (_, history, isDeviceKnown, country, expected) => {
    expect(judgeFamiliarity({ ...BEFORE, ...history }, isDeviceKnown, country)).toBe(expected)
  })
})

describe('a notice', () => {
  it('tells of a changed password, a reset, and a new API token, each with a link', async () => {
    const person = await customer()
    await program(person, 'profile:read')
    expect((await mailTo(person.email, 1, /^An API token was made/)).text).toContain('/links/not-me#token=')
    await person.patch('/auth/me', { password: NEW_PASSWORD })
    expect((await mailTo(person.email, 1, /^Your password was changed/)).text).toContain(
      '/links/not-me#token=',
    )
    await anonymous().post('/auth/password/forgot', { email: person.email })
    const token = tokenIn(await mailTo(person.email, 1, /^Choose/))
    await anonymous().post('/auth/password/reset', { token, password: `${NEW_PASSWORD}-2` })
    expect((await mailTo(person.email, 2, /^Your password was changed/)).text).toContain(
      '/links/not-me#token=',
    )
  })

  it('is not sent without end: of what is done 25 times in a day, twenty are', async () => {
    const person = await customer()
    for (let time = 0; time < 25; time++) {
      const { tokenId } = await program(person, 'profile:read')
      await person.delete(`/auth/tokens/${tokenId}`)
    }
    const told = await rows(
      "SELECT id FROM outbox_messages WHERE account_id = ? AND template = 'api_token_created'",
      person.id,
    )
    expect(told).toHaveLength(20)
    expect(
      await rows("SELECT number FROM mail_links WHERE account_id = ? AND purpose = 'not_me'", person.id),
    ).toHaveLength(20)
  })

  it('confirms a deletion, without a link', async () => {
    const person = await customer()
    await person.delete(`/customers/${person.id}`)
    const { text } = await mailTo(person.email, 1, /^Your account at Mechanic Shop was deleted$/)
    expect(text).not.toContain('http')
  })

  it('of what was refused there is none', async () => {
    const person = await customer()
    await person.post('/auth/logout')
    await person.patch('/auth/me', { password: NEW_PASSWORD })
    await person.delete(`/customers/${person.id}`)
    const other = await signedIn(person.email, person.password)
    await other.patch('/auth/me', { email: uniqueEmail(), password: 'short' })
    await other.delete(`/customers/${person.id}`, { current_password: 'not-the-password' })
    expect(mailsTo(person.email)).toEqual([])
  })

  it('tells the owner once that the password is disabled, and nobody where there is no account', async () => {
    const ask = await withSettings({ PASSWORD_MAX_FAILURES: '4', SIGN_IN_ACCOUNT_FAILURES: '4' })
    const person = await customer()
    const fail = (email: string) => ask('POST', '/auth/login', { email, password: 'not-the-password' })
    const stranger = uniqueEmail('nobody')
    await Promise.all(Array.from({ length: 4 }, () => fail(person.email)))
    for (let time = 0; time < 4; time++) await fail(stranger)
    passTime(3_600)
    await fail(person.email)
    const { text } = await mailTo(person.email, 1, /^Your password was disabled/)
    expect(text).toContain('/links/not-me#token=')
    const sent = await rows("SELECT account_id FROM outbox_messages WHERE template = 'password_disabled'")
    expect(sent).toEqual([{ account_id: person.id }])
  })

  it('tells the owner also where the password is guessed at in a session', async () => {
    const ask = await withSettings({ PASSWORD_MAX_FAILURES: '3' })
    const person = await customer()
    for (let time = 0; time < 3; time++)
      await ask(
        'POST',
        '/auth/step-up',
        { password: 'not-the-password' },
        { Authorization: `Bearer ${person.token}` },
      )
    await mailTo(person.email, 1, /^Your password was disabled/)
  })

  it('of a deletion by an admin goes to the last verified address, without a link', async () => {
    const [boss, person] = [await admin(), await customer()]
    await anonymous().post('/auth/email/verify', { token: tokenIn(await mailTo(person.email, 1, CONFIRM)) })
    await person.patch('/auth/me', { email: uniqueEmail('moved') })
    expect((await boss.delete(`/admin/accounts/${person.id}`)).status).toBe(200)
    expect((await mailTo(person.email, 1, DELETED)).text).not.toContain('http')
  })

  it('of a deletion there is none where it is refused', async () => {
    const [boss, person] = [await admin(), await customer()]
    const stale = await withSettings({ FRESH_AUTH_SECONDS: '0' })
    const token = { Authorization: `Bearer ${boss.token}` }
    expect((await stale('DELETE', `/admin/accounts/${person.id}`, undefined, token)).status).toBe(401)
    expect(mailsTo(person.email, DELETED)).toEqual([])
  })

  it('holds no country that is none', () => {
    const setting = { shopName: 'Shop', appUrl: 'https://app.test' }
    for (const country of ['', 'T1', '<b>', 'de'])
      expect(
        writeMail('new_device', { token: 't', at: '2026-01-15T10:00:00.000Z', country }, setting).text,
      ).toContain('When: 15 January 2026 at 10:00 UTC.\n\n')
  })
})

describe('S66: what happens to a second factor is told to its owner', () => {
  const byRecoveryCode = async (person: Guarded, code = person.recoveryCodes[0] ?? '') =>
    verify(await challengeOf(person), code, { method: 'recovery_code' })

  const linkOf = async (email: string, subject: RegExp) => {
    const token = tokenIn(await mailTo(email, 1, subject))
    expect(mailsTo(email, subject)).toHaveLength(1)
    return token
  }

  it('when it is added, not when it is offered, and "this was not me" ends the session that did it', async () => {
    const person = await customer()
    await person.post('/auth/mfa/totp')
    expect(mailsTo(person.email, ADDED)).toEqual([])
    await enrol(person)
    const token = await linkOf(person.email, ADDED)
    expect((await anonymous().post('/auth/not-me', { token })).status).toBe(200)
    expect((await person.get('/auth/me')).status).toBe(401)
  })

  it('when it is removed, by its owner or by an admin, who are told apart', async () => {
    const [boss, own, lost] = [await admin(), await guarded(), await guarded()]
    expect((await own.delete('/auth/mfa/totp')).status).toBe(200)
    await linkOf(own.email, REMOVED)
    const path = `/admin/accounts/${lost.id}/reset-mfa`
    expect((await boss.post(path)).body.removed).toBe(1)
    const { text } = await mailTo(lost.email, 1, RESET)
    expect(text).not.toContain('From:')
    expect((await boss.post(path)).body.removed).toBe(0)
    const token = await linkOf(lost.email, RESET)
    expect((await anonymous().post('/auth/not-me', { token })).status).toBe(200)
    expect([mailsTo(own.email, RESET), mailsTo(lost.email, REMOVED)]).toEqual([[], []])
  })

  it('S62: when a recovery code is used, at a sign-in or a step-up, and when there are new ones', async () => {
    const [john, jane] = [await guarded(), await guarded()]
    expect((await byRecoveryCode(john)).status).toBe(200)
    await linkOf(john.email, CODE_USED)
    const presented = { method: 'recovery_code', code: jane.recoveryCodes[1] }
    expect((await jane.post('/auth/step-up', presented)).status).toBe(200)
    await linkOf(jane.email, CODE_USED)
    expect((await jane.post('/auth/mfa/recovery-codes')).status).toBe(201)
    await linkOf(jane.email, CODES_REPLACED)
  })

  it('once for one recovery code, however many use it at once', async () => {
    const person = await guarded()
    const challenges = await Promise.all(Array.from({ length: 4 }, () => challengeOf(person)))
    const code = person.recoveryCodes[0] ?? ''
    const answers = await Promise.all(
      challenges.map((challenge) => verify(challenge, code, { method: 'recovery_code' })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    await linkOf(person.email, CODE_USED)
    const told = await rows(
      "SELECT id FROM outbox_messages WHERE account_id = ? AND template = 'recovery_code_used'",
      person.id,
    )
    expect(told).toHaveLength(1)
  })

  it('not of what was refused, nor of a code of the app', async () => {
    const person = await guarded()
    expect((await byRecoveryCode(person, '0000-0000-0000-0000-0000-0000')).status).toBe(401)
    expect((await verify(await challengeOf(person), codeOf(person.secret))).status).toBe(200)
    const plain = await customer()
    for (const answer of [
      await plain.delete('/auth/mfa/totp'),
      await plain.post('/auth/mfa/recovery-codes'),
      await plain.post('/auth/mfa/totp/confirm', { code: '123456' }),
    ])
      expect(answer.body.code).toBe('factor_not_found')
    expect([...mailsTo(person.email, CODE_USED), ...mailsTo(plain.email)]).toEqual([])
  })

  it('also while nobody takes mail: the factor counts, and the message waits', async () => {
    mailProvider.mood = 'down'
    const person = await guarded()
    mailProvider.mood = 'up'
    const waiting = await rows(
      "SELECT status FROM outbox_messages WHERE account_id = ? AND template = 'factor_added'",
      person.id,
    )
    expect(waiting).toEqual([{ status: 'queued' }])
  })
})
