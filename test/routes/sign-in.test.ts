import { describe, expect, it } from 'vitest'
import {
  type Answer,
  anonymous,
  customer,
  insertAccount,
  mechanic,
  PASSWORD,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { derivations, forgetDerivations, logLines, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'
import vectors from '../vectors/password-chain.json'
import werkzeug from '../vectors/werkzeug-hashes.json'

const signIn = (email: string, password: string): Promise<Answer> =>
  anonymous().post('/customers/login', { email, password })

interface Stored {
  password_hash: string | null
  password_changed_at: number | null
}

const storedOf = async (email: string): Promise<Stored> => {
  const row = await testEnv.DB.prepare(
    'SELECT password_hash, password_changed_at FROM accounts WHERE email = ?',
  )
    .bind(email)
    .first<Stored>()
  if (!row) throw new Error('no account')
  return row
}

const NATIVE = /^\$pbkdf2-sha256-chain\$v=1\$i=50000,n=12,k=[0-9a-f]{8}\$/

describe('signing in', () => {
  it('finds the account under any spelling of its e-mail address', async () => {
    const person = await customer()
    for (const email of [person.email.toUpperCase(), person.email.replace('example', 'EXAMPLE')]) {
      expect((await signIn(email, person.password)).body.customer.email).toBe(person.email)
    }
  })

  it('answers with the token type and its lifetime in seconds', async () => {
    const person = await customer()
    const { body } = await signIn(person.email, person.password)
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 86_400 })
    expect(Object.keys(body).sort()).toEqual([
      'customer',
      'device_token',
      'expires_in',
      'message',
      'refresh_token',
      'token',
      'token_type',
    ])
  })

  it('at /auth/login is for every role and tells it', async () => {
    const staff = await mechanic()
    const { body } = await anonymous().post('/auth/login', { email: staff.email, password: PASSWORD })
    expect(body.account).toEqual({
      id: staff.id,
      email: staff.email,
      first_name: 'Noor',
      last_name: 'Haddad',
      phone_number: null,
      role: 'mechanic',
    })
  })

  it('at /customers/login refuses staff with the answer of a wrong password, though theirs is right', async () => {
    const staff = await mechanic()
    const [right, wrong] = [await signIn(staff.email, PASSWORD), await signIn(staff.email, 'not-this-one')]
    expect(right.status).toBe(401)
    expect({ ...right.body, request_id: '' }).toEqual({ ...wrong.body, request_id: '' })
  })

  it('S10: works with a password that is years old', async () => {
    const person = await customer()
    passTime(400 * 86_400)
    expect((await signIn(person.email, person.password)).status).toBe(200)
  })

  it('tells a suspended person so only when the password is right', async () => {
    const person = await customer()
    await testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE id = ?").bind(person.id).run()
    expect((await signIn(person.email, 'not-this-one')).body.code).toBe('invalid_credentials')
    const answer = await signIn(person.email, person.password)
    expect([answer.status, answer.body.code]).toEqual([403, 'account_suspended'])
  })
})

describe('signing out', () => {
  it.each([
    ['{bad', 'malformed_json'],
    ['{"all":true}', 'validation_failed'],
    ['[]', 'validation_failed'],
  ])('takes no body but an empty object: %s', async (body, code) => {
    const person = await customer()
    expect((await person.post('/auth/logout', body)).body.code).toBe(code)
    expect((await person.get('/auth/me')).status).toBe(200)
    expect((await person.post('/auth/logout', {})).status).toBe(200)
  })
})

describe('S15: an imported hash', () => {
  // One of each kind; every vector is checked at function level.
  const kinds = werkzeug.positive.filter(({ id }) => ['w01', 'w05', 'w09', 'w11', 'w17'].includes(id))

  it.each(kinds)(
    '$id ($note) signs in once as it is and is native afterwards',
    async ({ hash, password }) => {
      const email = uniqueEmail('imported')
      await insertAccount(email, { passwordHash: hash })
      expect((await signIn(email, password)).status).toBe(200)
      const { password_hash: native } = await storedOf(email)
      expect(native).toMatch(NATIVE)
      expect((await signIn(email, password)).status).toBe(200)
      expect((await storedOf(email)).password_hash).toBe(native)
    },
  )

  it.each(werkzeug.negative.filter(({ id }) => id !== 'n01' && id !== 'n03'))(
    '$id ($note) is refused and left as it is',
    async ({ hash, password }) => {
      const email = uniqueEmail('imported')
      await insertAccount(email, { passwordHash: hash })
      const answer = await signIn(email, password)
      expect([answer.status, answer.body.code]).toEqual([401, 'invalid_credentials'])
      expect((await storedOf(email)).password_hash).toBe(hash)
    },
  )

  it.each(['pbkdf2:sha256:4294967295', 'scrypt:1073741824:8:1', 'pbkdf2:sha256:0'])(
    'with hostile parameters %s costs the work of an unknown account and no more',
    async (method) => {
      const email = uniqueEmail('hostile')
      await insertAccount(email, {
        passwordHash: `${method}$saltsalt$${'0'.repeat(method.startsWith('s') ? 128 : 64)}`,
      })
      forgetDerivations()
      expect((await signIn(email, 'secret')).status).toBe(401)
      expect(derivations).toHaveLength(12)
      expect(logLines.some((line) => line.includes('password_hash_unreadable'))).toBe(true)
    },
  )

  it('does not take the password with U+0000 appended, as its HMAC would', async () => {
    for (const { hash, password } of werkzeug.hmac_collisions) {
      const email = uniqueEmail('collision')
      await insertAccount(email, { passwordHash: hash })
      expect((await signIn(email, password)).status).toBe(400)
    }
  })
})

describe('a native hash of older parameters', () => {
  const old = vectors.vectors.find(({ id }) => id === 'k7')

  it('S16: of a pepper that is not configured is refused, with an alert', async () => {
    const email = uniqueEmail('pepper')
    await insertAccount(email, { passwordHash: old?.encoded ?? '' })
    forgetDerivations()
    expect((await signIn(email, old?.password ?? '')).status).toBe(401)
    expect(derivations).toHaveLength(12)
    const alert = logLines.find((line) => line.includes('password_key_missing'))
    expect(alert).toContain('"key_id":"p1"')
  })

  it('S14: is made anew after a sign-in, once, and ends no session', async () => {
    const person = await customer()
    const weak = await weaken(person.password)
    await testEnv.DB.prepare('UPDATE accounts SET password_hash = ? WHERE id = ?').bind(weak, person.id).run()
    const before = await storedOf(person.email)
    expect((await signIn(person.email, 'not-this-one')).status).toBe(401)
    expect((await storedOf(person.email)).password_hash).toBe(weak)

    const again = await signedIn(person.email, person.password)
    const after = await storedOf(person.email)
    expect(after.password_hash).toMatch(NATIVE)
    expect(after.password_changed_at).toBe(before.password_changed_at)
    expect((await person.get('/auth/me')).status).toBe(200)
    expect((await again.get('/auth/me')).status).toBe(200)
    await signedIn(person.email, person.password)
    expect((await storedOf(person.email)).password_hash).toBe(after.password_hash)
  })

  it('S14: twenty parallel sign-ins store one new hash and all succeed or fail cleanly', async () => {
    const person = await customer()
    const weak = await weaken(person.password)
    await testEnv.DB.prepare('UPDATE accounts SET password_hash = ? WHERE id = ?').bind(weak, person.id).run()
    const answers = await Promise.all(Array.from({ length: 20 }, () => signIn(person.email, person.password)))
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
    expect(answers.every(({ status }) => [200, 401, 429, 503].includes(status))).toBe(true)
    expect((await storedOf(person.email)).password_hash).toMatch(NATIVE)
    const rehashes = await testEnv.DB.prepare(
      "SELECT count(*) AS n FROM audit_events WHERE event = 'password.rehashed' AND subject_id = ?",
    )
      .bind(person.id)
      .first<{ n: number }>()
    expect(rehashes?.n).toBe(1)
  })
})

/** The same password with few iterations, under the suite's own pepper. */
async function weaken(password: string): Promise<string> {
  const { loadKeys } = await import('../../src/platform/keys.ts')
  const { readSettings } = await import('../../src/platform/settings.ts')
  const { hashPassword } = await import('../../src/crypto/password-hash.ts')
  const outcome = readSettings(testEnv)
  if ('faults' in outcome) throw new Error(outcome.faults.join())
  const { pepper } = await loadKeys(outcome.settings)
  const strong = await hashPassword(password, pepper.newest, async () => undefined)
  return rederive(password, strong, pepper.newest.hmac)
}

async function rederive(password: string, strong: string, pepper: CryptoKey): Promise<string> {
  const { base64, concatBytes, decodeBase64, utf8 } = await import('../../src/crypto/encoding.ts')
  const [, , , , salt = ''] = strong.split('$')
  const peppered = await crypto.subtle.sign(
    'HMAC',
    pepper,
    concatBytes(utf8('pw-v1'), new Uint8Array(1), utf8(password)),
  )
  const key = await crypto.subtle.importKey('raw', peppered, 'PBKDF2', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt: decodeBase64(salt) ?? new Uint8Array(), iterations: 1000 },
    key,
    256,
  )
  const keyId = /k=([0-9a-f]+)/.exec(strong)?.[1]
  return `$pbkdf2-sha256-chain$v=1$i=1000,n=1,k=${keyId}$${salt}$${base64(new Uint8Array(bits))}`
}
