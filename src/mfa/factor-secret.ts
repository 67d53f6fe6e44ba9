/** The secret of an app, or a telephone number: encrypted at rest for one factor of one account, so that a box that is moved does not open. */
import { base32 } from '../crypto/base32.ts'
import { base64url, decodeBase64url } from '../crypto/encoding.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { openBox, sealBox } from '../crypto/secret-box.ts'
import { TOTP_DIGITS, TOTP_STEP_SECONDS } from '../crypto/totp.ts'
import { maskPhoneNumber } from '../platform/phone-number.ts'

interface Owned {
  readonly id: string
  readonly accountId: number
}

const contextOf = ({ id, accountId }: Owned) => ['factors', id, String(accountId)]

export function sealFactorSecret(keyring: Keyring, factor: Owned, secret: Uint8Array): Promise<string> {
  return sealBox(keyring, contextOf(factor), base64url(secret))
}

/** The secret; undefined if its box was changed, belongs to another factor, or its key has gone. */
export async function openFactorSecret(
  keyring: Keyring,
  factor: Owned & { readonly secret: string },
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const text = await openBox(keyring, contextOf(factor), factor.secret)
  return text === undefined ? undefined : decodeBase64url(text)
}

/** The telephone number of a factor; undefined as above. */
export async function openNumber(
  keyring: Keyring,
  factor: Owned & { readonly secret: string },
): Promise<string | undefined> {
  const bytes = await openFactorSecret(keyring, factor)
  return bytes && new TextDecoder().decode(bytes)
}

/** What its owner sees of the number; null if it does not open. */
export async function showNumber(
  keyring: Keyring,
  factor: Owned & { readonly secret: string },
): Promise<string | null> {
  const number = await openNumber(keyring, factor)
  return number === undefined ? null : maskPhoneNumber(number)
}

/** What apps read (Key Uri Format of Google Authenticator). A colon parts issuer and account, so neither has one. */
export function makeOtpauthUri(secret: Uint8Array, shopName: string, email: string): string {
  const [issuer, account] = [shopName, email].map((name) => encodeURIComponent(name.replaceAll(':', ' ')))
  const query = `secret=${base32(secret)}&issuer=${issuer}&algorithm=SHA1&digits=${TOTP_DIGITS}&period=${TOTP_STEP_SECONDS}`
  return `otpauth://totp/${issuer}:${account}?${query}`
}
