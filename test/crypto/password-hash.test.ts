import { describe, expect, it } from 'vitest'
import { concatBytes, hex, utf8 } from '../../src/crypto/encoding.ts'
import {
  decoyHash,
  hashPassword,
  isCurrentHash,
  type Pepper,
  parsePasswordHash,
  verifyPasswordHash,
} from '../../src/crypto/password-hash.ts'
import { derivations, forgetDerivations } from '../support/production-limits.ts'
import vectors from '../vectors/password-chain.json'

const peppers = new Map<string, Pepper>(
  Object.entries(vectors.peppers_hex).map(([id, text]) => [
    id,
    { id, bytes: Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)) },
  ]),
)
const p1 = peppers.get('p1') as Pepper
const p2 = peppers.get('p2') as Pepper

let breaths = 0
const breathe = async () => {
  breaths++
}

const verify = async (password: string, encoded: string) => {
  const parsed = parsePasswordHash(encoded)
  return parsed ? verifyPasswordHash(password, parsed, peppers, breathe) : 'not parsed'
}

describe('known answers', () => {
  it.each(vectors.vectors)('S13: $id $note', async ({ password, encoded }) => {
    expect(await verify(password, encoded)).toBe(true)
    expect(await verify(`${password}x`, encoded)).toBe(false)
  })

  // RFC 7914 section 11.
  it.each([
    [
      'passwd',
      'salt',
      1,
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    ],
    [
      'Password',
      'NaCl',
      80_000,
      '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d',
    ],
  ])('S13: PBKDF2-HMAC-SHA-256 of %s agrees with the RFC', async (password, salt, iterations, expected) => {
    const key = await crypto.subtle.importKey('raw', utf8(password), 'PBKDF2', false, ['deriveBits'])
    const bits = await crypto.subtle.deriveBits(
      { name: 'PBKDF2', hash: 'SHA-256', salt: utf8(salt), iterations },
      key,
      512,
    )
    expect(hex(new Uint8Array(bits))).toBe(expected)
  })
})

describe('a new hash', () => {
  it('S11: has a salt of its own and verifies', async () => {
    const [first, second] = [
      await hashPassword('pa ss', p1, breathe),
      await hashPassword('pa ss', p1, breathe),
    ]
    expect(first).not.toBe(second)
    expect(first).toMatch(
      /^\$pbkdf2-sha256-chain\$v=1\$i=50000,n=12,k=p1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    )
    expect(await verify('pa ss', first)).toBe(true)
  })

  it('S12: takes 600,000 iterations with a pause between its calls, none of them more than 100,000, none for more bits than the hash has', async () => {
    forgetDerivations()
    breaths = 0
    await hashPassword('pa ss', p1, breathe)
    expect(derivations.map(({ iterations }) => iterations)).toEqual(Array(12).fill(50_000))
    expect(derivations.every(({ length }) => length === 256)).toBe(true)
    expect(breaths).toBe(11)
  })

  it('S16: depends on the pepper', async () => {
    const encoded = await hashPassword('pa ss', p1, breathe)
    expect(await verify('pa ss', encoded.replace('k=p1', 'k=p2'))).toBe(false)
  })
})

describe('stored parameters', () => {
  const good =
    '$pbkdf2-sha256-chain$v=1$i=1000,n=2,k=p1$AAECAwQFBgcICQoLDA0ODw$N87cWzBcWIztWXkAwTfC6zpXvHBpm3yJSBA/I612Wis'

  it.each([
    ['too many iterations', good.replace('i=1000', 'i=100001')],
    ['iterations of nine digits', good.replace('i=1000', 'i=999999999')],
    ['no iterations', good.replace('i=1000', 'i=0')],
    ['a leading zero', good.replace('i=1000', 'i=01000')],
    ['too many calls', good.replace('n=2', 'n=17')],
    ['no calls', good.replace('n=2', 'n=0')],
    ['another version', good.replace('v=1', 'v=2')],
    ['an upper-case key id', good.replace('k=p1', 'k=P1')],
    ['a key id of 17 characters', good.replace('k=p1', 'k=abcdefghijklmnopq')],
    ['a short salt', good.replace('AAECAwQFBgcICQoLDA0ODw', 'AAECAwQFBgcICQoLDA0O')],
    ['a non-canonical salt', good.replace('DA0ODw', 'DA0ODx')],
    ['a short hash', good.slice(0, -1)],
    ['a non-canonical hash', `${good.slice(0, -1)}t`],
    ['text after it', `${good}\n`],
    ['another scheme', good.replace('pbkdf2', 'argon2')],
    ['nothing', ''],
  ])('are refused without any derivation: %s', async (_, encoded) => {
    forgetDerivations()
    expect(await verify('correct horse battery staple', encoded)).toBe('not parsed')
    expect(derivations).toEqual([])
  })

  it('S16: with an unknown pepper give no answer and cost no derivation', async () => {
    forgetDerivations()
    expect(await verify('correct horse battery staple', good.replace('k=p1', 'k=gone'))).toBeUndefined()
    expect(derivations).toEqual([])
  })

  it('count as current only with the parameters and the pepper in use', async () => {
    const current = parsePasswordHash(await hashPassword('x', p1, breathe))
    const old = parsePasswordHash(good)
    if (!current || !old) throw new Error('not parsed')
    expect(isCurrentHash(current, p1)).toBe(true)
    expect(isCurrentHash(current, p2)).toBe(false)
    expect(isCurrentHash(old, p1)).toBe(false)
  })
})

describe('the decoy', () => {
  it('S17: costs what a real hash costs and matches nothing', async () => {
    forgetDerivations()
    expect(await verifyPasswordHash('', decoyHash(p1), peppers, breathe)).toBe(false)
    expect(derivations.reduce((sum, { iterations }) => sum + iterations, 0)).toBe(600_000)
  })
})

describe('byte strings', () => {
  it('are joined in order', () => {
    expect(hex(concatBytes(utf8('a'), new Uint8Array(), utf8('bc')))).toBe('616263')
  })
})
