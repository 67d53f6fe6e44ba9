import { describe, expect, it } from 'vitest'
import {
  anonymous,
  customer,
  insertAccount,
  issueLinkToken,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { derivations, forgetDerivations, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'camshaft-lobe-profile'

const reset = (token: string, password = NEW_PASSWORD) =>
  anonymous().post('/auth/password/reset', { token, password })

const rows = async (sql: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(sql)
      .bind(...values)
      .all()
  ).results

describe('POST /auth/password/reset', () => {
  it('sets the first password of a staff account, which then signs in', async () => {
    const email = uniqueEmail('boss')
    await insertAccount(email, { role: 'admin' })
    const token = await issueLinkToken(email)
    const answer = await reset(token)
    expect([answer.status, answer.body]).toEqual([200, { message: 'Password reset successfully' }])
    expect((await signedIn(email, NEW_PASSWORD)).email).toBe(email)
  })

  it('gives no session and ends every one there is', async () => {
    const person = await customer()
    const other = await signedIn(person.email, person.password)
    const answer = await reset(await issueLinkToken(person.email))
    expect(answer.text).not.toContain('eyJ')
    for (const session of [person, other])
      expect((await session.get('/auth/me')).body.code).toBe('invalid_token')
    expect(
      (await anonymous().post('/auth/login', { email: person.email, password: person.password })).status,
    ).toBe(401)
  })

  it('has exactly one winner among twenty parallel uses of one token', async () => {
    const person = await customer()
    const token = await issueLinkToken(person.email)
    const passwords = Array.from({ length: 20 }, (_, i) => `camshaft-lobe-profile-${i}`)
    const answers = await Promise.all(passwords.map((password) => reset(token, password)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ body }) => body.code === 'link_token_invalid')).toHaveLength(19)
    const winner = passwords[answers.findIndex(({ status }) => status === 200)] ?? ''
    expect((await signedIn(person.email, winner)).id).toBe(person.id)
    const events = await rows(
      "SELECT id FROM audit_events WHERE event = 'password.reset' AND subject_id = ?",
      person.id,
    )
    expect(events).toHaveLength(1)
  })

  it.each([
    ['unknown', async () => 'A'.repeat(43)],
    ['empty', async () => ''],
    [
      'used',
      async (email: string) => {
        const token = await issueLinkToken(email)
        await reset(token)
        return token
      },
    ],
    ['expired', (email: string) => issueLinkToken(email, -1)],
  ])('refuses an %s token without any derivation', async (_, tokenFor) => {
    const person = await customer()
    const token = await tokenFor(person.email)
    forgetDerivations()
    const answer = await reset(token)
    expect([answer.status, answer.body.code]).toEqual([400, 'link_token_invalid'])
    expect(derivations).toEqual([])
  })

  it('refuses a token an hour after it was made', async () => {
    const person = await customer()
    const token = await issueLinkToken(person.email)
    passTime(3_601)
    expect((await reset(token)).body.code).toBe('link_token_invalid')
  })

  it('uses up every other link of the account', async () => {
    const person = await customer()
    const [first, second] = [await issueLinkToken(person.email), await issueLinkToken(person.email)]
    expect((await reset(second)).status).toBe(200)
    expect((await reset(first)).body.code).toBe('link_token_invalid')
  })

  it('holds the new password to the rules, with the account as context, and keeps the token', async () => {
    const person = await customer({ first_name: 'Ingeborg' })
    const token = await issueLinkToken(person.email)
    for (const password of ['short', 'password1', 'Ingeborg99']) {
      const answer = await reset(token, password)
      expect([answer.status, Object.keys(answer.body.errors)]).toEqual([400, ['password']])
    }
    expect((await reset(token)).status).toBe(200)
  })

  it('stores tokens as hashes only', async () => {
    const person = await customer()
    const token = await issueLinkToken(person.email)
    const stored = JSON.stringify(await rows('SELECT * FROM link_tokens'))
    expect(stored).not.toContain(token)
  })
})
