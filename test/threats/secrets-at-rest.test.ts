/** What somebody finds who gets hold of the whole database, of KV and of the log: none of the secrets of a life. */
import { beforeAll, expect, it } from 'vitest'
import { enrol, nextStep, verify } from '../support/authenticator.ts'
import {
  admin,
  anonymous,
  caller,
  type Person,
  program,
  registration,
  uniqueEmail,
} from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { mails, mailTo, tokenIn } from '../support/mail-provider.ts'
import { codeOf } from '../support/one-time-code.ts'
import { logLines } from '../support/production-limits.ts'
import { codeTo, texts, uniqueNumber } from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

const PASSWORDS = ['canary-of-the-first-life-1', 'canary-of-the-second-life-2', 'canary-of-the-third-life-3']

const KINDS = [
  'API token',
  'access token',
  'device token',
  'link',
  'mfa token',
  'number',
  'password',
  'recovery code',
  'refresh token',
  'secret of an app',
]

/** By what each is, every secret that was sent or answered. */
const secrets: Record<string, string[]> = {}

function keep(what: string, ...values: (string | undefined)[]): void {
  secrets[what] = [...(secrets[what] ?? []), ...values.filter((value) => value !== undefined)]
}

/** The tokens of an answer that signs in. */
function keepTokens(body: Record<string, string>): Record<string, string> {
  keep('access token', body['token'], body['token']?.split('.')[2])
  keep('refresh token', body['refresh_token'])
  keep('device token', body['device_token'])
  keep('mfa token', body['mfa_token'])
  return body
}

async function signIn(email: string, password: string): Promise<Record<string, string>> {
  const { body } = await anonymous().post('/auth/login', { email, password })
  return keepTokens(body)
}

async function useLink(path: string, address: string, subject: RegExp, more: object = {}): Promise<number> {
  const token = tokenIn(await mailTo(address, 1, subject))
  return (await anonymous().post(path, { token, ...more })).status
}

beforeAll(async () => {
  keep('password', ...PASSWORDS)
  const [first = '', second = '', third = ''] = PASSWORDS
  const john = registration({ password: first })
  const { id } = (await anonymous().post('/customers', john)).body
  expect(await useLink('/auth/email/verify', john.email, /^Confirm/)).toBe(200)
  const session = await signIn(john.email, first)
  const person: Person = {
    ...caller(session['token']),
    ...{ id, email: john.email, password: first, token: session['token'] ?? '' },
    refreshToken: session['refresh_token'] ?? '',
  }
  const refreshed = await anonymous().post('/auth/refresh', { refresh_token: session['refresh_token'] })
  keepTokens(refreshed.body)
  keep('API token', (await program(person, 'profile:read')).token)

  const guarded = await enrol(person)
  keep('secret of an app', guarded.secret)
  keep('recovery code', ...guarded.recoveryCodes)
  const number = uniqueNumber()
  keep('number', number)
  expect((await guarded.post('/auth/mfa/sms', { phone_number: number })).status).toBe(201)
  const confirmed = await guarded.post('/auth/mfa/sms/confirm', { code: await codeTo(number) })
  const [byHand] = confirmed.body.recovery_codes
  keep('recovery code', ...confirmed.body.recovery_codes)

  const challenged = async () => (await signIn(john.email, first))['mfa_token'] ?? ''
  const bySms = await challenged()
  expect((await anonymous().post('/auth/mfa/challenge', { mfa_token: bySms, method: 'sms' })).status).toBe(
    202,
  )
  keepTokens((await verify(bySms, await codeTo(number, 2), { method: 'sms' })).body)
  nextStep()
  keepTokens((await verify(await challenged(), codeOf(guarded.secret), { trust_device: true })).body)
  const last = await verify(await challenged(), byHand, { method: 'recovery_code' })
  keepTokens(last.body)

  const now = caller(last.body.token)
  const moved = uniqueEmail('moved')
  await now.patch('/auth/me', { email: moved })
  const changed = await now.post('/auth/password/change', { current_password: first, password: second })
  expect(changed.status).toBe(200)
  expect(
    await useLink('/auth/email/undo', john.email, /^Your address/, {
      method: 'recovery_code',
      code: confirmed.body.recovery_codes[1],
    }),
  ).toBe(200)
  await anonymous().post('/auth/password/forgot', { email: john.email })
  expect(await useLink('/auth/password/reset', john.email, /^Choose/, { password: third })).toBe(200)
  expect(await useLink('/auth/not-me', john.email, /^A recovery code/)).toBe(200)
  const boss = await admin()
  await boss.post('/admin/accounts', { email: uniqueEmail('invited'), role: 'mechanic' })
  await runCron()
  keep('link', ...mails.flatMap(({ text }) => /#token=(\S+)/.exec(text)?.[1]))
}, 60_000)

async function dumpEverything(): Promise<string> {
  const { results: tables } = await testEnv.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>()
  const dump = [logLines.join('\n')]
  for (const { name } of tables) {
    dump.push(JSON.stringify((await testEnv.DB.prepare(`SELECT * FROM "${name}"`).all()).results))
  }
  for (const { name } of (await testEnv.KV.list()).keys) dump.push(name, (await testEnv.KV.get(name)) ?? '')
  return dump.join('\n')
}

it('S11, S60, S110: every kind of secret was used, and none is in a table, in KV or in the log', async () => {
  const used = Object.keys(secrets).filter((what) => (secrets[what] ?? []).length > 0)
  expect(used.toSorted()).toEqual(KINDS)
  const dump = await dumpEverything()
  expect(dump.length).toBeGreaterThan(10_000)
  for (const [what, values] of Object.entries(secrets)) {
    for (const value of values) expect([what, dump.includes(value)]).toEqual([what, false])
  }
  // Six digits may stand anywhere by chance; as a value of their own they stand nowhere.
  const codes = texts.map(({ body }) => /^\d{6}/.exec(body)?.[0] ?? 'none')
  expect(codes.length).toBe(2)
  for (const code of codes) expect(dump).not.toMatch(new RegExp(`(?<![\\w.-])${code}(?![\\w.-])`))
})

it('S110: the log names no address of mail, no person and no telephone', () => {
  const log = logLines.join('\n')
  expect(log.length).toBeGreaterThan(1_000)
  for (const { to } of mails) expect(log).not.toContain(to)
  for (const { to } of texts) expect(log).not.toContain(to)
  expect(log).not.toMatch(/Lindqvist|#token=/)
})
