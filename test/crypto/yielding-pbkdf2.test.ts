import { pbkdf2Sync } from 'node:crypto'
import { bytesToHex } from '@noble/hashes/utils.js'
import { afterEach, expect, it, vi } from 'vitest'
import type { Pbkdf2Digest } from '../../src/crypto/werkzeug-form.ts'
import { yieldingPbkdf2 } from '../../src/crypto/yielding-pbkdf2.ts'

const SLOW_MS = 60_000
const LONG_PASSWORD = 'passwordPASSWORDpassword'
const LONG_SALT = 'saltSALTsaltSALTsaltSALTsaltSALTsalt'
const PASSWD_HEX =
  '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
  '49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783'
const NACL_HEX =
  '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56' +
  'a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d'

afterEach(() => {
  vi.restoreAllMocks()
})

it.each<[string, Pbkdf2Digest, string, string, number, string]>([
  ['7914 section 11', 'sha256', 'passwd', 'salt', 1, PASSWD_HEX],
  ['7914 section 11', 'sha256', 'Password', 'NaCl', 80_000, NACL_HEX],
  ['6070', 'sha1', 'password', 'salt', 1, '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
  ['6070', 'sha1', 'password', 'salt', 2, 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
  ['6070', 'sha1', 'password', 'salt', 4_096, '4b007901b765489abead49d926f721d065a429c1'],
  ['6070', 'sha1', LONG_PASSWORD, LONG_SALT, 4_096, '3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038'],
  ['6070', 'sha1', 'pass\0word', 'sa\0lt', 4_096, '56fa6aa75548099dcc37d7f03425e0c3'],
])(
  'S13: RFC %s holds for %s of %j, %j, %i',
  { timeout: SLOW_MS },
  async (_rfc, digest, password, salt, count, hex) => {
    expect(bytesToHex(await derive(password, salt, count, hex.length / 2, digest))).toBe(hex)
  },
)

it.each<[Pbkdf2Digest, number, number]>([
  ['sha1', 20, 64],
  ['sha256', 32, 64],
  ['sha512', 64, 128],
])('S13: %s agrees with the native function', { timeout: SLOW_MS }, async (digest, bytes, block) => {
  const expectNative = async (password: string, count: number, length: number) => {
    const native = pbkdf2Sync(password, 'saltsalt', count, length, digest)
    expect(bytesToHex(await derive(password, 'saltsalt', count, length, digest))).toBe(native.toString('hex'))
  }
  for (const passwordLength of [0, 1, block - 1, block, block + 1, 3 * block]) {
    const password = 'p'.repeat(passwordLength)
    await expectNative(password, 1, bytes)
    await expectNative(password, 2, 1)
    await expectNative(password, 3, bytes - 1)
    await expectNative(password, 5, bytes + 1)
    await expectNative(password, 7, 3 * bytes)
  }
  for (const count of [3_999, 4_000, 4_001, 8_001]) await expectNative('password', count, 2 * bytes)
})

it.each([
  [1, 32, 0],
  [3_999, 32, 0],
  [4_000, 32, 0],
  [4_001, 32, 1],
  [8_000, 32, 1],
  [40_000, 32, 9],
  [2_000, 64, 0],
  [2_001, 64, 1],
  [4_000, 64, 1],
  [1, 32 * 8_001, 2],
])(
  '%i iterations for %i bytes give the isolate back %i times',
  { timeout: SLOW_MS },
  async (count, length, turns) => {
    const wait = vi.spyOn(scheduler, 'wait')
    await derive('password', 'salt', count, length)
    expect(wait.mock.calls).toEqual(Array.from({ length: turns }, () => [0]))
  },
)

it('gives the isolate back just as often while the clock stands still', { timeout: SLOW_MS }, async () => {
  vi.spyOn(Date, 'now').mockReturnValue(0)
  vi.spyOn(performance, 'now').mockReturnValue(0)
  const wait = vi.spyOn(scheduler, 'wait')
  await derive('password', 'salt', 40_000, 32)
  expect(wait).toHaveBeenCalledTimes(9)
})

it('other work runs between two turns', { timeout: SLOW_MS }, async () => {
  let isDone = false
  let others = 0
  const derivation = derive('password', 'salt', 80_000, 32).finally(() => {
    isDone = true
  })
  while (!isDone) {
    others++
    await scheduler.wait(0)
  }
  await derivation
  expect(others).toBeGreaterThanOrEqual(10)
})

it('two derivations at once do not disturb each other', { timeout: SLOW_MS }, async () => {
  const together = await Promise.all([derive('one', 'salt', 20_000, 32), derive('two', 'salt', 20_000, 32)])
  expect(together).toEqual([await derive('one', 'salt', 20_000, 32), await derive('two', 'salt', 20_000, 32)])
  expect(together[0]).not.toEqual(together[1])
})

it('password and salt may be wiped as soon as it has begun', { timeout: SLOW_MS }, async () => {
  const password = utf8('password')
  const salt = utf8('saltsalt')
  const derivation = yieldingPbkdf2('sha256', password, salt, 9_000, 64)
  password.fill(0)
  salt.fill(0)
  expect(await derivation).toEqual(await derive('password', 'saltsalt', 9_000, 64))
})

it.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 53])(
  '%d is no number of iterations or bytes',
  async (bad) => {
    await expect(derive('password', 'salt', bad, 32)).rejects.toThrow(RangeError)
    await expect(derive('password', 'salt', 1, bad)).rejects.toThrow(RangeError)
  },
)

function derive(
  password: string,
  salt: string,
  count: number,
  length: number,
  digest: Pbkdf2Digest = 'sha256',
) {
  return yieldingPbkdf2(digest, utf8(password), utf8(salt), count, length)
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
