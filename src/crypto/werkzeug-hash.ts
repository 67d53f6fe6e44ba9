/**
 * Owns the password hashes that the Flask service left behind (Werkzeug's `scrypt:…` and `pbkdf2:…`): read,
 * bounded, verified, never made. Invariant: a stored string can only cost what the bounds below allow, and
 * what does not parse is never derived. RFC 8018 section 5.2 (PBKDF2), RFC 7914 (scrypt).
 */
import { scrypt } from 'node:crypto'
import { hexToBytes } from '@noble/hashes/utils.js'
import type { Breathe } from './derivation-queue.ts'
import { equalInConstantTime } from './digest.ts'
import { utf8 } from './encoding.ts'
import { type Pbkdf2Digest, yieldingPbkdf2 } from './yielding-pbkdf2.ts'

/** A hash within bounds. `salt` is the ASCII text itself, as Werkzeug uses it; `derived` has the full length. */
export type WerkzeugHash = Pbkdf2Hash | ScryptHash

type Pbkdf2Hash = {
  readonly method: 'pbkdf2'
  readonly digest: Pbkdf2Digest
  readonly iterations: number
  readonly salt: string
  readonly derived: Uint8Array
}

type ScryptHash = {
  readonly method: 'scrypt'
  readonly cost: number
  readonly blockSize: number
  readonly parallelization: number
  readonly salt: string
  readonly derived: Uint8Array
}

/**
 * Reads `scrypt:N:r:p$salt$hex` or `pbkdf2:sha1|sha256|sha512:iterations$salt$hex`. Returns undefined for any
 * other string, whatever it holds, without deriving and in constant time: parameters out of bounds, short or
 * upper-case digests, the legacy `sha256$…` HMAC, other libraries' formats. Never throws.
 */
export function parseWerkzeugHash(encoded: string): WerkzeugHash | undefined {
  if (encoded.length > MAX_ENCODED_LENGTH) return undefined
  const [methodText = '', salt = '', hex = '', ...more] = encoded.split('$')
  if (more.length > 0 || !SALT.test(salt) || !HEX_BYTES.test(hex)) return undefined
  const derived = hexToBytes(hex)
  const [method, ...parameters] = methodText.split(':')
  if (method === 'pbkdf2') return readPbkdf2(parameters, salt, derived)
  if (method === 'scrypt') return readScrypt(parameters, salt, derived)
  return undefined
}

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

/** The longest string within bounds: `scrypt:…` with all parameters, 64 of salt, 128 of digest. */
const MAX_ENCODED_LENGTH = 256

/** What production allows in one native call; more runs in script. */
const MAX_NATIVE_ITERATIONS = 100_000

/** Werkzeug's own highest default. */
const MAX_ITERATIONS = 1_000_000

/** N·r·p, four times Werkzeug's default: a third of a second in which nothing else runs. */
const MAX_SCRYPT_WORK = 2 ** 20

/** 128·N·r bytes, the table that scrypt fills: half of an isolate's memory. */
const MAX_SCRYPT_TABLE_BYTES = 64 * 2 ** 20

/** 128·r·(p + 2) bytes, what scrypt needs beside the table; without it N = 65,536 would not fit its limit. */
const MAX_SCRYPT_BLOCK_BYTES = 2 ** 20

const DIGESTS = {
  sha1: { name: 'SHA-1', bytes: 20 },
  sha256: { name: 'SHA-256', bytes: 32 },
  sha512: { name: 'SHA-512', bytes: 64 },
} as const satisfies Record<Pbkdf2Digest, { name: string; bytes: number }>

/** Werkzeug leaves `dklen` at Python's default. */
const SCRYPT_BYTES = 64

const SALT = /^[ -~]{1,64}$/
const HEX_BYTES = /^(?:[0-9a-f]{2}){1,64}$/
const DECIMAL = /^[1-9][0-9]{0,6}$/

function readPbkdf2(parameters: string[], salt: string, derived: Uint8Array): Pbkdf2Hash | undefined {
  const [digest = '', iterationsText = '', ...more] = parameters
  const iterations = readDecimal(iterationsText)
  if (more.length > 0 || !isDigest(digest) || iterations === undefined) return undefined
  if (iterations > MAX_ITERATIONS || derived.length !== DIGESTS[digest].bytes) return undefined
  return { method: 'pbkdf2', digest, iterations, salt, derived }
}

function isDigest(name: string): name is Pbkdf2Digest {
  return Object.hasOwn(DIGESTS, name)
}

function readScrypt(parameters: string[], salt: string, derived: Uint8Array): ScryptHash | undefined {
  const [cost, blockSize, parallelization, ...more] = parameters.map(readDecimal)
  if (cost === undefined || blockSize === undefined || parallelization === undefined) return undefined
  if (more.length > 0 || derived.length !== SCRYPT_BYTES) return undefined
  if (!isScryptWithinBounds(cost, blockSize, parallelization)) return undefined
  return { method: 'scrypt', cost, blockSize, parallelization, salt, derived }
}

// RFC 7914 section 2 wants N a power of two, above 1 and below 2^(16·r): BoringSSL throws otherwise.
function isScryptWithinBounds(cost: number, blockSize: number, parallelization: number): boolean {
  const log2Cost = Math.log2(cost)
  return (
    Number.isInteger(log2Cost) &&
    log2Cost >= 1 &&
    log2Cost < 16 * blockSize &&
    cost * blockSize * parallelization <= MAX_SCRYPT_WORK &&
    128 * cost * blockSize <= MAX_SCRYPT_TABLE_BYTES &&
    128 * blockSize * (parallelization + 2) <= MAX_SCRYPT_BLOCK_BYTES
  )
}

function readDecimal(text: string): number | undefined {
  return DECIMAL.test(text) ? Number(text) : undefined
}

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
