/** HKDF-SHA-256 (RFC 5869) of a secret, by label. */
import { hex, utf8 } from './encoding.ts'

export async function hkdf(
  secret: Uint8Array<ArrayBuffer>,
  label: string,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const params = {
    name: 'HKDF',
    hash: 'SHA-256',
    salt: new Uint8Array(),
    info: utf8(`mechanic-shop-api ${label}`),
  }
  return new Uint8Array(await crypto.subtle.deriveBits(params, key, length * 8))
}

/** What everything made with a secret names it by; no secret itself. */
export async function deriveKeyId(secret: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(await hkdf(secret, 'kid', 4))
}
