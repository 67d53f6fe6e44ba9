/** Which secrets the service works with, and how one follows another without anyone being signed out. */
import { applyD1Migrations, reset } from 'cloudflare:test'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  forceResetStatements,
  judgeKeys,
  SPREAD_SECONDS,
  statusStatements,
  TOKEN_SECONDS,
} from '../../scripts/key-usage.ts'
import { app } from '../../src/app.ts'
import { base64url, hex, utf8 } from '../../src/crypto/encoding.ts'
import type { KeyPurpose } from '../../src/crypto/keyring.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { decodeSecret } from '../../src/crypto/secret.ts'
import { alertsOf, keysUnder, seal } from '../support/audit-log.ts'
import { browser } from '../support/browser.ts'
import {
  admin,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  ORIGIN,
  type Person,
  signedIn,
} from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { claimsOf, forge, keyOf, macOf } from '../support/forged-tokens.ts'
import {
  derivations,
  dropKvCache,
  forgetDerivations,
  logLines,
  passTime,
} from '../support/production-limits.ts'
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

describe('S42: one key under two names', () => {
  it.each(['SECRET_KEY', 'DATA_KEY'])(
    '%s is refused: its owner would believe it to be rotated',
    async (name) => {
      const logged = logLines.length
      expect((await me({ [`${name}_3`]: testEnv[name] }, john.token)).body.code).toBe('misconfigured')
      expect(logLines.slice(logged).join('\n')).toContain(`${name}_3: same as an older ${name}`)
    },
  )
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

  it('S42: a browser outlives the key of its access token and of its CSRF token', async () => {
    const tab = browser()
    const old = await tab.signIn(john)
    const both = { SECRET_KEY: OLD, SECRET_KEY_2: draw() }
    const afterwards = { ...both, SECRET_KEY: undefined }
    const ask = async (settings: Settings, method: string, path: string, headers = {}) => {
      const send = await withSettings(settings)
      const Cookie = [...tab.cookies].map((pair) => pair.join('=')).join('; ')
      const { address } = caller()
      return send(method, path, method === 'GET' ? undefined : {}, {
        ...{ Cookie, Origin: ORIGIN, 'Sec-Fetch-Site': 'same-origin', 'CF-Connecting-IP': address },
        ...headers,
      })
    }
    const renewed = (await ask(both, 'GET', '/auth/csrf')).body.csrf_token
    expect(renewed).not.toBe(old)
    for (const token of [old, renewed]) {
      const answer = await ask(both, 'DELETE', '/auth/sessions', { 'X-CSRF-Token': token })
      expect(answer.status).toBe(200)
    }
    expect((await ask(afterwards, 'GET', '/auth/me')).body.code).toBe('invalid_token')
    const refused = await ask(afterwards, 'POST', '/auth/refresh', { 'X-CSRF-Token': old })
    expect(refused.body.code).toBe('csrf_failed')
    const { csrf_token: csrfToken } = (await ask(afterwards, 'GET', '/auth/csrf')).body
    const refreshed = await ask(afterwards, 'POST', '/auth/refresh', { 'X-CSRF-Token': csrfToken })
    expect([refreshed.status, refreshed.headers.getSetCookie().length]).toEqual([200, 2])
    john = await signedIn(john.email, john.password)
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
  it.each(['SECRET_KEY_02', 'SECRET_KEY_0', 'SECRET_KEY_1', 'DATA_KEY_x'])(
    '%s is refused and named',
    async (name) => {
      const before = logLines.length
      const send = await withSettings({ [name]: 'A_7mZr0q3Vb9kLx2Wc5Hd8Jn1Pf4Ts6Yg-uEiOaKwBM' })
      const answer = await send('GET', '/')
      expect([answer.status, answer.body.code]).toEqual([503, 'misconfigured'])
      expect(logLines.slice(before).join('\n')).toContain(`${name}: not a name of a key`)
    },
  )
})

describe('S42: a rotation of both keys, from its beginning to its end', () => {
  const added = { SECRET_KEY_2: draw(), DATA_KEY_2: draw() }
  const afterwards = { ...added, SECRET_KEY: undefined, DATA_KEY: undefined }
  let people: Person[]
  let boss: Person

  beforeEach(async () => {
    await reset()
    dropKvCache()
    await applyD1Migrations(testEnv.DB, testEnv.TEST_MIGRATIONS)
    people = [await customer(), await customer(), await customer()]
    boss = await admin()
    await seal()
  })

  async function statusOf(settings: Settings) {
    const present = Object.keys({ ...testEnv, ...settings }).filter(
      (name) => ({ ...testEnv, ...settings })[name],
    )
    const now = Math.floor(Date.now() / 1000)
    const answers = await testEnv.DB.batch(statusStatements(now).map((sql) => testEnv.DB.prepare(sql)))
    const found = answers.map(({ results }) => results as Record<string, string | number>[])
    return judgeKeys(present, new Map(), found, now).map(({ name, id, uses, obstacles }) => ({
      name,
      id,
      uses: [...uses.values()],
      obstacles: obstacles.length,
    }))
  }

  async function signInAs(settings: Settings, { email, password }: Person) {
    const send = await withSettings(settings)
    return (await send('POST', '/auth/login', { email, password }, { 'CF-Connecting-IP': caller().address }))
      .body
  }

  async function refresh(settings: Settings, token: string) {
    const send = await withSettings(settings)
    return send('POST', '/auth/refresh', { refresh_token: token }, { 'CF-Connecting-IP': caller().address })
  }

  async function verify(settings: Settings, token: string) {
    const send = await withSettings(settings)
    return (await send('GET', '/admin/audit-events/verify', undefined, { Authorization: `Bearer ${token}` }))
      .body
  }

  const refreshKeyOf = (token: string) => token.split('.')[1]

  it('S42: old tokens work, new ones name the new key, and the status counts what the old ones still hold', async () => {
    const [first, second] = people as [Person, Person]
    const old = await keysUnder()
    const both = await keysUnder(added)
    const ids = [old.accessToken, both.accessToken, old.pepper, both.pepper].map(({ newest }) => newest.id)
    const [oldSecret, newSecret, oldData, newData] = ids
    expect((await me(added, first.token)).status).toBe(200)

    // Nobody but the cron tells the status of the new keys.
    expect((await statusOf(added)).map(({ id }) => id)).toEqual([oldSecret, undefined, oldData, undefined])
    await seal(added)
    await seal(added)
    expect(await statusOf(added)).toEqual([
      { name: 'SECRET_KEY', id: oldSecret, uses: [], obstacles: 1 },
      { name: 'SECRET_KEY_2', id: newSecret, uses: [], obstacles: 1 },
      // Passwords, sessions, second factors, unsealed rows, seals, stubs.
      { name: 'DATA_KEY', id: oldData, uses: [4, 4, 0, 0, 0, 0, 0], obstacles: 3 },
      { name: 'DATA_KEY_2', id: newData, uses: [0, 0, 0, 0, 2, 0, 0], obstacles: 1 },
    ])

    const refreshed = (await refresh(added, first.refreshToken)).body
    expect([kidOf(refreshed.token), refreshKeyOf(refreshed.refresh_token)]).toEqual([newSecret, newData])
    const signedInAgain = await signInAs(added, second)
    expect([kidOf(signedInAgain.token), refreshKeyOf(signedInAgain.refresh_token)]).toEqual([
      newSecret,
      newData,
    ])
    for (const token of [first.token, refreshed.token, second.token, signedInAgain.token]) {
      expect((await me(added, token)).status).toBe(200)
    }
    await seal(added)
    expect((await statusOf(added))[2]).toMatchObject({ uses: [3, 3, 0, 0, 0, 0, 0], obstacles: 3 })
  })

  it('S42: removing the old keys after their time breaks nothing else', async () => {
    await seal(added)
    const moved = []
    for (const person of [...people, boss]) {
      const { body } = await refresh(added, person.refreshToken)
      await signInAs(added, person)
      moved.push({ person, token: body.token, refreshToken: body.refresh_token })
    }
    passTime(TOKEN_SECONDS + SPREAD_SECONDS)
    await seal(added)
    await seal(added)
    expect((await statusOf(added)).map(({ name, obstacles }) => [name, obstacles])).toEqual([
      ['SECRET_KEY', 0],
      ['SECRET_KEY_2', 1],
      ['DATA_KEY', 0],
      ['DATA_KEY_2', 1],
    ])
    for (const { person, refreshToken } of moved) {
      const pair = (await refresh(afterwards, refreshToken)).body
      expect((await me(afterwards, pair.token)).status).toBe(200)
      expect((await me(afterwards, (await signInAs(afterwards, person)).token)).status).toBe(200)
      expect((await me(afterwards, person.token)).body.code).toBe('invalid_token')
    }
    expect(await alertsOf(() => seal(afterwards))).toEqual([])
    const { token } = await signInAs(afterwards, boss)
    expect(await verify(afterwards, token)).toMatchObject({ ok: true, first_bad_id: null })
    const changes = await testEnv.DB.prepare(
      "SELECT event, details FROM audit_events WHERE event LIKE 'key.%' ORDER BY id",
    ).all<{ event: string; details: string }>()
    expect(changes.results.map(({ event, details }) => `${event} ${JSON.parse(details).name}`)).toEqual([
      'key.added SECRET_KEY',
      'key.added DATA_KEY',
      'key.added SECRET_KEY_2',
      'key.added DATA_KEY_2',
      'key.removed DATA_KEY',
      'key.removed SECRET_KEY',
    ])
    expect(JSON.stringify(changes.results)).not.toContain(String(OLD))
  })

  it('S42: a refresh token and a cursor of a key that is gone are refused, and end nothing', async () => {
    const list = async (settings: Settings, token: string, query: string) => {
      const send = await withSettings(settings)
      return send('GET', `/admin/audit-events?limit=1${query}`, undefined, {
        Authorization: `Bearer ${token}`,
      })
    }
    const { token } = await signInAs(added, boss)
    const cursor: string = (await list({}, boss.token, '')).body.next_cursor
    expect((await list(added, token, `&cursor=${cursor}`)).status).toBe(200)
    const late = await list(afterwards, token, `&cursor=${cursor}`)
    expect([late.status, late.body.code]).toEqual([400, 'validation_failed'])

    const [first] = people as [Person]
    const gone = await refresh(afterwards, first.refreshToken)
    expect([gone.status, gone.body.code]).toEqual([401, 'invalid_refresh_token'])
    expect((await refresh({}, first.refreshToken)).status).toBe(200)
  })

  it('S42: a machine that has not got the new key yet refuses what is made with it, and ends nothing', async () => {
    const [first] = people as [Person]
    const { body } = await refresh(added, first.refreshToken)
    for (const token of [body.refresh_token, first.refreshToken]) {
      const { status } = await refresh({}, token)
      expect(status).toBe(401)
    }
    expect((await refresh(added, body.refresh_token)).status).toBe(200)
  })

  it('S42: a password that went with its key is chosen anew by a link, and the audit log has both', async () => {
    const [first, second, third] = people as [Person, Person, Person]
    await seal(added)
    await signInAs(added, second)
    const oldData = (await keysUnder()).pepper.newest.id
    await refresh(added, third.refreshToken)
    const now = Math.floor(Date.now() / 1000)
    await testEnv.DB.batch(forceResetStatements(oldData, now).map((sql) => testEnv.DB.prepare(sql)))
    await seal(added)
    await seal(added)
    expect((await statusOf(added))[2]).toMatchObject({ name: 'DATA_KEY', uses: [0, 0, 0, 0, 0, 0, 0] })
    const events = await testEnv.DB.prepare(
      "SELECT event, subject_id FROM audit_events WHERE event IN ('account.password_removed', 'account.signed_out') ORDER BY id",
    ).all()
    expect(events.results).toEqual([
      ...[first, third, boss].map(({ id }) => ({ event: 'account.password_removed', subject_id: id })),
      // The first session of the second, who has signed in again.
      { event: 'account.signed_out', subject_id: second.id },
    ])
    for (const person of [first, second, third, boss])
      expect((await me(afterwards, person.token)).status).toBe(401)
    expect((await signInAs(afterwards, first)).code).toBe('invalid_credentials')
    const password = 'crank-case-breather-9'
    const link = { token: await issueLinkToken(first.email), password }
    expect((await anonymous().post('/auth/password/reset', link)).status).toBe(200)
    expect((await signInAs({}, { ...first, password })).token).toBeDefined()
  })

  it('S42: the cron writes each key down once, however many runs come together', async () => {
    await Promise.all(Array.from({ length: 20 }, () => runCron(added)))
    const { results } = await testEnv.DB.prepare('SELECT name FROM keys ORDER BY name').all<{
      name: string
    }>()
    expect(results.map(({ name }) => name)).toEqual(['DATA_KEY', 'DATA_KEY_2', 'SECRET_KEY', 'SECRET_KEY_2'])
    const count = "SELECT count(*) AS n FROM audit_events WHERE event = 'key.added'"
    expect(await testEnv.DB.prepare(count).first('n')).toBe(4)
  })

  it('S42: past KEY_MAX_AGE_DAYS the cron reports the keys that make what is new, once a day', async () => {
    const run20 = () => Promise.all(Array.from({ length: 20 }, () => runCron({ KEY_MAX_AGE_DAYS: '2' })))
    const names = async () =>
      (await alertsOf(run20)).map(({ message, key, age_days }) => `${message} ${key} ${age_days}`)
    expect(await names()).toEqual([])
    passTime(3 * 86_400)
    expect((await names()).sort()).toEqual(['key_too_old DATA_KEY 3', 'key_too_old SECRET_KEY 3'])
    expect(await names()).toEqual([])
    passTime(86_400)
    expect((await names()).sort()).toEqual(['key_too_old DATA_KEY 4', 'key_too_old SECRET_KEY 4'])
    passTime(86_400)
    expect(await alertsOf(() => runCron({ KEY_MAX_AGE_DAYS: '2', ...added }))).toEqual([])
    passTime(91 * 86_400)
    const byDefault = await alertsOf(() => runCron({ KEY_MAX_AGE_DAYS: undefined, ...added }))
    expect(byDefault.map(({ key }) => key).sort()).toEqual(['DATA_KEY_2', 'SECRET_KEY_2'])
  })
})
