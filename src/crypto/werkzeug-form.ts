/**
 * Reads the password hashes that the Flask service left behind (Werkzeug's `scrypt:…` and `pbkdf2:…`), within bounds that
 * limit what a stored string can cost. Nothing is derived here, so `npm run import-flask` reads by it, too.
 */
import { hexToBytes } from '@noble/hashes/utils.js'

/** A hash within bounds. `salt` is the ASCII text itself, as Werkzeug uses it; `derived` has the full length. */
export type WerkzeugHash = Pbkdf2Hash | ScryptHash

type Pbkdf2Hash = {
  readonly method: 'pbkdf2'
  readonly digest: Pbkdf2Digest
  readonly iterations: number
  readonly salt: string
  readonly derived: Uint8Array
}

export type ScryptHash = {
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

/** The longest string within bounds: `scrypt:…` with all parameters, 64 of salt, 128 of digest. */
const MAX_ENCODED_LENGTH = 256

/** Werkzeug's own highest default. */
const MAX_ITERATIONS = 1_000_000

/** N·r·p, four times Werkzeug's default: a third of a second in which nothing else runs. */
const MAX_SCRYPT_WORK = 2 ** 20

/** 128·N·r bytes, the table that scrypt fills: half of an isolate's memory. */
export const MAX_SCRYPT_TABLE_BYTES = 64 * 2 ** 20

/** 128·r·(p + 2) bytes, what scrypt needs beside the table; without it N = 65,536 would not fit its limit. */
export const MAX_SCRYPT_BLOCK_BYTES = 2 ** 20

/** The hash functions of PBKDF2, by the names that Werkzeug writes. */
export const DIGESTS = {
  sha1: { name: 'SHA-1', bytes: 20 },
  sha256: { name: 'SHA-256', bytes: 32 },
  sha512: { name: 'SHA-512', bytes: 64 },
} as const

export type Pbkdf2Digest = keyof typeof DIGESTS

/** Werkzeug leaves `dklen` at Python's default. */
export const SCRYPT_BYTES = 64

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
