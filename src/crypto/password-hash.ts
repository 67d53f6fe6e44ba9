/**
 * The password hash: PBKDF2-HMAC-SHA-256 chained over several calls, because production refuses more
 * than 100,000 iterations in one call and a call cannot be interrupted.
 *
 * `$pbkdf2-sha256-chain$v=1$i=50000,n=12,k=<key id>$<salt>$<hash>` (base64 without padding)
 * P = HMAC-SHA-256(pepper, "pw-v1" ‖ 0x00 ‖ UTF-8(NFC(password))), T₀ empty,
 * Tⱼ = PBKDF2(P, salt ‖ Tⱼ₋₁, i, 32 bytes), hash = Tₙ.
 * 12 × 50,000 is the work of OWASP's 600,000; the isolate is given back after each call.
 */
import type { Breathe } from './derivation-queue.ts'
import { equalInConstantTime, hmacSha256, importHmacKey } from './digest.ts'
import { base64, concatBytes, decodeBase64, utf8 } from './encoding.ts'
import { randomBytes } from './random.ts'

export const ITERATIONS_PER_CALL = 50_000
export const CALLS = 12

/** Bounds for stored parameters, checked before any work: a hostile row must not buy a long loop. */
const MAX_ITERATIONS_PER_CALL = 100_000
const MAX_CALLS = 16

const SALT_BYTES = 16
const HASH_BYTES = 32

export interface Pepper {
  readonly id: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface PasswordHash {
  readonly iterations: number
  readonly calls: number
  readonly keyId: string
  readonly salt: Uint8Array<ArrayBuffer>
  readonly hash: Uint8Array<ArrayBuffer>
}

const FORM =
  /^\$pbkdf2-sha256-chain\$v=1\$i=([1-9]\d{0,5}),n=([1-9]\d?),k=([a-z0-9]{1,16})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/

/** The parts of an encoded hash within its bounds, else undefined. */
export function parsePasswordHash(encoded: string): PasswordHash | undefined {
  const [, iterations, calls, keyId = '', salt = '', hash = ''] = FORM.exec(encoded) ?? []
  const parsed = {
    iterations: Number(iterations),
    calls: Number(calls),
    keyId,
    salt: decodeBase64(salt),
    hash: decodeBase64(hash),
  }
  if (!(parsed.iterations <= MAX_ITERATIONS_PER_CALL && parsed.calls <= MAX_CALLS)) return undefined
  if (parsed.salt?.length !== SALT_BYTES || parsed.hash?.length !== HASH_BYTES) return undefined
  return { ...parsed, salt: parsed.salt, hash: parsed.hash }
}

/** Hashes a new password with a fresh salt, the parameters in use and the given pepper. */
export async function hashPassword(password: string, pepper: Pepper, breathe: Breathe): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await deriveChain(
    password,
    { salt, iterations: ITERATIONS_PER_CALL, calls: CALLS },
    pepper,
    breathe,
  )
  const parameters = `i=${ITERATIONS_PER_CALL},n=${CALLS},k=${pepper.id}`
  return `$pbkdf2-sha256-chain$v=1$${parameters}$${base64(salt)}$${base64(hash)}`
}

/** Whether the password made this hash; undefined, without any work, if its pepper is not configured. */
export async function verifyPasswordHash(
  password: string,
  stored: PasswordHash,
  peppers: ReadonlyMap<string, Pepper>,
  breathe: Breathe,
): Promise<boolean | undefined> {
  const pepper = peppers.get(stored.keyId)
  if (!pepper) return undefined
  return equalInConstantTime(await deriveChain(password, stored, pepper, breathe), stored.hash)
}

/** Whether a new hash would be made with these parameters and this pepper. */
export function isCurrentHash(stored: PasswordHash, newest: Pepper): boolean {
  return stored.iterations === ITERATIONS_PER_CALL && stored.calls === CALLS && stored.keyId === newest.id
}

/** A hash that no password matches: an unknown account costs the same work as a known one. */
export function decoyHash(newest: Pepper): PasswordHash {
  return {
    iterations: ITERATIONS_PER_CALL,
    calls: CALLS,
    keyId: newest.id,
    salt: new Uint8Array(SALT_BYTES),
    hash: new Uint8Array(HASH_BYTES),
  }
}

async function deriveChain(
  password: string,
  { salt, iterations, calls }: Pick<PasswordHash, 'salt' | 'iterations' | 'calls'>,
  pepper: Pepper,
  breathe: Breathe,
): Promise<Uint8Array<ArrayBuffer>> {
  const message = concatBytes(utf8('pw-v1'), new Uint8Array(1), utf8(password.normalize('NFC')))
  const peppered = await hmacSha256(await importHmacKey(pepper.bytes), message)
  const key = await crypto.subtle.importKey('raw', peppered, 'PBKDF2', false, ['deriveBits'])
  let link = new Uint8Array()
  for (let call = 0; call < calls; call++) {
    // Between calls only: after the last the lane is given on anyway.
    if (call > 0) await breathe()
    const params = { name: 'PBKDF2', hash: 'SHA-256', salt: concatBytes(salt, link), iterations }
    link = new Uint8Array(await crypto.subtle.deriveBits(params, key, HASH_BYTES * 8))
  }
  return link
}
