/**
 * Plays Twilio, for the files that import this: keeps what it was given, and can be down. And people whose telephone gets
 * it.
 */
import { type Answer, anonymous, type Caller, customer, type Person } from './client.ts'
import { tick } from './production-limits.ts'
import { testEnv } from './test-env.ts'

// Before the first request, with which the settings are read once.
Object.assign(testEnv, {
  SMS_PROVIDER: 'twilio',
  TWILIO_ACCOUNT_SID: `AC${'a'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'b'.repeat(32),
  TWILIO_FROM: '+15005550006',
  SMS_COUNTRIES: 'DE,US',
})

/** Every SMS that was taken since the file began. */
export const texts: { readonly to: string; readonly body: string }[] = []

export const smsProvider: { isDown: boolean; asked: number } = { isDown: false, asked: 0 }

const realFetch = globalThis.fetch

globalThis.fetch = (async (input: RequestInfo, init?: RequestInit) => {
  if (!String(input).startsWith('https://api.twilio.com/')) return realFetch(input, init)
  tick()
  smsProvider.asked++
  if (smsProvider.isDown) throw new TypeError('network')
  const form = init?.body as URLSearchParams
  texts.push({ to: form.get('To') ?? '', body: form.get('Body') ?? '' })
  return Response.json({ sid: `SM${'c'.repeat(32)}` }, { status: 201 })
}) as typeof fetch

let numbers = 0

/** A number of the shop's country that no other test has. */
export function uniqueNumber(): string {
  return `+49151${String(12_000_000 + numbers++)}`
}

export const textsTo = (number: string) => texts.filter(({ to }) => to === number)

/** The newest code to a number, once there are so many; it leaves after the answer. */
export async function codeTo(number: string, count = 1): Promise<string> {
  for (let look = 0; look < 200; look++) {
    const found = textsTo(number)
    const [code] = /^\d{6}(?= )/.exec(found.at(-1)?.body ?? '') ?? []
    if (found.length >= count && code !== undefined) return code
    await scheduler.wait(10)
  }
  throw new Error(`no ${count} SMS to a number`)
}

/** Another code than this one. */
export const otherCode = (code: string) => (code === '000000' ? '111111' : '000000')

export interface WithNumber extends Person {
  readonly number: string
  readonly recoveryCodes: string[]
}

export async function verifyEmail({ id }: Pick<Person, 'id'>): Promise<void> {
  await testEnv.DB.prepare('UPDATE accounts SET email_verified_at = 1 WHERE id = ?').bind(id).run()
}

/** Gives a person who has just signed in a number as second factor; one of the three SMS of an hour. */
export async function enrolNumber<Someone extends Person>(
  person: Someone,
  number = uniqueNumber(),
): Promise<Someone & WithNumber> {
  await verifyEmail(person)
  const offered = await person.post('/auth/mfa/sms', { phone_number: number })
  if (offered.status !== 201) throw new Error(`the number was answered with ${offered.text}`)
  const confirmed = await person.post('/auth/mfa/sms/confirm', { code: await codeTo(number) })
  if (confirmed.status !== 200) throw new Error(`the code was answered with ${confirmed.text}`)
  return { ...person, number, recoveryCodes: confirmed.body.recovery_codes }
}

export const withNumber = async () => enrolNumber(await customer())

/** Has a code sent for a sign-in. */
export function askForCode(mfaToken: string, from: Caller = anonymous()): Promise<Answer> {
  return from.post('/auth/mfa/challenge', { mfa_token: mfaToken, method: 'sms' })
}
