/** SHA-256, HMAC-SHA-256 and comparison in constant time, over bytes. */
import { base64url, utf8 } from './encoding.ts'

const HMAC_SHA256 = { name: 'HMAC', hash: 'SHA-256' }

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

export function importHmacKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, HMAC_SHA256, false, ['sign', 'verify'])
}

export async function hmacSha256(
  key: CryptoKey,
  message: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, message))
}

/** Compares two values of one fixed length without telling, by time, where they differ. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && crypto.subtle.timingSafeEqual(a, b)
}

/** The form in which a one-time token is stored: enough for tokens of 112 random bits and more. */
export async function hashToken(token: string): Promise<string> {
  return base64url(await sha256(utf8(token)))
}
