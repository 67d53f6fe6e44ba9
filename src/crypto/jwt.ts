/**
 * HS256 tokens (RFC 7519, RFC 8725) by hono/jwt, behind a strict door. hono alone takes several
 * spellings of one signature, checks claims before the signature and puts tokens into error messages;
 * so the exact form is checked here first, then the MAC, and its errors never leave this file.
 */
import { sign, verify } from 'hono/jwt'
import { base64url, utf8 } from './encoding.ts'
import type { Keyring, PurposeKey } from './keyring.ts'

/** Far above any token of ours; bounds the work for a forged one. */
const MAX_TOKEN_LENGTH = 1_024

/**
 * A compact JWS with a 32-byte MAC, in the one spelling of each part: base64url whose unused last bits
 * are zero (RFC 4648 §3.5). hono would take the others for the same bytes.
 */
const COMPACT_FORM =
  /^([\w-]+)\.(?:[\w-]{4})+(?:[\w-]{2}[AEIMQUYcgkosw048]|[\w-][AQgw])?\.[\w-]{42}[AEIMQUYcgkosw048]$/

export async function signJwt(payload: Record<string, unknown>, key: PurposeKey): Promise<string> {
  // A JWK, never a string: hono would read a text holding "PRIVATE" or "PUBLIC" as PEM.
  const token = await sign(payload, { kty: 'oct', k: base64url(key.bytes), alg: 'HS256', kid: key.id })
  if (!token.startsWith(`${headerOf(key)}.`))
    throw new TypeError('hono/jwt writes another header than expected')
  return token
}

/**
 * The payload of a token signed by a key of the ring, else undefined. The payload's claims are not
 * looked at: that is the caller's part, after this.
 */
export async function verifyJwt(token: string, keyring: Keyring): Promise<unknown> {
  if (token.length > MAX_TOKEN_LENGTH) return undefined
  const header = COMPACT_FORM.exec(token)?.[1]
  // Only headers of our own making, to the byte: so `alg`, `crit`, `jwk` and the like choose nothing.
  const key = [...keyring.byId.values()].find((candidate) => headerOf(candidate) === header)
  if (!key) return undefined
  try {
    return await verify(token, key.hmac, { alg: 'HS256', exp: false, nbf: false, iat: false })
  } catch {
    return undefined
  }
}

const headers = new WeakMap<PurposeKey, string>()

function headerOf(key: PurposeKey): string {
  let header = headers.get(key)
  if (header === undefined) {
    header = base64url(utf8(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: key.id })))
    headers.set(key, header)
  }
  return header
}
