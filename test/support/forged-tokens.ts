/**
 * Makes any token by hand, byte for byte, with the Worker's real keys or any other: what a forger could
 * send, and a control that is accepted.
 */
import { expect } from 'vitest'
import { base64url, decodeBase64url, utf8 } from '../../src/crypto/encoding.ts'
import { deriveKeyring, type KeyPurpose, type PurposeKey } from '../../src/crypto/keyring.ts'
import { decodeSecret } from '../../src/crypto/secret.ts'
import { type Answer, caller } from './client.ts'
import { d1, kv } from './production-limits.ts'
import { testEnv } from './test-env.ts'

/** The key that the Worker makes from a secret for a purpose. */
export async function keyOf(
  purpose: KeyPurpose = 'access-token',
  secret: unknown = testEnv['SECRET_KEY'],
): Promise<PurposeKey> {
  const decoded = decodeSecret(secret)
  if ('fault' in decoded) throw new Error(`the secret is ${decoded.fault}`)
  return (await deriveKeyring([decoded.bytes], purpose)).newest
}

export type Claims = Record<string, unknown>

/** The claims of an issued token. */
export function claimsOf(token: string): Claims {
  return JSON.parse(new TextDecoder().decode(decodeBase64url(token.split('.')[1] ?? '')))
}

export function headerText(key: PurposeKey): string {
  return JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: key.id })
}

/** The MAC over exactly these bytes. */
export async function macOf(bytes: Uint8Array, text: string, hash = 'SHA-256'): Promise<string> {
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash }, false, ['sign'])
  return base64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(text))))
}

/** A token of these two texts, JSON or not, with a MAC that fits. */
export async function forge(
  key: PurposeKey,
  payload: string,
  header = headerText(key),
  hash = 'SHA-256',
): Promise<string> {
  const signed = `${base64url(utf8(header))}.${base64url(utf8(payload))}`
  return `${signed}.${await macOf(key.bytes, signed, hash)}`
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The other spellings that decode to the same bytes: the last character has unused bits. */
export function otherSpellings(token: string, unusedBits = 2): string[] {
  const last = ALPHABET.indexOf(token.slice(-1))
  const base = last & -(1 << unusedBits)
  return Array.from({ length: 1 << unusedBits }, (_, bits) => base + bits)
    .filter((index) => index !== last)
    .map((index) => token.slice(0, -1) + ALPHABET[index])
}

/** What else a token made the Worker do: requests to other hosts, checks of a MAC. */
export const work = { fetches: 0, macChecks: 0 }

const { fetch } = globalThis
globalThis.fetch = (...args) => {
  work.fetches++
  return fetch(...args)
}
const subtle = Object.getPrototypeOf(crypto.subtle)
const { verify } = subtle
subtle.verify = function counted(...args: unknown[]) {
  work.macChecks++
  return verify.apply(this, args)
}

export const INVALID = [401, 'invalid_token', 'Bearer realm="mechanic-shop", error="invalid_token"']

export const verdict = ({ status, body, headers }: Answer) => [
  status,
  body.code,
  headers.get('www-authenticate'),
]

export const asBearer = (token: string) => caller(token).get('/auth/me')

/** The token is refused as invalid, not repeated, and nothing beyond the isolate was asked. */
export async function expectRefused(token: string, why = token.slice(0, 200)): Promise<void> {
  const before = [d1.calls, kv.reads, work.fetches]
  const answer = await asBearer(token)
  expect(verdict(answer), why).toEqual(INVALID)
  expect([d1.calls, kv.reads, work.fetches], why).toEqual(before)
  if (token.length > 3) expect(answer.text).not.toContain(token)
}
