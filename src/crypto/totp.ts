/** One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238), as authenticator apps make them. */
import { equalInConstantTime } from './digest.ts'
import { utf8 } from './encoding.ts'

/** 160 bits (RFC 4226 §4, R6). */
export const TOTP_SECRET_BYTES = 20

export const TOTP_DIGITS = 6

/** How long a code lasts, in seconds. */
export const TOTP_STEP_SECONDS = 30

/** Codes of so many steps before and after the present one count: clocks differ, and people type slowly. */
const STEPS_ASIDE = 1

type OtpHash = 'SHA-1' | 'SHA-256' | 'SHA-512'

/** The code of a counter, with its leading zeros. */
export async function makeHotp(
  secret: Uint8Array<ArrayBuffer>,
  counter: number,
  digits: number = TOTP_DIGITS,
  hash: OtpHash = 'SHA-1',
): Promise<string> {
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign'])
  const message = new DataView(new ArrayBuffer(8))
  message.setBigUint64(0, BigInt(counter))
  const mac = new DataView(await crypto.subtle.sign('HMAC', key, message))
  // RFC 4226 §5.3: the last four bits say which 31 bits count.
  const offset = mac.getUint8(mac.byteLength - 1) & 0xf
  const number = mac.getUint32(offset) & 0x7fffffff
  return String(number % 10 ** digits).padStart(digits, '0')
}

/** The step of a moment in unix seconds. */
export function stepOf(now: number): number {
  return Math.floor(now / TOTP_STEP_SECONDS)
}

/**
 * The step that a code is of, among those that count now and come after the last one used; undefined if there is
 * none. Of two with the same code it is the later one: spending that spends both. The work is the same whichever it is.
 */
export async function findTotpStep(
  secret: Uint8Array<ArrayBuffer>,
  code: string,
  now: number,
  lastStep: number | null,
): Promise<number | undefined> {
  const given = utf8(code)
  let found: number | undefined
  for (let step = stepOf(now) - STEPS_ASIDE; step <= stepOf(now) + STEPS_ASIDE; step++) {
    const isRight = equalInConstantTime(given, utf8(await makeHotp(secret, step)))
    if (isRight && step > (lastStep ?? -1)) found = step
  }
  return found
}
