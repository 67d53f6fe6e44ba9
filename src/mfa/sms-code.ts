/** A code by SMS: six digits, for ten minutes, good for what it was asked for and for nothing else (OWASP ASVS 6.6.2). */
import { equalInConstantTime, hmacSha256 } from '../crypto/digest.ts'
import { base64url, decodeBase64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring, PurposeKey } from '../crypto/keyring.ts'
import { randomBytes } from '../crypto/random.ts'

export const SMS_CODE_SECONDS = 600

/** Of which 10^6 is a divisor, so that no code is likelier than another. */
const FAIR_BELOW = 4_294_000_000

/** Six digits, leading zeros kept. */
export function makeSmsCode(): string {
  for (;;) {
    const number = new DataView(randomBytes(4).buffer).getUint32(0)
    if (number < FAIR_BELOW) return String(number % 1_000_000).padStart(6, '0')
  }
}

/** What a code is asked for: its row has this for a key, so another code for the same takes its place. */
export const ofOffer = (accountId: number) => `offer:${accountId}`
export const ofChallenge = (tokenHash: string) => `challenge:${tokenHash}`
export const ofSession = (sessionId: string) => `session:${sessionId}`

interface Bound {
  readonly use: string
  readonly factorId: string
}

/**
 * The form in which a code is stored. A key, for a million hashes are made in no time; under SECRET_KEY, for no code is
 * good for as long as an old one of those must stay.
 */
export async function macSmsCode({ newest }: Keyring, bound: Bound, code: string): Promise<string> {
  return `${newest.id}.${base64url(await mac(newest, bound, code))}`
}

export async function isSmsCode(
  keyring: Keyring,
  stored: Bound & { readonly mac: string },
  code: string,
): Promise<boolean> {
  const [keyId = '', encoded = ''] = stored.mac.split('.')
  const key = keyring.byId.get(keyId)
  const expected = decodeBase64url(encoded)
  return (
    key !== undefined && expected !== undefined && equalInConstantTime(await mac(key, stored, code), expected)
  )
}

function mac(key: PurposeKey, { use, factorId }: Bound, code: string) {
  return hmacSha256(key.hmac, utf8(JSON.stringify(['sms-code-v1', use, factorId, code])))
}

/**
 * What sends to a number are counted under. A rotation of SECRET_KEY begins the counts of the hour anew; accepted, for
 * those of accounts and of the day go on.
 */
export async function macPhoneNumber({ newest }: Keyring, number: string): Promise<string> {
  return base64url(await hmacSha256(newest.hmac, utf8(JSON.stringify(['sms-number-v1', number]))))
}
