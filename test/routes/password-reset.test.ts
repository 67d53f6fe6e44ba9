import { describe, expect, it } from 'vitest'
import {
  anonymous,
  customer,
  insertAccount,
  issueLinkToken,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { mailsTo, mailTo, tokenIn } from '../support/mail-provider.ts'
import {
  beforeRoundTrip,
  d1,
  derivations,
  forgetDerivations,
  passTime,
} from '../support/production-limits.ts'
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

const forget = (email: string, headers?: Record<string, string>) =>
  anonymous().post('/auth/password/forgot', { email }, headers)

describe('POST /auth/password/forgot', () => {
  it('S72: mails a link of 256 bits, stored as a hash, that sets a password once', async () => {
    const person = await customer()
    expect((await forget(person.email)).status).toBe(202)
    const token = tokenIn(await mailTo(person.email))
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(JSON.stringify(await rows('SELECT * FROM link_tokens'))).not.toContain(token)
    expect((await reset(token)).status).toBe(200)
    expect((await reset(token)).body.code).toBe('link_token_invalid')
    expect((await signedIn(person.email, NEW_PASSWORD)).id).toBe(person.id)
  })

  it('S73: the reset leads to no session and to a notice', async () => {
    const person = await customer()
    await forget(person.email)
    const answer = await reset(tokenIn(await mailTo(person.email)))
    expect(answer.text).not.toMatch(/token/)
    const notice = await mailTo(person.email, 2)
    expect(notice.subject).toBe('Your password was changed: your account at Mechanic Shop')
    expect((await person.get('/auth/me')).status).toBe(401)
  })

  it('S72: only the newest link counts, for an hour', async () => {
    const person = await customer()
    await forget(person.email)
    const older = tokenIn(await mailTo(person.email))
    await forget(person.email)
    const newer = tokenIn(await mailTo(person.email, 2))
    expect((await reset(older)).body.code).toBe('link_token_invalid')
    passTime(61 * 60)
    expect((await reset(newer)).body.code).toBe('link_token_invalid')
  })

  it('S72: a link dies with a change of the password or of the address', async () => {
    const secret = 'valve-clearance-0-2'
    for (const change of [{ password: secret }, { email: uniqueEmail('new') }]) {
      const person = await customer()
      await forget(person.email)
      const token = tokenIn(await mailTo(person.email))
      expect((await person.patch('/auth/me', change)).status).toBe(200)
      expect((await reset(token)).body.code).toBe('link_token_invalid')
    }
  })

  it('answers alike and costs alike, whether or not there is such an account', async () => {
    const [person, suspended] = [await customer(), await customer()]
    await rows("UPDATE accounts SET status = 'suspended' WHERE id = ?", suspended.id)
    const seen: unknown[] = []
    // What is sent after the answer is not what the answer costs.
    const { EMAIL } = testEnv
    testEnv.EMAIL = undefined
    for (const email of [person.email, suspended.email, uniqueEmail('nobody')]) {
      forgetDerivations()
      const calls = d1.calls
      const { status, body, headers } = await forget(email)
      const named = [...headers.keys()].filter((name) => name !== 'x-request-id')
      seen.push([status, body, named, headers.get('ratelimit'), derivations.length, d1.calls - calls])
    }
    testEnv.EMAIL = EMAIL
    expect(seen[0]).toMatchObject([202, {}, {}, expect.any(String), 0, 2])
    expect(seen[1]).toEqual(seen[0])
    expect(seen[2]).toEqual(seen[0])
    await runCron()
    await mailTo(person.email)
    expect(mailsTo(suspended.email)).toEqual([])
    const left = await rows(
      "SELECT id FROM outbox_messages WHERE account_id = ? AND template = 'reset'",
      suspended.id,
    )
    expect(left).toEqual([])
  })

  it('fills no mailbox: twenty at the same time from everywhere are five mails, and an hour later there are more', async () => {
    const person = await customer()
    const answers = await Promise.all(Array.from({ length: 20 }, () => forget(person.email)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202))
    await mailTo(person.email, 5)
    expect(mailsTo(person.email)).toHaveLength(5)
    const live = await rows('SELECT token_hash FROM link_tokens WHERE account_id = ?', person.id)
    expect(live).toHaveLength(1)
    passTime(3_601)
    await forget(person.email)
    await mailTo(person.email, 6)
  })

  it('S72: sends no link to an address that is given up while it is made', async () => {
    const person = await customer()
    const change = async () => {
      await rows(
        "UPDATE accounts SET email = 'x' || email, email_canonical = 'x' || email_canonical WHERE id = ?",
        person.id,
      )
    }
    beforeRoundTrip(2, change)
    expect((await forget(person.email)).status).toBe(202)
    expect(await rows('SELECT token_hash FROM link_tokens WHERE account_id = ?', person.id)).toEqual([])
    expect(
      await rows("SELECT id FROM outbox_messages WHERE account_id = ? AND template = 'reset'", person.id),
    ).toEqual([])
  })

  it('is limited by address', async () => {
    const from = anonymous()
    const statuses: number[] = []
    for (let asked = 0; asked < 21; asked++)
      statuses.push((await from.post('/auth/password/forgot', { email: uniqueEmail() })).status)
    expect(statuses).toEqual([...Array(20).fill(202), 429])
  })

  it('S74: the link leads to the configured address, whatever a request says of hosts', async () => {
    const person = await customer()
    await forget(person.email, {
      Host: 'evil.test',
      'X-Forwarded-Host': 'evil.test',
      Forwarded: 'host=evil.test',
      Origin: 'https://evil.test',
      Referer: 'https://evil.test/',
    })
    const { text, html } = await mailTo(person.email)
    expect(text).toContain('\nhttps://app.mechanic-shop.test/links/reset#token=')
    expect(text + html).not.toContain('evil')
  })

  it('takes an address in any spelling, and nothing that is none', async () => {
    const person = await customer()
    await forget(person.email.toUpperCase())
    await mailTo(person.email)
    for (const email of [
      '',
      'x',
      ` ${person.email}`,
      `${person.email}\r\nBcc: a@b.test`,
      null,
      [person.email],
    ])
      expect((await anonymous().post('/auth/password/forgot', { email })).status).toBe(400)
  })
})
