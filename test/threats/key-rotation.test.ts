/** Which secrets the service works with, and how one follows another without anyone being signed out. */
import { beforeAll, describe, expect, it } from 'vitest'
import { app } from '../../src/app.ts'
import { base64url, hex, utf8 } from '../../src/crypto/encoding.ts'
import type { KeyPurpose } from '../../src/crypto/keyring.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { decodeSecret } from '../../src/crypto/secret.ts'
import { caller, customer, type Person } from '../support/client.ts'
import { claimsOf, forge, keyOf, macOf } from '../support/forged-tokens.ts'
import { derivations, forgetDerivations, logLines } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

type Settings = Record<string, unknown>

const draw = () => base64url(randomBytes(32))
const OLD = testEnv['SECRET_KEY']
const OLD_DATA = testEnv['DATA_KEY']

let john: Person

beforeAll(async () => {
  john = await customer()
})

async function me(settings: Settings, token: string) {
  const send = await withSettings(settings)
  return send('GET', '/auth/me', undefined, { Authorization: `Bearer ${token}` })
}

async function signIn(settings: Settings, password = john.password) {
  const send = await withSettings(settings)
  const { address } = caller()
  return send('POST', '/auth/login', { email: john.email, password }, { 'CF-Connecting-IP': address })
}

const kidOf = (token: string) => JSON.parse(atob(token.split('.')[0] ?? '')).kid

async function storedHash(): Promise<string> {
  const row = await testEnv.DB.prepare('SELECT password_hash FROM accounts WHERE id = ?')
    .bind(john.id)
    .first()
  return String(row?.['password_hash'])
}

describe('S41: secrets that are refused', () => {
  const typed = 'wrench-socket-ratchet-torque-pliers-hammer-jacks'

  it.each<[string, unknown, string]>([
    ['unset', undefined, 'missing'],
    ['empty', '', 'missing'],
    ['another type', 42, 'missing'],
    ['one character', 's', 'too short'],
    ['a common word', 'secret', 'too short'],
    ["the debugger's example", 'a-string-secret-at-least-256-bits-long', 'too short'],
    ['31 bytes', base64url(randomBytes(31)), 'too short'],
    ['padding', `${draw()}=`, 'not base64url'],
    ['another alphabet', `+/${draw().slice(2)}`, 'not base64url'],
    ['a blank', ` ${draw().slice(1)}`, 'not base64url'],
    ['a line break', `${draw()}\n`, 'not base64url'],
    ['unused bits', `${draw().slice(0, 42)}B`, 'not base64url'],
    [
      'an example of RFC 7515',
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
      'a well-known example',
    ],
    ['an example of RFC 7520', 'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg', 'a well-known example'],
    ['words with hyphens', typed, 'not random'],
    ['words with underscores', typed.replaceAll('-', '_').toUpperCase(), 'not random'],
    ['words in a row', 'correcthorsebatterystaplecorrecthorsebatterystaple00', 'not random'],
    ['a row of keys', 'qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm', 'not random'],
    ['the alphabet', 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'not random'],
    ['digits', '31415926535897932384626433832795028841971693993751058209', 'not random'],
    ['an encoded phrase', base64url(utf8('the quick brown fox jumps over it')), 'not random'],
    ['one byte', base64url(new Uint8Array(32).fill(7)), 'not random'],
    ['counting bytes', base64url(Uint8Array.from({ length: 32 }, (_, i) => i)), 'not random'],
    ['a pattern', '0123456789abcdef'.repeat(4), 'not random'],
  ])('S41: %s is refused, and the log names the setting but not the value', async (_, value, fault) => {
    for (const name of ['SECRET_KEY', 'DATA_KEY', 'SECRET_KEY_2', 'DATA_KEY_3']) {
      const isNumbered = /_\d$/.test(name)
      if (isNumbered && value === undefined) continue
      const logged = logLines.length
      const answer = await me({ [name]: value }, john.token)
      expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([
        503,
        'misconfigured',
        '60',
      ])
      const lines = logLines.slice(logged).join('\n')
      expect(lines).toContain(`"setting":"${name}: ${fault}"`)
      expect(answer.text).not.toContain(name)
      if (typeof value === 'string' && value.length > 12)
        expect(lines + answer.text).not.toContain(value.trim())
    }
  })

  it('S41: secrets drawn at random are accepted, as base64url and as hex', () => {
    const secrets = Array.from({ length: 1_000 }, draw)
    const asHex = Array.from({ length: 20 }, () => hex(randomBytes(32)))
    for (const secret of [...secrets, ...asHex]) expect(decodeSecret(secret), secret).toHaveProperty('bytes')
  })

  it('S115: a data key that equals a signing key is refused, under whichever number', async () => {
    for (const settings of [
      { DATA_KEY: OLD },
      { DATA_KEY_2: OLD },
      { SECRET_KEY_2: OLD_DATA },
      { SECRET_KEY_7: draw(), DATA_KEY_5: OLD },
    ]) {
      const logged = logLines.length
      expect((await me(settings, john.token)).body.code).toBe('misconfigured')
      expect(logLines.slice(logged).join('\n')).toContain('DATA_KEY: same as a SECRET_KEY')
    }
  })
})

describe('S41: a service without its secret', () => {
  const routes = app.routes.filter(({ method }) => method !== 'ALL')

  it('S41: answers 503 on every route but /health, and on unknown paths', async () => {
    const send = await withSettings({ SECRET_KEY: undefined, DATA_KEY: 'short' })
    expect(routes.length).toBeGreaterThan(15)
    for (const { method, path } of [...routes, { method: 'GET', path: '/nowhere' }]) {
      const answer = await send(method, path.replace(/[:{][^/]+/g, '1'))
      const expected = /^\/health\/?$/.test(path) ? [200, undefined] : [503, 'misconfigured']
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual(expected)
    }
  })

  it('S41: names every wrong setting in the log at once', async () => {
    const logged = logLines.length
    await me({ SECRET_KEY: 'a', DATA_KEY: undefined, PASSWORD_MIN_LENGTH: '5', KV: undefined }, john.token)
    const lines = logLines.slice(logged).join('\n')
    for (const name of [
      'SECRET_KEY: too short',
      'DATA_KEY: missing',
      'PASSWORD_MIN_LENGTH: not valid',
      'KV: not valid',
    ]) {
      expect(lines).toContain(name)
    }
  })
})

describe('TOKEN_ISSUER and TOKEN_AUDIENCE', () => {
  it('may be as long as their tokens are accepted, and no longer', async () => {
    const settings = { TOKEN_ISSUER: '"'.repeat(128), TOKEN_AUDIENCE: '\\'.repeat(128) }
    const { token } = (await signIn(settings)).body
    expect((await me(settings, token)).status).toBe(200)
    expect((await me({}, token)).body.code).toBe('invalid_token')
    for (const text of ['', 'i'.repeat(129), 'a\nb', 'caf\u00e9']) {
      for (const name of ['TOKEN_ISSUER', 'TOKEN_AUDIENCE']) {
        expect((await me({ [name]: text }, token)).body.code).toBe('misconfigured')
      }
    }
  })
})

describe('S42: rotation of SECRET_KEY', () => {
  it.each(['PUBLIC', 'PRIVATE', 'PRIVATEKEYPUBLIC'])(
    'S41: a secret that holds the text %s works',
    async (text) => {
      const secret = draw()
      const settings = { SECRET_KEY: secret.slice(0, 9) + text + secret.slice(9 + text.length) }
      const { body } = await signIn(settings)
      expect((await me(settings, body.token)).body.account.id).toBe(john.id)
      expect((await me({}, body.token)).body.code).toBe('invalid_token')
    },
  )

  it('S42: the newest key signs, the previous one is accepted until it goes', async () => {
    const next = draw()
    const both = { SECRET_KEY: OLD, SECRET_KEY_2: next }
    const newToken: string = (await signIn(both)).body.token
    const [oldKey, newKey] = [await keyOf('access-token', OLD), await keyOf('access-token', next)]
    expect([kidOf(john.token), kidOf(newToken)]).toEqual([oldKey.id, newKey.id])
    expect(oldKey.id).not.toBe(newKey.id)

    expect((await me(both, john.token)).status).toBe(200)
    expect((await me(both, newToken)).status).toBe(200)
    const afterwards = { SECRET_KEY: undefined, SECRET_KEY_2: next }
    expect((await me(afterwards, john.token)).body.code).toBe('invalid_token')
    expect((await me(afterwards, newToken)).status).toBe(200)
    expect((await me({}, newToken)).body.code).toBe('invalid_token')
  })

  it('S42: the kid of one key over the MAC of another is refused', async () => {
    const next = draw()
    const [oldKey, newKey] = [await keyOf('access-token', OLD), await keyOf('access-token', next)]
    const payload = JSON.stringify(claimsOf(john.token))
    const both = { SECRET_KEY: OLD, SECRET_KEY_2: next }
    expect((await me(both, await forge(newKey, payload))).status).toBe(200)
    for (const swapped of [
      { ...oldKey, id: newKey.id },
      { ...newKey, id: oldKey.id },
    ]) {
      expect((await me(both, await forge(swapped, payload))).body.code).toBe('invalid_token')
    }
    expect((await me({}, await forge(newKey, payload))).body.code).toBe('invalid_token')
  })

  it('S42: the highest number signs, as a number and not as text', async () => {
    const [second, tenth] = [draw(), draw()]
    const { body } = await signIn({ SECRET_KEY_10: tenth, SECRET_KEY_2: second })
    expect(kidOf(body.token)).toBe((await keyOf('access-token', tenth)).id)
  })
})

describe('S42: rotation of DATA_KEY', () => {
  const next = draw()
  const both = { DATA_KEY: OLD_DATA, DATA_KEY_2: next }
  const onlyNext = { DATA_KEY: undefined, DATA_KEY_2: next }

  it('S42: a password hash names its pepper, and a sign-in makes it anew under the newest', async () => {
    const pepper = await keyOf('password-pepper', next)
    const before = await storedHash()
    expect(before).toContain(`,k=${(await keyOf('password-pepper', OLD_DATA)).id}$`)

    expect((await signIn(both, 'not-the-password')).status).toBe(401)
    expect(await storedHash()).toBe(before)
    const { status, body } = await signIn(both)
    expect(status).toBe(200)
    expect(await storedHash()).toContain(`,k=${pepper.id}$`)
    expect((await me(both, body.token)).status).toBe(200)
    expect((await me(both, john.token)).status).toBe(200)
    const audited = await testEnv.DB.prepare(
      `SELECT details, key_id FROM audit_events WHERE event = 'password.rehashed' AND subject_id = ?`,
    )
      .bind(john.id)
      .all()
    expect(audited.results).toEqual([{ details: '{"from":"native"}', key_id: pepper.id }])
  })

  it('S42: without the old key the rehashed password goes on working, and is not made anew again', async () => {
    const before = await storedHash()
    expect((await signIn(onlyNext)).status).toBe(200)
    expect(await storedHash()).toBe(before)
  })

  it('S42: a hash whose pepper is gone answers as a wrong password, after the same work, with an alert', async () => {
    const logged = logLines.length
    forgetDerivations()
    const refused = await signIn({})
    expect([refused.status, refused.body.code]).toEqual([401, 'invalid_credentials'])
    expect(derivations.map(({ iterations }) => iterations)).toEqual(Array(12).fill(50_000))
    expect(logLines.slice(logged).join('\n')).toContain('password_key_missing')
    expect((await signIn(onlyNext)).status).toBe(200)
  })
})

describe('S115: keys by purpose', () => {
  it('S115: one secret makes another key for each purpose, and the same input another MAC', async () => {
    const purposes: KeyPurpose[] = ['access-token', 'cursor', 'password-pepper', 'audit-mac', 'audit-seal']
    const keys = await Promise.all(purposes.map((purpose) => keyOf(purpose, OLD)))
    const macs = await Promise.all(keys.map(({ bytes }) => macOf(bytes, 'same input')))
    expect(new Set(macs).size).toBe(purposes.length)
    expect(new Set(keys.map(({ bytes }) => base64url(bytes))).size).toBe(purposes.length)
    expect(macs).not.toContain(await macOf(utf8(String(OLD)), 'same input'))
  })
})

describe('S42: a key under a name that nothing reads', () => {
  it.each(['SECRET_KEY_02', 'SECRET_KEY_0', 'DATA_KEY_x'])('%s is refused and named', async (name) => {
    const before = logLines.length
    const send = await withSettings({ [name]: 'A_7mZr0q3Vb9kLx2Wc5Hd8Jn1Pf4Ts6Yg-uEiOaKwBM' })
    const answer = await send('GET', '/')
    expect([answer.status, answer.body.code]).toEqual([503, 'misconfigured'])
    expect(logLines.slice(before).join('\n')).toContain(`${name}: not a name of a key`)
  })
})
