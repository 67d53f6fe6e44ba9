/** People who use an authenticator app. */
import { type Answer, anonymous, type Caller, caller, customer, type Person } from './client.ts'
import { codeOf } from './one-time-code.ts'
import { passTime } from './production-limits.ts'

/** A code that is none of those that count now. */
export function wrongCode(secret: string): string {
  const right = [-1, 0, 1].map((steps) => codeOf(secret, steps))
  return ['000000', '111111', '222222', '333333'].find((code) => !right.includes(code)) ?? ''
}

/** Goes to the beginning of the next step: its code is a new one, and is the present one for a while. */
export function nextStep(): void {
  passTime(30 - (Math.floor(Date.now() / 1000) % 30))
}

export interface Guarded extends Person {
  readonly secret: string
  readonly recoveryCodes: string[]
  readonly deviceToken?: string
}

/** Gives a person who has just signed in a second factor, and waits until its next code is a new one. */
export async function enrol(person: Person): Promise<Guarded> {
  const offered = await person.post('/auth/mfa/totp')
  if (offered.status !== 201) throw new Error(`the offer was answered with ${offered.text}`)
  const { secret } = offered.body
  const confirmed = await person.post('/auth/mfa/totp/confirm', { code: codeOf(secret) })
  if (confirmed.status !== 200) throw new Error(`the code was answered with ${confirmed.text}`)
  nextStep()
  return { ...person, secret, recoveryCodes: confirmed.body.recovery_codes }
}

export const guarded = async () => enrol(await customer())

/** The first half of a sign-in. */
export async function challengeOf(
  person: { email: string; password: string },
  visitor: Caller = anonymous(),
  headers: Record<string, string> = {},
): Promise<string> {
  const { email, password } = person
  const answer = await visitor.post('/auth/login', { email, password }, headers)
  if (answer.body.code !== 'mfa_required') throw new Error(`sign-in answered ${answer.text}`)
  return answer.body.mfa_token
}

/** The second half. */
export function verify(
  mfaToken: string,
  code: string,
  more: { method?: string; trust_device?: boolean; from?: Caller } = {},
): Promise<Answer> {
  const { from = anonymous(), method = 'totp', ...rest } = more
  return from.post('/auth/mfa/verify', { mfa_token: mfaToken, method, code, ...rest })
}

/** Both halves, and then the time of the next code. */
export async function signInWithCode(person: Guarded, trust = false): Promise<Guarded> {
  const more = trust ? { trust_device: true } : {}
  const answer = await verify(await challengeOf(person), codeOf(person.secret), more)
  if (answer.status !== 200) throw new Error(`verification answered ${answer.text}`)
  nextStep()
  const { token, refresh_token: refreshToken, device_token: deviceToken } = answer.body
  return { ...person, ...caller(token), token, refreshToken, deviceToken }
}
