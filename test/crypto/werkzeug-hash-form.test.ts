// What a stored string may say at all: everything here is refused or read without deriving anything.
import { hexToBytes } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import { parseWerkzeugHash } from '../../src/crypto/werkzeug-form.ts'

const HEX_40 = 'a'.repeat(40)
const HEX_64 = 'b'.repeat(64)
const HEX_128 = 'c'.repeat(128)

it.each([
  [`pbkdf2:sha1:1$s$${HEX_40}`, 1],
  [`pbkdf2:sha256:1000$ a:b/c+d=.~!$${HEX_64}`, 1_000],
  [`pbkdf2:sha512:1000000$${'s'.repeat(64)}$${HEX_128}`, 1_000_000],
])('reads %s', (encoded, iterations) => {
  const [method = '', salt, hex = ''] = encoded.split('$')
  const digest = method.split(':')[1]
  const expected = { method: 'pbkdf2', digest, iterations, salt, derived: hexToBytes(hex) }
  expect(parseWerkzeugHash(encoded)).toEqual(expected)
})

it('reads the parameters of scrypt', () => {
  const [cost, blockSize, parallelization, salt] = [32_768, 8, 1, 'saltsalt']
  const expected = { method: 'scrypt', cost, blockSize, parallelization, salt, derived: hexToBytes(HEX_128) }
  expect(parseWerkzeugHash(`scrypt:32768:8:1$saltsalt$${HEX_128}`)).toEqual(expected)
})

it.each([
  [
    'parts left out',
    ['pbkdf2', 'pbkdf2:sha256', 'pbkdf2:sha256:', 'pbkdf2::1000', 'scrypt', 'scrypt:32768:8'],
  ],
  [
    'parts too many',
    ['pbkdf2:sha256:1000:1', 'pbkdf2:sha256:1000:', 'scrypt:32768:8:1:1', 'scrypt:32768:8:1:'],
  ],
  [
    'plain HMAC and plain text',
    ['sha256', 'sha1', 'sha512', 'md5', 'plain', 'pbkdf2_sha256', 'hmac:sha256:1'],
  ],
  ['other methods', ['argon2:1:1:1', 'bcrypt:12', '__proto__', 'toString', '']],
  ['other letters', ['PBKDF2:sha256:1000', 'pbkdf2:SHA256:1000', 'Scrypt:32768:8:1', ' pbkdf2:sha256:1000']],
  ['other digests', ['pbkdf2:md5:1000', 'pbkdf2:sha224:1000', 'pbkdf2:sha384:1000', 'pbkdf2:sha-256:1000']],
  ['names of objects', ['pbkdf2:__proto__:1000', 'pbkdf2:constructor:1000', 'pbkdf2:toString:1000']],
])('S15: refuses %s', (_what, methods) => {
  for (const method of methods) {
    for (const hex of ['a'.repeat(32), HEX_40, HEX_64, 'a'.repeat(96), HEX_128]) {
      expect(parseWerkzeugHash(`${method}$saltsalt$${hex}`), method).toBeUndefined()
    }
  }
})

it('refuses strings without all three parts, or with more', () => {
  const whole = `pbkdf2:sha256:1000$saltsalt$${HEX_64}`
  const short = ['', '$', '$$', '$$$', '::$$', 'pbkdf2', 'pbkdf2:sha256:1000', 'pbkdf2:sha256:1000$saltsalt']
  for (const each of [
    ...short,
    `${whole}$`,
    `$${whole}`,
    ` ${whole}`,
    `${whole} `,
    `${whole}\n`,
    `${whole}\0`,
  ]) {
    expect(parseWerkzeugHash(each), each).toBeUndefined()
  }
})

it('S15: refuses iterations outside 1 to 1,000,000 and other spellings of numbers', () => {
  const outside = '0 00 -1 1000001 9999999 4294967295 4294967296001 1e309 Infinity NaN'.split(' ')
  const spellings = '+1000 01000 1e3 0x3e8 1_000 1,000 1000.0 1000n ١٠٠٠ １０００'.split(' ')
  for (const each of [...outside, ...spellings, ' 1000', '1000 ', '1000\n', '9'.repeat(150)]) {
    expect(parseWerkzeugHash(`pbkdf2:sha256:${each}$saltsalt$${HEX_64}`), each).toBeUndefined()
  }
})

it('refuses salts that are empty, long or not printable ASCII', () => {
  const bad = [
    '',
    '\t',
    'sa\nlt',
    'sa\0lt',
    'sa\x7flt',
    'sält',
    's\u200balt',
    '\ud800',
    '😀',
    's'.repeat(65),
    '$',
    'a$b',
  ]
  for (const salt of bad)
    expect(parseWerkzeugHash(`pbkdf2:sha256:1000$${salt}$${HEX_64}`), salt).toBeUndefined()
})

it.each([
  ['pbkdf2:sha1:1000', 40],
  ['pbkdf2:sha256:1000', 64],
  ['pbkdf2:sha512:1000', 128],
  ['scrypt:32768:8:1', 128],
])('%s needs %i lower-case hex digits', (method, digits) => {
  const most = 'a'.repeat(digits - 1)
  expect(parseWerkzeugHash(`${method}$saltsalt$${most}a`)).toBeDefined()
  for (const hex of [
    '',
    most,
    most.slice(1),
    `${most}aa`,
    `${most}aaa`,
    `${most}A`,
    `${most}g`,
    `${most} `,
    `${most}a\n`,
  ]) {
    expect(parseWerkzeugHash(`${method}$saltsalt$${hex}`), hex).toBeUndefined()
  }
})

it.each([
  ['N that is no power of two above 1', '0:8:1 1:8:1 3:8:1 32767:8:1 32769:8:1 -32768:8:1'],
  ['no blocks or lanes', '32768:0:1 32768:8:0 32768:-8:1 32768:8:-1'],
  ['N at or above 2^(16r), RFC 7914', '65536:1:1 131072:1:1 524288:1:1'],
  ['work above 2^20', '32768:8:5 32768:16:3 16384:8:9 4096:1:257 262144:2:3'],
  ['a table above 64 MiB', '131072:8:1 65536:16:1 1048576:1:1 524288:2:1 2:524288:1 1073741824:8:1'],
  ['blocks above 1 MiB', '16:1:8191 2:2731:1 2:1:262144 2:4096:1 2:8192:64 2:1:524289'],
  ['other spellings', '032768:8:1 +32768:8:1 32768:08:1 32768:8:01 0x8000:8:1 3e4:8:1 32768.0:8:1 32768::1'],
  ['numbers beyond 2^53', '18014398509481984:8:1 32768:18014398509481985:1 2:1:99999999999999999999'],
])('S15: scrypt refuses %s', (_what, parameters) => {
  for (const each of parameters.split(' ')) {
    expect(parseWerkzeugHash(`scrypt:${each}$saltsalt$${HEX_128}`), each).toBeUndefined()
  }
})

it.each([
  ['dollars', '$'.repeat(5_000_000)],
  ['colons', `${':'.repeat(5_000_000)}$salt$${HEX_64}`],
  ['digits', `pbkdf2:sha256:${'1'.repeat(5_000_000)}$salt$${HEX_64}`],
  ['salt', `pbkdf2:sha256:1000$${'s'.repeat(5_000_000)}$${HEX_64}`],
  ['hex', `pbkdf2:sha256:1000$salt$${'a'.repeat(5_000_000)}`],
])('S15: refuses five million %s at once', (_what, encoded) => {
  expect(fastestMs(() => expect(parseWerkzeugHash(encoded)).toBeUndefined())).toBeLessThan(5)
})

function fastestMs(work: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const startedAt = performance.now()
    work()
    return performance.now() - startedAt
  })
  return Math.min(...times)
}
