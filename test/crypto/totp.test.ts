/** One-time codes and base32, against the vectors of RFC 4226, RFC 6238 and RFC 4648. */
import { describe, expect, it } from 'vitest'
import { base32, crockford, readCrockford } from '../../src/crypto/base32.ts'
import { utf8 } from '../../src/crypto/encoding.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { findTotpStep, makeHotp, stepOf } from '../../src/crypto/totp.ts'
import vectors from '../vectors/otp.json'

const seedOf = (length: number) => utf8('1234567890'.repeat(7).slice(0, length))
const SEED = seedOf(20)

describe('S56: codes', () => {
  it.each(vectors.hotp.map((code, counter) => [counter, code] as const))(
    'S56: the code of counter %s is that of RFC 4226, appendix D',
    async (counter, code) => {
      expect(await makeHotp(SEED, counter)).toBe(code)
    },
  )

  it.each(vectors.totp)('S56: at $time they are those of RFC 6238, appendix B', async (vector) => {
    const step = stepOf(vector.time)
    expect(await makeHotp(SEED, step, 8, 'SHA-1')).toBe(vector.sha1)
    expect(await makeHotp(seedOf(32), step, 8, 'SHA-256')).toBe(vector.sha256)
    expect(await makeHotp(seedOf(64), step, 8, 'SHA-512')).toBe(vector.sha512)
  })

  it('S56: keep their leading zeros, and a code without them is another', async () => {
    const padded = vectors.totp.find(({ sha1 }) => sha1.slice(2).startsWith('0'))
    if (!padded) throw new Error('no vector with a leading zero')
    const code = padded.sha1.slice(2)
    expect(await makeHotp(SEED, stepOf(padded.time))).toBe(code)
    expect(await findTotpStep(SEED, code, padded.time, null)).toBe(stepOf(padded.time))
    expect(await findTotpStep(SEED, code.replace(/^0+/, ''), padded.time, null)).toBeUndefined()
  })
})

describe('S58: the window', () => {
  const now = 1_111_111_109
  const codeAt = (steps: number) => makeHotp(SEED, stepOf(now) + steps)

  it('S58: has the present step and one either side', async () => {
    for (const steps of [-1, 0, 1]) {
      expect(await findTotpStep(SEED, await codeAt(steps), now, null)).toBe(stepOf(now) + steps)
    }
    for (const steps of [-3, -2, 2, 3]) {
      expect(await findTotpStep(SEED, await codeAt(steps), now, null)).toBeUndefined()
    }
  })

  it('S57: begins after the last step that was used', async () => {
    const last = stepOf(now)
    expect(await findTotpStep(SEED, await codeAt(-1), now, last)).toBeUndefined()
    expect(await findTotpStep(SEED, await codeAt(0), now, last)).toBeUndefined()
    expect(await findTotpStep(SEED, await codeAt(1), now, last)).toBe(last + 1)
  })

  it('S57: ends with the last of two neighbours that have the same code, so that it is no code twice', async () => {
    const [step, code] = [37_079_356, '186519']
    expect([await makeHotp(SEED, step), await makeHotp(SEED, step + 1)]).toEqual([code, code])
    for (const time of [step * 30, (step + 1) * 30]) {
      const used = await findTotpStep(SEED, code, time, null)
      expect(used).toBe(step + 1)
      expect(await findTotpStep(SEED, code, time, used ?? null)).toBeUndefined()
    }
  })
})

describe('base32', () => {
  it.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('of "%s" is that of RFC 4648 §10, without padding', (text, encoded) => {
    expect(base32(utf8(text))).toBe(encoded)
  })

  it('of the seed is what authenticator apps are given', () => {
    expect(base32(SEED)).toBe(vectors.seed_sha1_base32)
  })

  it('of Crockford comes back from whatever a person makes of it', () => {
    expect(crockford(new Uint8Array([0, 0x42, 0x10, 0x84, 0x21]))).toBe('01111111')
    for (let i = 0; i < 200; i++) {
      const text = crockford(randomBytes(15))
      expect(text).toMatch(/^[0-9A-HJKMNP-TV-Z]{24}$/)
      const typed = ` ${text
        .toLowerCase()
        .replaceAll('0', 'o')
        .replaceAll('1', 'l')
        .replace(/(.{4})/g, '$1-')}`
      expect(readCrockford(typed)).toBe(text)
    }
    for (const other of ['', '-', 'U', 'ab!', 'é', '１２３４']) expect(readCrockford(other)).toBeUndefined()
  })
})
