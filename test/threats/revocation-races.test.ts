/** A change that overlaps another request: it runs exactly between that request's check and its write. */
import { beforeAll, describe, expect, it } from 'vitest'
import { hex, utf8 } from '../../src/crypto/encoding.ts'
import {
  admin,
  anonymous,
  customer,
  insertAccount,
  issueLinkToken,
  PASSWORD,
  type Person,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { beforeRoundTrip, derivations, forgetDerivations } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'left-hand-thread-9-mm'

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()
const suspend = ({ id }: { id: number }) => sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", id)
const again = (person: Person) => signedIn(person.email, person.password)
const enter = (email: string, password = PASSWORD) => anonymous().post('/auth/login', { email, password })

async function countSessions(id: number): Promise<number> {
  return (await sql('SELECT id FROM sessions WHERE account_id = ?', id)).results.length
}

async function accountRow(id: number): Promise<Record<string, unknown> | undefined> {
  return (await sql('SELECT * FROM accounts WHERE id = ?', id)).results[0] as
    | Record<string, unknown>
    | undefined
}

/** A hash as the old service made it: the first sign-in makes it anew. */
async function importedHash(salt = 'oldsalt'): Promise<string> {
  const key = await crypto.subtle.importKey('raw', utf8(PASSWORD), 'PBKDF2', false, ['deriveBits'])
  const params = { name: 'PBKDF2', hash: 'SHA-256', salt: utf8(salt), iterations: 1_000 }
  return `pbkdf2:sha256:1000$${salt}$${hex(new Uint8Array(await crypto.subtle.deriveBits(params, key, 256)))}`
}

async function imported(): Promise<{ id: number; email: string }> {
  const email = uniqueEmail('imported')
  return { id: await insertAccount(email, { passwordHash: await importedHash() }), email }
}

type Account = { id: number; email: string }
type Change = (account: Account) => Promise<unknown>

const reset: Change = async ({ email }) => {
  const token = await issueLinkToken(email)
  const answer = await anonymous().post('/auth/password/reset', { token, password: NEW_PASSWORD })
  expect(answer.status).toBe(200)
}
const remove: Change = ({ id }) => sql('DELETE FROM accounts WHERE id = ?', id)
const clear: Change = ({ id }) => sql('UPDATE accounts SET password_hash = NULL WHERE id = ?', id)

const OVERLAPS: [name: string, change: Change, status: number, code: string][] = [
  ['a password reset', reset, 401, 'invalid_credentials'],
  ['a suspension', suspend, 403, 'account_suspended'],
  ['a deletion', remove, 401, 'invalid_credentials'],
  ['the removal of the password', clear, 401, 'invalid_credentials'],
]

describe('a sign-in that overlaps a change', () => {
  it.each(OVERLAPS)('S50: leaves no session behind when it overlaps %s', async (_, change, status, code) => {
    const person = await customer()
    await sql('DELETE FROM sessions WHERE account_id = ?', person.id)
    beforeRoundTrip(2, () => change(person))
    const answer = await enter(person.email)
    expect([answer.status, answer.body.code, answer.body.token]).toEqual([status, code, undefined])
    expect(await countSessions(person.id)).toBe(0)
  })

  it.each(OVERLAPS)(
    'S50: neither does one that makes the hash anew and overlaps %s',
    async (_, change, status, code) => {
      const account = await imported()
      let hashThen: unknown
      beforeRoundTrip(2, async () => {
        await change(account)
        hashThen = (await accountRow(account.id))?.['password_hash']
      })
      const answer = await enter(account.email)
      expect([answer.status, answer.body.code, answer.body.token]).toEqual([status, code, undefined])
      expect(await countSessions(account.id)).toBe(0)
      // Nor does the old password come back with the new form of its hash.
      expect((await accountRow(account.id))?.['password_hash']).toBe(hashThen)
    },
  )

  it('S50: leaves no session behind when it overlaps a password change by the owner', async () => {
    const owner = await customer()
    beforeRoundTrip(2, () => owner.patch('/auth/me', { password: NEW_PASSWORD }))
    const answer = await enter(owner.email)
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_credentials'])
    expect(await countSessions(owner.id)).toBe(1)
    expect((await enter(owner.email, NEW_PASSWORD)).status).toBe(200)
  })

  it('gives up with the answer of a wrong password when the hash changes each time', async () => {
    const account = await imported()
    const change = async (salt: string) =>
      sql('UPDATE accounts SET password_hash = ? WHERE id = ?', await importedHash(salt), account.id)
    beforeRoundTrip(2, async () => {
      await change('salt-two')
      beforeRoundTrip(2, () => change('salt-three'))
    })
    const answer = await enter(account.email)
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_credentials'])
    expect(await countSessions(account.id)).toBe(0)
    const { results } = await sql('SELECT reason FROM audit_events WHERE subject_id = ?', account.id)
    expect(results).toEqual([{ reason: 'account_changed' }])
    expect((await enter(account.email)).status).toBe(200)
  })
})

describe('sign-ins that overlap each other', () => {
  it('lets everyone in with the right password while the hash is made anew', async () => {
    const account = await imported()
    const answers = await Promise.all(Array.from({ length: 4 }, () => enter(account.email)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await countSessions(account.id)).toBe(4)
    const rehashed = await sql(
      "SELECT id FROM audit_events WHERE event = 'password.rehashed' AND subject_id = ?",
      account.id,
    )
    expect(rehashed.results).toHaveLength(1)
  })

  it('makes the hash anew exactly once when one sign-in overtakes another', async () => {
    const account = await imported()
    beforeRoundTrip(2, () => enter(account.email))
    expect((await enter(account.email)).status).toBe(200)
    expect((await accountRow(account.id))?.['password_hash']).toMatch(
      /^\$pbkdf2-sha256-chain\$v=1\$i=50000,n=12,/,
    )
    forgetDerivations()
    expect((await enter(account.email)).status).toBe(200)
    expect(derivations).toHaveLength(12)
  })
})

describe('a sensitive change that overlaps the end of its session', () => {
  let owner: Person
  beforeAll(async () => {
    owner = await customer()
  })

  it('S49: a password change loses against a logout', async () => {
    const session = await again(owner)
    const before = (await accountRow(owner.id))?.['password_hash']
    // The guard's read, then the change.
    beforeRoundTrip(2, () => session.post('/auth/logout'))
    const answer = await session.patch('/auth/me', { password: NEW_PASSWORD })
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
    expect((await accountRow(owner.id))?.['password_hash']).toBe(before)
    expect((await owner.get('/auth/me')).status).toBe(200)
  })

  it('S49: a change of the e-mail address loses against a logout', async () => {
    const session = await again(owner)
    beforeRoundTrip(2, () => session.post('/auth/logout'))
    const answer = await session.patch('/auth/me', { email: uniqueEmail() })
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
    expect((await accountRow(owner.id))?.['email']).toBe(owner.email)
  })

  it('S49: a deletion loses against a logout', async () => {
    const session = await again(owner)
    beforeRoundTrip(2, () => session.post('/auth/logout'))
    const answer = await session.delete(`/customers/${owner.id}`)
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
    expect(await accountRow(owner.id)).toBeDefined()
  })

  it('S50: a deletion with the password loses against a password change', async () => {
    const [thief, rightful] = [await again(owner), await again(owner)]
    // The guard's read, the read of the hash, then the deletion.
    beforeRoundTrip(3, () => rightful.patch('/auth/me', { password: NEW_PASSWORD }))
    const answer = await thief.delete(`/customers/${owner.id}`, { current_password: owner.password })
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
    expect(await accountRow(owner.id)).toBeDefined()
  })

  it('S50: two password changes at once leave one of the two sessions', async () => {
    const person = await customer()
    const [one, two] = [await again(person), await again(person)]
    const answers = await Promise.all([
      one.patch('/auth/me', { password: 'metric-socket-set-13' }),
      two.patch('/auth/me', { password: 'imperial-socket-set-5' }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
    expect(await countSessions(person.id)).toBe(1)
  })
})

describe('a sensitive change that overlaps a suspension', () => {
  it('S50: a suspended customer no longer deletes the account, nor changes it', async () => {
    const person = await customer()
    beforeRoundTrip(2, () => suspend(person))
    expect((await person.delete(`/customers/${person.id}`)).status).toBe(401)
    expect((await accountRow(person.id))?.['status']).toBe('suspended')

    const other = await customer()
    beforeRoundTrip(2, () => suspend(other))
    expect((await other.patch('/auth/me', { password: NEW_PASSWORD })).status).toBe(401)
  })

  it('S50: a suspended admin no longer deletes or changes customers', async () => {
    const [boss, target] = [await admin(), await customer()]
    // The guard's read, the target's read, then the change.
    beforeRoundTrip(3, () => suspend(boss))
    expect((await boss.delete(`/customers/${target.id}`)).status).toBe(401)
    await sql("UPDATE accounts SET status = 'active' WHERE id = ?", boss.id)
    beforeRoundTrip(3, () => suspend(boss))
    expect((await boss.put(`/customers/${target.id}`, { first_name: 'Mallory' })).status).toBe(401)
    expect((await accountRow(target.id))?.['first_name']).toBe('Vera')
  })
})
