/**
 * Tokens that were made by hand, with the Worker's own keys where that is the harder case: header, MAC,
 * spelling, shape of the payload.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { base64url, utf8 } from '../../src/crypto/encoding.ts'
import type { PurposeKey } from '../../src/crypto/keyring.ts'
import { customer, type Person } from '../support/client.ts'
import {
  asBearer,
  type Claims,
  claimsOf,
  expectRefused,
  forge,
  headerText,
  INVALID,
  keyOf,
  macOf,
  otherSpellings,
  verdict,
  work,
} from '../support/forged-tokens.ts'

const DAY = 86_400

let john: Person
let jane: Person
let key: PurposeKey
let claims: Claims

beforeAll(async () => {
  john = await customer()
  jane = await customer()
  key = await keyOf()
  claims = claimsOf(john.token)
})

const now = () => Math.floor(Date.now() / 1000)
const withClaims = (changes: Claims) => forge(key, JSON.stringify({ ...claims, ...changes }))
const withHeader = (header: string, hash?: string) => forge(key, JSON.stringify(claims), header, hash)

describe('a token made by hand', () => {
  it('is accepted when every byte is right: the control of all that follows', async () => {
    const at = now()
    for (const token of [
      await withClaims({}),
      await withClaims({ iat: at - DAY + 30, exp: at + 30 }),
      await withClaims({ iat: at + 30, exp: at + 30 + DAY }),
    ]) {
      expect((await asBearer(token)).body.account.id).toBe(john.id)
    }
  })
})

describe('S30: the algorithm is HS256', () => {
  it.each([
    ...['none', 'None', 'NONE', 'nOnE', 'hs256', 'HS256 ', 'RS256', 'ES256', 'EdDSA', ''],
    ...[null, true, 256, ['HS256'], { alg: 'HS256' }],
  ])('S30: alg %j is refused, with the right MAC and with none', async (alg) => {
    const header = JSON.stringify({ alg, typ: 'JWT', kid: key.id })
    const token = await withHeader(header)
    await expectRefused(token)
    await expectRefused(token.slice(0, token.lastIndexOf('.') + 1))
  })

  it.each([
    ['HS384', 'SHA-384'],
    ['HS512', 'SHA-512'],
  ])('S30: %s signed with the real key is refused', async (alg, hash) => {
    await expectRefused(await withHeader(JSON.stringify({ alg, typ: 'JWT', kid: key.id }), hash))
    await expectRefused(await withHeader(headerText(key), hash))
  })

  it('S30: a header without alg, that names it twice, or that is no object is refused', async () => {
    const kid = JSON.stringify(key.id)
    for (const header of [
      `{"typ":"JWT","kid":${kid}}`,
      `{"alg":"none","alg":"HS256","typ":"JWT","kid":${kid}}`,
      `{"alg":"HS256","typ":"JWT","kid":${kid},"alg":"none"}`,
      ...['null', '[]', '"HS256"', '1', '', '{', `${headerText(key)} `, headerText(key).replace(':', ': ')],
    ]) {
      await expectRefused(await withHeader(header), header)
    }
  })
})

describe('S31, S40: nothing in the header chooses a key or a rule', () => {
  const with_ = (members: object) => JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: key.id, ...members })

  it('S31: a key that the token brings along or points to is not used', async () => {
    const own = crypto.getRandomValues(new Uint8Array(32))
    const outside: PurposeKey = { ...key, bytes: own }
    const url = 'https://attacker.test/keys.json'
    for (const members of [
      { jwk: { kty: 'oct', k: base64url(own), alg: 'HS256' } },
      { jku: url },
      { x5u: url },
      { x5c: [base64url(own)] },
      {},
    ]) {
      await expectRefused(await forge(outside, JSON.stringify(claims), with_(members)))
    }
  })

  it('S31: extra header members are refused even with the right MAC', async () => {
    for (const members of [
      { jwk: { kty: 'oct', k: base64url(key.bytes) } },
      ...[
        { jku: 'https://attacker.test/' },
        { x5u: 'https://attacker.test/' },
        { x5c: [] },
        { 'x5t#S256': 'a' },
      ],
      ...[
        { zip: 'DEF' },
        { cty: 'JWT' },
        { typ: 'at+jwt' },
        { typ: 'jwt' },
        { typ: null },
        { role: 'admin' },
      ],
    ]) {
      await expectRefused(await withHeader(with_(members)), JSON.stringify(members))
    }
  })

  it('S31: a kid that is a path, SQL, a property name, 10 kB, of another type or missing is refused', async () => {
    for (const kid of [
      ...['../../dev/null', "x' UNION SELECT 'k'--", '__proto__', 'constructor', '', '00000000'],
      ...[
        `${key.id} `,
        key.id.toUpperCase().padStart(9, '0'),
        'a'.repeat(10_240),
        null,
        0,
        [key.id],
        undefined,
      ],
    ]) {
      await expectRefused(await withHeader(with_({ kid })), String(kid).slice(0, 80))
    }
  })

  it('S40: crit is refused, whatever it lists', async () => {
    for (const members of [{ crit: ['exp'] }, { crit: [] }, { crit: ['b64'], b64: false }, { crit: null }]) {
      await expectRefused(await withHeader(with_(members)), JSON.stringify(members))
    }
  })
})

describe('S32: the MAC must fit', () => {
  it('S32: a MAC that is empty, cut, lengthened, changed or of another token is refused', async () => {
    const [header, payload, mac = ''] = john.token.split('.')
    const flipped = (at: number) => mac.slice(0, at) + (mac[at] === 'A' ? 'B' : 'A') + mac.slice(at + 1)
    const zeros = await macOf(new Uint8Array(1), `${header}.${payload}`)
    for (const forged of [
      ...['', mac.slice(4), mac.slice(0, -4), mac.slice(0, -1), `${mac}A`, `${mac}AAAA`, mac + mac],
      ...[
        'A'.repeat(43),
        '_'.repeat(43),
        flipped(0),
        flipped(20),
        flipped(41),
        jane.token.split('.')[2],
        zeros,
      ],
    ]) {
      await expectRefused(`${header}.${payload}.${forged}`)
    }
  })

  it('S32: header or payload of one token under the MAC of another is refused', async () => {
    const [header, payload, mac] = john.token.split('.')
    const hers = jane.token.split('.')
    await expectRefused(`${header}.${hers[1]}.${mac}`)
    await expectRefused(`${header}.${payload}.${hers[2]}`)
  })
})

describe('S33: a token has one spelling', () => {
  it('S33: the other spellings of the same MAC and of a signed payload are refused', async () => {
    const spellings = otherSpellings(john.token)
    expect(spellings).toHaveLength(3)
    for (const spelling of spellings) await expectRefused(spelling)

    // Chosen so that the payload's last character has unused bits.
    const text =
      [0, 1, 2].map((n) => ' '.repeat(n) + JSON.stringify(claims)).find((t) => t.length % 3 === 1) ?? ''
    expect((await asBearer(await forge(key, text))).status).toBe(200)
    for (const signed of otherSpellings(`${base64url(utf8(headerText(key)))}.${base64url(utf8(text))}`, 4)) {
      await expectRefused(`${signed}.${await macOf(key.bytes, signed)}`)
    }
  })

  it('S33: padding, other alphabets, blanks and other numbers of parts are refused', async () => {
    const { token } = john
    const [header = '', payload = '', mac = ''] = token.split('.')
    for (const spelling of [
      ...[`${token}=`, `${token}==`, `${header}.${payload}=.${mac}`, `${header}=.${payload}.${mac}`],
      ...[
        `${token}+`,
        `${token}/`,
        `${token}%3D`,
        `+${token}`,
        `${token}.`,
        `.${token}`,
        `"${token}"`,
        `'${token}'`,
      ],
      ...[
        `${header}.${payload}. ${mac}`,
        `${token} ${token}`,
        `${token},${token}`,
        `${token}, Bearer ${token}`,
      ],
      ...[`${token}\t`, `${header}\t.${payload}.${mac}`],
      ...[
        `${header}.${payload}`,
        `${header}.${payload}.`,
        `${header}..${mac}`,
        `.${payload}.${mac}`,
        '..',
        '.',
      ],
      ...[`${token}.${mac}`, `${token}.${mac}.${mac}`, header, `${header}.${mac}.${payload}`],
    ]) {
      // A blank or tab at the very end never arrives: HTTP trims it off the value.
      if (spelling.endsWith('\t')) expect((await asBearer(spelling)).status).toBe(200)
      else await expectRefused(spelling)
    }
  })

  it('S33: the JSON serialisations are refused', async () => {
    const [header, payload, signature] = john.token.split('.')
    await expectRefused(JSON.stringify({ payload, protected: header, signature }))
    await expectRefused(JSON.stringify({ payload, signatures: [{ protected: header, signature }] }))
  })

  it('S33: a token of 100 kB is refused before any cryptography', async () => {
    const before = work.macChecks
    await expectRefused(await withClaims({ jti: 'A'.repeat(75_000) }))
    for (const long of [
      'A'.repeat(100_000),
      '.'.repeat(100_000),
      `${'A.'.repeat(50_000)}`,
      '='.repeat(100_000),
    ]) {
      await expectRefused(long)
    }
    expect(work.macChecks).toBe(before)
    const genuine = await withClaims({ jti: 'B'.repeat(22) })
    await asBearer(genuine)
    expect(work.macChecks).toBe(before + 1)
    // The same text again is known to be genuine.
    await asBearer(genuine)
    expect(work.macChecks).toBe(before + 1)
  })
})

describe('S39: the payload is a plain object', () => {
  it.each([
    ...['null', '[]', '"x"', '1', 'true', '{}', '', '{', 'undefined', '[{"sub":"1"}]', '\u0000'],
    '{"__proto__":{"role":"admin"}}',
  ])('S39: the payload %j is refused', async (payload) => {
    await expectRefused(await forge(key, payload))
  })

  it('S39: __proto__, constructor and duplicate keys give no privilege', async () => {
    const text = JSON.stringify(claims)
    for (const extra of [
      ...[
        '"__proto__":{"role":"admin"}',
        '"constructor":{"prototype":{"role":"admin"}}',
        '"role":"x","role":"admin"',
      ],
      '"__proto__":null',
    ]) {
      await expectRefused(await forge(key, text.replace('{', `{${extra},`)), extra)
    }
    const inherited = { sub: claims['sub'], exp: claims['exp'] }
    await expectRefused(
      await forge(
        key,
        JSON.stringify({ ...claims, sub: undefined }).replace(
          '{',
          `{"__proto__":${JSON.stringify(inherited)},`,
        ),
      ),
    )
    expect((await john.get('/customers')).status).toBe(403)
  })

  it('S39: of two sub claims no mix of two people comes', async () => {
    const twice = JSON.stringify(claims).replace('{', `{"sub":"${jane.id}",`)
    expect((await asBearer(await forge(key, twice))).body.account?.id ?? john.id).toBe(john.id)
    const other = JSON.stringify(claims).replace(/}$/, `,"sub":"${jane.id}"}`)
    expect(verdict(await asBearer(await forge(key, other)))).toEqual(INVALID)
  })
})
