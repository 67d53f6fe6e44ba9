// The slow vectors take seconds each: five million iterations of SHA-256 in all, which is what the old
// service's defaults cost.
import { pbkdf2Sync, scryptSync } from 'node:crypto'
import { bytesToHex } from '@noble/hashes/utils.js'
import { afterEach, expect, it, vi } from 'vitest'
import { parseWerkzeugHash } from '../../src/crypto/werkzeug-form.ts'
import { needsSlowLane, verifyWerkzeugHash } from '../../src/crypto/werkzeug-hash.ts'
import vectors from '../vectors/werkzeug-hashes.json'

const SLOW_MS = 120_000
const REFUSED_UNREAD = ['n09', 'n13', 'n15', 'n17', 'n19', 'n21']
const HEX_40 = 'a'.repeat(40)
const HEX_128 = 'c'.repeat(128)

afterEach(() => {
  vi.restoreAllMocks()
})

it.each(vectors.positive)('S15: $id verifies ($note)', { timeout: SLOW_MS }, async (vector) => {
  const deriveBits = vi.spyOn(SubtleCrypto.prototype, 'deriveBits')
  expect(bytesToHex(new TextEncoder().encode(vector.password))).toBe(vector.password_utf8_hex)
  expect(parseWerkzeugHash(vector.hash)?.method).toBe(vector.algo)
  expect(parseWerkzeugHash(vector.hash)?.derived.length).toBe(vector.dk_len)
  expect(await verifyEncoded(vector.password, vector.hash)).toBe(true)
  for (const [algorithm] of deriveBits.mock.calls) expect(algorithm).toMatchObject({ iterations: 50_000 })
})

it.each(vectors.negative.filter(({ id }) => !REFUSED_UNREAD.includes(id)))(
  'S15: $id does not verify ($note)',
  { timeout: SLOW_MS },
  async ({ password, hash }) => {
    expect(parseWerkzeugHash(hash)).toBeDefined()
    expect(await verifyEncoded(password, hash)).toBe(false)
  },
)

it.each(vectors.negative.filter(({ id }) => REFUSED_UNREAD.includes(id)))(
  'S15: $id is refused without derivation ($note)',
  async ({ password, hash }) => {
    const spies = spyOnDerivations()
    expect(fastestMs(() => parseWerkzeugHash(hash))).toBeLessThan(5)
    expect(parseWerkzeugHash(hash)).toBeUndefined()
    expect(await verifyEncoded(password, hash)).toBe(false)
    for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  },
)

it.each(vectors.siblings)('$id is no format of ours ($format)', ({ hash }) => {
  expect(parseWerkzeugHash(hash)).toBeUndefined()
})

it.each(vectors.hmac_collisions)(
  '$id verifies as in Werkzeug, so that callers refuse U+0000 before',
  { timeout: SLOW_MS },
  async ({ hash, password, werkzeug_3_1_8 }) => {
    expect(password).toContain('\0')
    expect(await verifyEncoded(password, hash)).toBe(werkzeug_3_1_8)
  },
)

it.each([
  [2, 1, 1],
  [16, 1, 8_190],
  [32_768, 1, 1],
  [32_768, 8, 1],
  [32_768, 8, 4],
  [65_536, 8, 2],
  [262_144, 2, 2],
  [2, 2_730, 1],
  [128, 2_048, 2],
])('scrypt with N=%i, r=%i, p=%i is within bounds and verifies', { timeout: SLOW_MS }, async (n, r, p) => {
  const encoded = encodeScrypt('correct horse', n, r, p)
  expect(await verifyEncoded('correct horse', encoded)).toBe(true)
  expect(await verifyEncoded('wrong', encoded)).toBe(false)
})

it.each([
  ['sha1', 'SHA-1', 20],
  ['sha256', 'SHA-256', 32],
  ['sha512', 'SHA-512', 64],
])('S12: %s derives one digest natively and compares it in constant time', async (digest, name, bytes) => {
  const deriveBits = vi.spyOn(SubtleCrypto.prototype, 'deriveBits')
  const timingSafeEqual = vi.spyOn(SubtleCrypto.prototype, 'timingSafeEqual')
  expect(await verifyEncoded('Correct horse', encodePbkdf2('correct horse', digest, 1_000))).toBe(false)
  const [algorithm, , bits] = deriveBits.mock.calls[0] ?? []
  expect(algorithm).toMatchObject({ name: 'PBKDF2', hash: name, iterations: 1_000 })
  expect(bits).toBe(8 * bytes)
  expect(timingSafeEqual.mock.calls.map((pair) => pair.map((side) => side.byteLength))).toEqual([
    [bytes, bytes],
  ])
})

it('S12: more than 100,000 iterations make no native call', { timeout: SLOW_MS }, async () => {
  const [deriveBits, wait] = spyOnDerivations()
  expect(await verifyEncoded('x', encodePbkdf2('x', 'sha1', 100_000))).toBe(true)
  expect([deriveBits?.mock.calls.length, wait?.mock.calls.length]).toEqual([1, 0])
  expect(await verifyEncoded('x', `pbkdf2:sha1:100001$saltsalt$${HEX_40}`)).toBe(false)
  expect([deriveBits?.mock.calls.length, wait?.mock.calls.length]).toEqual([1, 25])
})

it.each([
  [`pbkdf2:sha1:100000$salt$${HEX_40}`, false],
  [`pbkdf2:sha1:100001$salt$${HEX_40}`, true],
  [`pbkdf2:sha512:210000$salt$${HEX_128}`, true],
  [`scrypt:65536:8:2$salt$${HEX_128}`, false],
])('%s needs the slow lane: %s', (encoded, expected) => {
  const hash = parseWerkzeugHash(encoded)
  expect(hash && needsSlowLane(hash)).toBe(expected)
})

it.each([
  [
    '',
    ' ',
    '\0',
    'pass\0word',
    'x'.repeat(64),
    'x'.repeat(129),
    'ä'.repeat(10_000),
    '👨‍🔧👍🏽',
    'ﬁle²Ａ',
    'p$a:ss$',
  ],
])('S04: a password verifies as it is, untrimmed, uncut, unfolded', async (...passwords) => {
  for (const password of passwords) {
    const pbkdf2 = ['sha1', 'sha256', 'sha512'].map((digest) => encodePbkdf2(password, digest, 10))
    for (const encoded of [...pbkdf2, encodeScrypt(password, 16, 1, 1)]) {
      expect(await verifyEncoded(password, encoded)).toBe(true)
      for (const other of [`${password}x`, `${password} `, ` ${password}`, `${password}\n`]) {
        expect(await verifyEncoded(other, encoded)).toBe(false)
      }
    }
  }
})

it.each([
  ['NFC', 'caf\u00e9', 'NFC', 'caf\u00e9', true, 1],
  ['NFC', 'caf\u00e9', 'NFD', 'cafe\u0301', true, 2],
  ['NFD', 'cafe\u0301', 'NFD', 'cafe\u0301', true, 1],
  ['NFD', 'cafe\u0301', 'NFC', 'caf\u00e9', false, 1],
  ['NFC', 'caf\u00e9', 'wrong NFD', 'Cafe\u0301', false, 2],
  ['NFC', 'caf\u00e9', 'wrong NFC', 'Caf\u00e9', false, 1],
  ['NFKC', 'fi2', 'not folded', '\ufb01\u00b2', false, 1],
])(
  'S05: made from %s %j, tried with %s %j: %s in %i derivations',
  async (_1, made, _2, tried, expected, count) => {
    const deriveBits = vi.spyOn(SubtleCrypto.prototype, 'deriveBits')
    expect(await verifyEncoded(tried, encodePbkdf2(made, 'sha256', 10))).toBe(expected)
    expect(deriveBits).toHaveBeenCalledTimes(count)
  },
)

it('every bit of the digest counts', async () => {
  const hash = parseWerkzeugHash(encodePbkdf2('correct horse', 'sha256', 1))
  if (hash === undefined) throw new Error('not parsed')
  for (let bit = 0; bit < 256; bit++) {
    const derived = Uint8Array.from(hash.derived, (byte, i) =>
      i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte,
    )
    expect(await verifyWerkzeugHash('correct horse', { ...hash, derived })).toBe(false)
  }
})

async function verifyEncoded(password: string, encoded: string): Promise<boolean> {
  const hash = parseWerkzeugHash(encoded)
  return hash !== undefined && (await verifyWerkzeugHash(password, hash))
}

function spyOnDerivations() {
  return [vi.spyOn(SubtleCrypto.prototype, 'deriveBits'), vi.spyOn(scheduler, 'wait')]
}

function encodePbkdf2(password: string, digest: string, iterations: number): string {
  const length = { sha1: 20, sha256: 32 }[digest] ?? 64
  const derived = pbkdf2Sync(password, 'saltsalt', iterations, length, digest)
  return `pbkdf2:${digest}:${iterations}$saltsalt$${derived.toString('hex')}`
}

function encodeScrypt(password: string, n: number, r: number, p: number): string {
  const derived = scryptSync(password, 'saltsalt', 64, { N: n, r, p, maxmem: 100 * 2 ** 20 })
  return `scrypt:${n}:${r}:${p}$saltsalt$${derived.toString('hex')}`
}

function fastestMs(work: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const startedAt = performance.now()
    work()
    return performance.now() - startedAt
  })
  return Math.min(...times)
}
