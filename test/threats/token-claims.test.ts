/** Claims that are signed with the real key and wrong all the same, other kinds of tokens, other places for one. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { PurposeKey } from '../../src/crypto/keyring.ts'
import { anonymous, caller, customer, issueLinkToken, type Person } from '../support/client.ts'
import {
  asBearer,
  type Claims,
  claimsOf,
  expectRefused,
  forge,
  INVALID,
  keyOf,
  verdict,
} from '../support/forged-tokens.ts'
import { passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

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

describe('S34, S35: times', () => {
  const at = () => String(now())

  it.each([
    ...[
      '-1',
      '0',
      'null',
      'true',
      '1e400',
      '-1e400',
      '9e15',
      '1.5e300',
      '"9999999999"',
      '[9999999999]',
      '{}',
    ],
    ...['9999999999.5', '99999999999999999999', '1e10'],
  ])('S34: exp %s is refused', async (exp) => {
    await expectRefused(await forge(key, JSON.stringify(claims).replace(/"exp":\d+/, `"exp":${exp}`)))
  })

  it.each(['-1', '0', 'null', 'true', '1e400', '"1"', '[1]', '1.5', '9e15'])(
    'S34: iat %s is refused',
    async (iat) => {
      await expectRefused(await forge(key, JSON.stringify(claims).replace(/"iat":\d+/, `"iat":${iat}`)))
    },
  )

  it('S34: fractions are refused even where the lifetime is right', async () => {
    await expectRefused(await withClaims({ iat: Number(at()) - 0.5, exp: Number(at()) - 0.5 + DAY }))
  })

  it('S34: a token is expired from the second that exp names', async () => {
    for (const age of [DAY, DAY + 1, 10 * DAY]) {
      const answer = await asBearer(await withClaims({ iat: now() - age, exp: now() - age + DAY }))
      expect([...verdict(answer), answer.body.message]).toEqual([
        401,
        'token_expired',
        INVALID[2],
        'Token has expired',
      ])
    }
  })

  it('S34: a token from a future beyond the leeway is refused', async () => {
    for (const ahead of [70, 3_600, 400 * DAY]) {
      await expectRefused(await withClaims({ iat: now() + ahead, exp: now() + ahead + DAY }))
    }
  })

  it('S35: an issued token lives for 86,400 s and no other lifetime is accepted', async () => {
    const iat = Number(claims['iat'])
    expect(claims['exp']).toBe(iat + DAY)
    for (const lifetime of [DAY + 1, DAY + 61, DAY - 1, 2 * DAY, 365 * DAY, 60]) {
      await expectRefused(await withClaims({ exp: iat + lifetime }), `${lifetime} s`)
    }
  })
})

describe('S36, S38: claims', () => {
  it('S36: an issued token has these claims and no others', () => {
    expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub'])
    expect(claims['sub']).toBe(String(john.id))
  })

  it.each(['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp'])(
    'S36: %s is required, in its type',
    async (name) => {
      const value = claims[name]
      const swapped = typeof value === 'string' ? Number(value) || 0 : String(value)
      for (const other of [undefined, null, swapped, [value], { value }, true, false, '']) {
        await expectRefused(await withClaims({ [name]: other }), `${name}: ${JSON.stringify(other)}`)
      }
    },
  )

  it('S36: any other claim is refused, a harmless one too', async () => {
    for (const extra of [
      ...[{ role: 'admin' }, { scope: 'accounts:admin' }, { permissions: ['audit:read'] }, { typ: 'access' }],
      ...[{ nbf: now() + 3_600 }, { nbf: now() - 3_600 }, { nbf: 'soon' }, { kind: 'refresh' }, { Sub: '1' }],
    ]) {
      await expectRefused(await withClaims(extra), JSON.stringify(extra))
    }
  })

  it('S36: sub has one spelling', async () => {
    const id = String(john.id)
    for (const sub of [
      ...[
        `0${id}`,
        ` ${id}`,
        `${id} `,
        `+${id}`,
        `${id}.0`,
        `${id}e0`,
        `0x${id}`,
        `${id}\n`,
        `${id}\0`,
        '-1',
        '0',
      ],
      ...['\u0661', '9'.repeat(16), '9007199254740993', `${id} OR 1=1`],
    ]) {
      await expectRefused(await withClaims({ sub }), JSON.stringify(sub))
    }
  })

  it('S36: sub of no account answers "Invalid customer"', async () => {
    for (const sub of ['999999999999999', '424242']) {
      const answer = await asBearer(await withClaims({ sub }))
      expect([answer.status, answer.body.error, answer.body.message]).toEqual([
        401,
        'Invalid customer',
        'Customer associated with token not found',
      ])
    }
  })

  it("S36: a sid of no session, or of another account's, is refused", async () => {
    const hers = claimsOf(jane.token)
    for (const changes of [{ sid: hers['sid'] }, { sub: hers['sub'] }, { sid: 'A'.repeat(22) }]) {
      expect(verdict(await asBearer(await withClaims(changes)))).toEqual(INVALID)
    }
    for (const sid of ['A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}=`, `${'A'.repeat(21)}%`]) {
      await expectRefused(await withClaims({ sid }))
    }
  })

  it('S38: another issuer or audience, also in a list, is refused', async () => {
    const { iss, aud } = claims
    for (const changes of [
      ...[{ iss: 'other' }, { iss: `${iss} ` }, { iss: String(iss).toUpperCase() }, { iss: aud }],
      ...[
        { aud: 'other' },
        { aud: [aud] },
        { aud: [aud, 'other'] },
        { aud: ['other'] },
        { aud: `${aud}/` },
        { aud: iss },
      ],
    ]) {
      await expectRefused(await withClaims(changes), JSON.stringify(changes))
    }
  })
})

describe('S37: one kind of secret never passes as another', () => {
  it.each(['cursor', 'password-pepper', 'audit-mac', 'audit-seal'] as const)(
    'S37: a token under the %s key is refused',
    async (purpose) => {
      for (const secret of ['SECRET_KEY', 'DATA_KEY'] as const) {
        const other = await keyOf(purpose, testEnv[secret])
        await expectRefused(await forge({ ...other, id: key.id }, JSON.stringify(claims)))
      }
    },
  )
})

describe('S37: kinds of tokens beside keys', () => {
  it('S37: a link token, a cursor and a session id are no access tokens, nor the other way round', async () => {
    const link = await issueLinkToken(john.email)
    for (const other of [link, String(claims['sid']), String(claims['jti']), `${link}.${link}.${link}`]) {
      await expectRefused(other)
    }
    const reset = await anonymous().post('/auth/password/reset', {
      token: john.token,
      password: 'left-hand-thread-9',
    })
    expect([reset.status, reset.body.code]).toEqual([400, 'link_token_invalid'])
    const listed = await john.get(`/service-tickets?cursor=${john.token}`)
    expect([listed.status, listed.body.errors]).toEqual([400, { cursor: ['Not a valid cursor.'] }])
  })
})

describe('S44: the Authorization header is the only place for a token', () => {
  const MISSING = [401, 'token_missing', 'Bearer realm="mechanic-shop"']

  it('S44: a token in query, body, cookie or another header is ignored', async () => {
    const { token } = john
    const nobody = anonymous()
    for (const answer of [
      await nobody.get(`/auth/me?access_token=${token}&token=${token}`),
      await nobody.post('/auth/logout', { access_token: token, token }),
      await nobody.get('/auth/me', { Cookie: `token=${token}; __Host-access=${token}` }),
      await nobody.get('/auth/me', {
        'X-Authorization': `Bearer ${token}`,
        'Proxy-Authorization': `Bearer ${token}`,
      }),
    ]) {
      expect(verdict(answer)).toEqual(MISSING)
    }
    expect((await john.get('/auth/me')).status).toBe(200)
  })

  it('S44: a bad header token is refused whatever good one stands beside it', async () => {
    const answer = await caller('a.b.c').get(`/auth/me?access_token=${john.token}`, {
      Cookie: `token=${john.token}`,
    })
    expect(verdict(answer)).toEqual(INVALID)
    const twice = new Headers({ Authorization: `Bearer ${john.token}` })
    twice.append('Authorization', `Bearer ${jane.token}`)
    expect(verdict(await anonymous().get('/auth/me', Object.fromEntries(twice)))).toEqual(INVALID)
  })

  it('S44: the scheme is read in any letter case, and no other scheme or spacing', async () => {
    const { token } = john
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
      expect((await anonymous().get('/auth/me', { Authorization: `${scheme} ${token}` })).status).toBe(200)
    }
    for (const value of [
      `Bearer\t${token}`,
      `Token ${token}`,
      `Bearer:${token}`,
      `Bearer${token}`,
      token,
      `JWT ${token}`,
    ]) {
      expect(verdict(await anonymous().get('/auth/me', { Authorization: value })), value).toEqual(INVALID)
    }
  })

  it('S44: a missing permission is 403 and names the scope', async () => {
    expect(verdict(await john.get('/customers'))).toEqual([
      403,
      'forbidden',
      'Bearer realm="mechanic-shop", error="insufficient_scope", scope="customers:read"',
    ])
  })
})

describe('the end of a day', () => {
  it('S35: an issued token works for a day less a minute and not for a day', async () => {
    passTime(DAY - 60 - (now() - Number(claims['iat'])))
    expect((await asBearer(john.token)).status).toBe(200)
    passTime(60)
    expect((await asBearer(john.token)).body.code).toBe('token_expired')
  })
})
