/**
 * Owns the password hashes that the Flask service left behind (Werkzeug's `scrypt:…` and `pbkdf2:…`): read,
 * bounded, verified, never made. Invariant: a stored string can only cost what the bounds of its form allow, and
 * what does not parse is never derived. RFC 8018 section 5.2 (PBKDF2), RFC 7914 (scrypt).
 */
import { scrypt } from 'node:crypto'
import type { Breathe } from './derivation-queue.ts'
import { equalInConstantTime } from './digest.ts'
import { utf8 } from './encoding.ts'
import {
  DIGESTS,
  MAX_SCRYPT_BLOCK_BYTES,
  MAX_SCRYPT_TABLE_BYTES,
  SCRYPT_BYTES,
  type ScryptHash,
  type WerkzeugHash,
} from './werkzeug-form.ts'
import { yieldingPbkdf2 } from './yielding-pbkdf2.ts'

/**
 * Tells whether the password made the hash: its UTF-8 bytes as received and, where they fail and the NFC form
 * differs, the NFC form once. So a wrong password outside NFC costs two derivations. Digests are compared in
 * constant time.
 *
 * Other strings can make the same bytes, as in Werkzeug, and the caller has to refuse them first: HMAC pads
 * short keys with zeros, so a password verifies with U+0000 appended too, and lone surrogates all encode as
 * U+FFFD. They are tried here because a hash may have been made from such a password.
 */
export async function verifyWerkzeugHash(
  password: string,
  hash: WerkzeugHash,
  breathe?: Breathe,
): Promise<boolean> {
  if (await isDerivedFrom(password, hash, breathe)) return true
  const normalized = password.normalize('NFC')
  return normalized !== password && (await isDerivedFrom(normalized, hash, breathe))
}

/** Tells whether verifying takes seconds of script time, and so belongs in a lane of its own. */
export function needsSlowLane(hash: WerkzeugHash): boolean {
  return hash.method === 'pbkdf2' && hash.iterations > MAX_NATIVE_ITERATIONS
}

/** What production allows in one native call; more runs in script. */
const MAX_NATIVE_ITERATIONS = 100_000

async function isDerivedFrom(password: string, hash: WerkzeugHash, breathe?: Breathe): Promise<boolean> {
  const candidate = await derive(utf8(password), utf8(hash.salt), hash, breathe)
  return equalInConstantTime(candidate, hash.derived)
}

async function derive(
  password: Uint8Array,
  salt: Uint8Array,
  hash: WerkzeugHash,
  breathe?: Breathe,
): Promise<Uint8Array> {
  if (hash.method === 'scrypt') return deriveScrypt(password, salt, hash)
  const { name, bytes } = DIGESTS[hash.digest]
  if (needsSlowLane(hash)) return yieldingPbkdf2(hash.digest, password, salt, hash.iterations, bytes, breathe)
  const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
  const algorithm = { name: 'PBKDF2', hash: name, salt, iterations: hash.iterations }
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 8 * bytes))
}

function deriveScrypt(password: Uint8Array, salt: Uint8Array, hash: ScryptHash): Promise<Uint8Array> {
  const options = {
    N: hash.cost,
    r: hash.blockSize,
    p: hash.parallelization,
    maxmem: MAX_SCRYPT_TABLE_BYTES + MAX_SCRYPT_BLOCK_BYTES,
  }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, SCRYPT_BYTES, options, (error, derived) =>
      error ? reject(error) : resolve(derived),
    )
  })
}
