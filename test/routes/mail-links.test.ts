/** What links of mails do: confirm an address, undo a change of it, say "this was not me". */
import { describe, expect, it } from 'vitest'
import { enrol, type Guarded, guarded, verify as verifyCode, wrongCode } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  customer,
  type Person,
  program,
  registration,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { mailsTo, mailTo, tokenIn } from '../support/mail-provider.ts'
import { codeOf as totpOf } from '../support/one-time-code.ts'
import {
  beforeRoundTrip,
  d1,
  derivations,
  forgetDerivations,
  passTime,
} from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'camshaft-lobe-profile'
const HOUR = 3_600

const CONFIRM = /^Confirm your address/
const CHANGED = /^Your address was changed/

const post = (path: string, token: string) => anonymous().post(path, { token })
const verify = (token: string) => post('/auth/email/verify', token)
const undo = (token: string) => post('/auth/email/undo', token)
const undoWith = (token: string, method: string, code: string) =>
  anonymous().post('/auth/email/undo', { token, method, code })
const notMe = (token: string) => post('/auth/not-me', token)

const rows = async (sql: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(sql)
      .bind(...values)
      .all()
  ).results

const isVerified = async (person: Pick<Person, 'get'>) => (await person.get('/auth/me')).body.email_verified

async function verified(): Promise<Person> {
  const person = await customer()
  expect((await verify(tokenIn(await mailTo(person.email, 1, CONFIRM)))).status).toBe(200)
  return person
}

/** Changes the own address and gives the token that the former one was sent. */
async function move(person: Person, email = uniqueEmail('moved'), from = person.email): Promise<string> {
  const before = mailsTo(from, CHANGED).length
  expect((await person.patch('/auth/me', { email })).status).toBe(200)
  return tokenIn(await mailTo(from, before + 1, CHANGED))
}

const codeOf = async (answer: Promise<Answer>) => {
  const { status, body } = await answer
  return [status, body.code]
}

const REFUSED = [400, 'link_token_invalid']

const eventsOf = async (id: number, event: string) =>
  rows('SELECT id FROM audit_events WHERE subject_id = ? AND event = ?', id, event)

/** One of twenty parallel uses is it. */
async function expectOneWinner(use: () => Promise<Answer>): Promise<void> {
  const answers = await Promise.all(Array.from({ length: 20 }, use))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ body }) => body.code === 'link_token_invalid')).toHaveLength(19)
}

describe('S72: every link', () => {
  const LINKS: [
    string,
    (token: string) => Promise<Answer>,
    () => Promise<[token: string, id: number]>,
    string,
    number,
  ][] = [
    [
      'verify',
      verify,
      async () => {
        const person = await customer()
        return [tokenIn(await mailTo(person.email, 1, CONFIRM)), person.id]
      },
      'email.verified',
      HOUR,
    ],
    [
      'undo',
      undo,
      async () => {
        const person = await customer()
        return [await move(person), person.id]
      },
      'email.change_undone',
      72 * HOUR,
    ],
    [
      'not-me',
      notMe,
      async () => {
        const person = await customer()
        await person.patch('/auth/me', { password: NEW_PASSWORD })
        return [tokenIn(await mailTo(person.email)), person.id]
      },
      'account.disowned',
      24 * HOUR,
    ],
  ]

  it.each(LINKS)(
    '%s has 256 bits, is stored as a hash, and works for one of twenty at once',
    async (_, use, make, event) => {
      const [token, id] = await make()
      expect(token).toMatch(/^[\w-]{43}$/)
      expect(
        JSON.stringify([await rows('SELECT * FROM mail_links'), await rows('SELECT * FROM outbox_messages')]),
      ).not.toContain(token)
      await expectOneWinner(() => use(token))
      expect(await eventsOf(id, event)).toHaveLength(1)
      expect(await codeOf(use(token))).toEqual(REFUSED)
    },
  )

  it.each(LINKS)(
    '%s works until it expires, by nothing but its own endpoint',
    async (name, use, make, _, seconds) => {
      const [[early], [late]] = [await make(), await make()]
      for (const [other, otherUse] of LINKS)
        if (other !== name) expect(await codeOf(otherUse(early))).toEqual(REFUSED)
      const reset = { token: early, password: NEW_PASSWORD }
      expect(await codeOf(anonymous().post('/auth/password/reset', reset))).toEqual(REFUSED)
      passTime(seconds - 60)
      expect((await use(early)).status).toBe(200)
      passTime(61)
      expect(await codeOf(use(late))).toEqual(REFUSED)
    },
  )

  it.each(LINKS)(
    '%s is not guessed at: an address that fails is held up, with no more work than a look',
    async (_, use) => {
      const from = anonymous()
      forgetDerivations()
      const path = use === verify ? '/auth/email/verify' : use === undo ? '/auth/email/undo' : '/auth/not-me'
      const statuses: number[] = []
      for (let guess = 0; guess < 21; guess++)
        statuses.push((await from.post(path, { token: 'x'.repeat(43) })).status)
      expect(statuses).toEqual([...Array(20).fill(400), 429])
      expect(derivations).toEqual([])
      expect((await from.post(path, { token: 1 })).status).toBeGreaterThanOrEqual(400)
    },
  )

  it.each(LINKS)('S74: %s leads to the configured address', async (name, _, make) => {
    const from = new RegExp(`\\nhttps://app\\.mechanic-shop\\.test/links/${name}#token=`)
    const [, id] = await make()
    const [{ email } = {}] = await rows('SELECT email FROM accounts WHERE id = ?', id)
    const all = [...mailsTo(String(email), /./), ...mailsTo(String(email).replace(/^moved/, 'person'), /./)]
    if (name !== 'undo') expect(all.some(({ text }) => from.test(text))).toBe(true)
    for (const { text } of all) expect(text).not.toMatch(/https?:\/\/(?!app\.mechanic-shop\.test\/links\/)/)
  })
})

describe('POST /auth/email/verify', () => {
  it('confirms the address that a registration was made with', async () => {
    const person = await customer()
    expect(await isVerified(person)).toBe(false)
    const { body, status } = await verify(tokenIn(await mailTo(person.email, 1, CONFIRM)))
    expect([status, body]).toEqual([200, { message: 'Email verified' }])
    expect(await isVerified(person)).toBe(true)
  })

  it('S72: only the newest link counts, and none that was made for another address', async () => {
    const person = await customer()
    const first = tokenIn(await mailTo(person.email, 1, CONFIRM))
    expect((await person.post('/auth/email/resend')).status).toBe(202)
    const second = tokenIn(await mailTo(person.email, 2, CONFIRM))
    expect(await codeOf(verify(first))).toEqual(REFUSED)
    const email = uniqueEmail('moved')
    await move(person, email)
    expect(await codeOf(verify(second))).toEqual(REFUSED)
    expect((await verify(tokenIn(await mailTo(email, 1, CONFIRM)))).status).toBe(200)
    expect(await isVerified(person)).toBe(true)
  })

  it('loses against a change of address in between', async () => {
    const person = await customer()
    const token = tokenIn(await mailTo(person.email, 1, CONFIRM))
    beforeRoundTrip(2, () =>
      rows(
        "UPDATE accounts SET email = 'x' || email, email_canonical = 'x' || email_canonical WHERE id = ?",
        person.id,
      ),
    )
    expect(await codeOf(verify(token))).toEqual(REFUSED)
    expect(await isVerified(person)).toBe(false)
  })
})

describe('POST /auth/email/resend', () => {
  it('sends five an hour at most, none once the address is verified, and always answers alike', async () => {
    const person = await customer()
    const answers = await Promise.all(Array.from({ length: 10 }, () => person.post('/auth/email/resend')))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    await mailTo(person.email, 5, CONFIRM)
    const sent = await rows(
      "SELECT id FROM outbox_messages WHERE account_id = ? AND template = 'verify'",
      person.id,
    )
    expect(sent).toHaveLength(5)
    expect(
      await rows("SELECT number FROM mail_links WHERE account_id = ? AND purpose = 'verify'", person.id),
    ).toHaveLength(1)
    const done = await verified()
    expect((await done.post('/auth/email/resend')).status).toBe(202)
    expect(mailsTo(done.email, CONFIRM)).toHaveLength(1)
  })
})

describe('S76: a changed address', () => {
  it('counts at once but as unverified; the old one hears of it and the new one gets a link', async () => {
    const person = await verified()
    const email = uniqueEmail('moved')
    await move(person, email)
    expect(await isVerified(person)).toBe(false)
    expect((await signedIn(email, person.password)).id).toBe(person.id)
    expect((await mailTo(email, 1, CONFIRM)).text).toContain('/links/verify#token=')
    expect(mailsTo(email, CHANGED)).toEqual([])
  })

  it('S78: mail that sets a password goes to the last verified address until the new one is verified', async () => {
    const person = await verified()
    const email = uniqueEmail('moved')
    await move(person, email)
    await move(person, uniqueEmail('again'), email)
    const { account } = (await person.get('/auth/me')).body
    const forget = () => anonymous().post('/auth/password/forgot', { email: account.email })
    await forget()
    const token = tokenIn(await mailTo(person.email, 1, /^Choose a new password/))
    expect(mailsTo(account.email, /^Choose/)).toEqual([])
    expect((await verify(tokenIn(await mailTo(account.email, 1, CONFIRM)))).status).toBe(200)
    await forget()
    await mailTo(account.email, 1, /^Choose/)
    expect(mailsTo(person.email, /^Choose/)).toHaveLength(1)
    expect(await codeOf(anonymous().post('/auth/password/reset', { token, password: NEW_PASSWORD }))).toEqual(
      REFUSED,
    )
  })

  it('S78: a password that is set by a link to the old address does not verify the new one', async () => {
    const person = await verified()
    const email = uniqueEmail('moved')
    await move(person, email)
    await anonymous().post('/auth/password/forgot', { email })
    const token = tokenIn(await mailTo(person.email, 1, /^Choose/))
    expect((await anonymous().post('/auth/password/reset', { token, password: NEW_PASSWORD })).status).toBe(
      200,
    )
    expect(await isVerified(await signedIn(email, NEW_PASSWORD))).toBe(false)
    expect((await mailTo(person.email, 1, /^Your password was changed/)).to).toBe(person.email)
  })

  it('is no change where it is another spelling of the same one', async () => {
    const person = await verified()
    expect((await person.patch('/auth/me', { email: person.email.toUpperCase() })).status).toBe(200)
    expect(await isVerified(person)).toBe(true)
    expect([...mailsTo(person.email, CHANGED), ...mailsTo(person.email.toUpperCase(), /./)]).toEqual([])
  })

  it('is told to both addresses when an admin makes it', async () => {
    const [person, boss] = [await verified(), await admin()]
    const email = uniqueEmail('moved')
    expect((await boss.put(`/customers/${person.id}`, { email })).status).toBe(200)
    await mailTo(email, 1, CONFIRM)
    expect((await undo(tokenIn(await mailTo(person.email, 1, CHANGED)))).status).toBe(200)
  })

  it('fills no stranger’s mailbox', async () => {
    const person = await customer()
    for (let change = 0; change < 14; change++)
      expect((await person.patch('/auth/me', { email: uniqueEmail(`change-${change}`) })).status).toBe(200)
    const sent = await rows(
      'SELECT template, count(*) AS n FROM outbox_messages WHERE account_id = ? GROUP BY template ORDER BY template',
      person.id,
    )
    expect(sent).toEqual([
      { template: 'email_changed', n: 10 },
      { template: 'verify', n: 5 },
    ])
  })
})

describe('S76: POST /auth/email/undo', () => {
  it('brings the old address back as verified, ends every session and API token, and asks for a new password', async () => {
    const person = await verified()
    const [other, till] = [
      await signedIn(person.email, person.password),
      await program(person, 'profile:read'),
    ]
    const email = uniqueEmail('thief')
    const token = await move(person, email)
    const thief = await signedIn(email, person.password)
    const { status, text } = await undo(token)
    expect([status, /token|eyJ/.test(text)]).toEqual([200, false])
    for (const session of [person, other, thief, till])
      expect((await session.get('/auth/me')).status).toBe(401)
    for (const address of [email, person.email])
      expect(
        (await anonymous().post('/auth/login', { email: address, password: person.password })).status,
      ).toBe(401)
    await anonymous().post('/auth/password/forgot', { email: person.email })
    const reset = { token: tokenIn(await mailTo(person.email, 1, /^Choose/)), password: NEW_PASSWORD }
    expect((await anonymous().post('/auth/password/reset', reset)).status).toBe(200)
    expect(await isVerified(await signedIn(person.email, NEW_PASSWORD))).toBe(true)
  })

  it('leaves nothing of what the other mailbox was sent: neither a link to a password nor one of its own', async () => {
    const person = await verified()
    const email = uniqueEmail('thief')
    const token = await move(person, email)
    await verify(tokenIn(await mailTo(email, 1, CONFIRM)))
    await anonymous().post('/auth/password/forgot', { email })
    const password = tokenIn(await mailTo(email, 1, /^Choose/))
    const next = await move(person, uniqueEmail('thief'), email)
    await person.patch('/auth/me', { password: NEW_PASSWORD })
    expect((await undo(token)).status).toBe(200)
    expect(
      await codeOf(anonymous().post('/auth/password/reset', { token: password, password: NEW_PASSWORD })),
    ).toEqual(REFUSED)
    expect(await codeOf(undo(next))).toEqual(REFUSED)
    expect(await rows('SELECT number FROM mail_links WHERE account_id = ?', person.id)).toEqual([])
  })

  it('cannot be spent for the owner by whoever changed the address twice', async () => {
    const person = await verified()
    const email = uniqueEmail('thief')
    const owners = await move(person, email)
    const thiefs = await move(person, uniqueEmail('thief'), email)
    expect((await undo(thiefs)).status).toBe(200)
    expect((await undo(owners)).status).toBe(200)
    const [row] = await rows('SELECT email FROM accounts WHERE id = ?', person.id)
    expect(row).toEqual({ email: person.email })
  })

  it('restores nothing once the new address has been verified for 24 hours, also after a further change', async () => {
    for (const hours of [23, 25]) {
      const person = await verified()
      const email = uniqueEmail('moved')
      const token = await move(person, email)
      expect((await verify(tokenIn(await mailTo(email, 1, CONFIRM)))).status).toBe(200)
      passTime(hours * HOUR)
      const again = await signedIn(email, person.password)
      await move(again, uniqueEmail('again'), email)
      expect((await undo(token)).status, `${hours} hours`).toBe(hours === 23 ? 200 : 400)
    }
  })

  it('is a 409 while another account has the address, and works once that has gone', async () => {
    const person = await customer()
    const token = await move(person)
    const other = await customer({ email: person.email })
    expect(await codeOf(undo(token))).toEqual([409, 'former_email_taken'])
    expect((await person.get('/auth/me')).status).toBe(200)
    expect((await other.delete(`/customers/${other.id}`)).status).toBe(200)
    expect((await undo(token)).status).toBe(200)
  })

  it('changes nothing where the address is taken in between', async () => {
    const person = await customer()
    const token = await move(person)
    beforeRoundTrip(2, () => customer({ email: person.email }))
    expect(await codeOf(undo(token))).toEqual(REFUSED)
    expect((await person.get('/auth/me')).status).toBe(200)
  })
})

describe('S76: undo of an account with a second factor', () => {
  const INVALID = [401, 'factor_code_invalid']
  const MISSING = [401, 'factor_code_missing']

  async function movedAway(): Promise<Guarded & { readonly undoToken: string }> {
    const person = await guarded()
    return { ...person, undoToken: await move(person, uniqueEmail('thief')) }
  }

  const addressOf = async (id: number) =>
    (await rows('SELECT email FROM accounts WHERE id = ?', id)).map(({ email }) => email)

  it('asks for a code and tells which, however the link is pressed, and changes nothing', async () => {
    const person = await movedAway()
    const from = anonymous()
    for (let press = 0; press < 22; press++) {
      const { status, body } = await from.post('/auth/email/undo', { token: person.undoToken })
      expect([status, body.code, body.methods]).toEqual([...MISSING, ['totp', 'recovery_code']])
    }
    expect((await person.get('/auth/me')).status).toBe(200)
    expect(await addressOf(person.id)).not.toEqual([person.email])
    expect(await codeOf(undoWith('x'.repeat(43), 'totp', totpOf(person.secret)))).toEqual(REFUSED)
  })

  it('takes one of the app, which is spent with the link, and the factor stays', async () => {
    const person = await movedAway()
    const code = totpOf(person.secret)
    const { status, headers } = await undoWith(person.undoToken, 'totp', code)
    expect([status, headers.get('ratelimit')?.includes('mfa')]).toEqual([200, true])
    expect(await addressOf(person.id)).toEqual([person.email])
    expect((await person.get('/auth/me')).status).toBe(401)
    const factors = await rows('SELECT last_step FROM factors WHERE account_id = ?', person.id)
    expect(factors).toHaveLength(1)
    await anonymous().post('/auth/password/forgot', { email: person.email })
    const reset = { token: tokenIn(await mailTo(person.email, 1, /^Choose/)), password: NEW_PASSWORD }
    expect((await anonymous().post('/auth/password/reset', reset)).status).toBe(200)
    const answer = await anonymous().post('/auth/login', { email: person.email, password: NEW_PASSWORD })
    expect(answer.body.code).toBe('mfa_required')
    expect(await codeOf(verifyCode(answer.body.mfa_token, code))).toEqual(INVALID)
  })

  it('takes a recovery code, of which the notice goes to the address that is back, with a link that works', async () => {
    const person = await movedAway()
    const code = person.recoveryCodes[0]?.toLowerCase() ?? ''
    expect((await undoWith(person.undoToken, 'recovery_code', code)).status).toBe(200)
    const left = await rows('SELECT code_hash FROM recovery_codes WHERE account_id = ?', person.id)
    expect(left).toHaveLength(9)
    const token = tokenIn(await mailTo(person.email, 1, /^A recovery code was used/))
    expect((await notMe(token)).status).toBe(200)
  })

  it('takes one of twenty at once, whether with one code or with ten', async () => {
    const [john, jane] = [await movedAway(), await movedAway()]
    const code = totpOf(john.secret)
    for (const [person, use] of [
      [john, () => undoWith(john.undoToken, 'totp', code)],
      [jane, (i: number) => undoWith(jane.undoToken, 'recovery_code', jane.recoveryCodes[i % 10] ?? '')],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => use(i)))
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
      expect(statuses.filter((status) => ![200, 400, 401, 429].includes(status))).toEqual([])
      expect(await eventsOf(person.id, 'email.change_undone')).toHaveLength(1)
    }
    const left = await rows('SELECT code_hash FROM recovery_codes WHERE account_id = ?', jane.id)
    expect(left).toHaveLength(9)
  })

  it('S59: counts wrong codes with those of sign-ins, from whatever address, and keeps the link', async () => {
    const person = await movedAway()
    const wrong = wrongCode(person.secret)
    for (let guess = 0; guess < 5; guess++)
      expect(await codeOf(undoWith(person.undoToken, 'totp', wrong))).toEqual(INVALID)
    const { status, headers } = await undoWith(person.undoToken, 'totp', totpOf(person.secret))
    expect([status, headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^[1-9]/)])
    const stepUp = { method: 'totp', code: totpOf(person.secret) }
    expect((await person.post('/auth/step-up', stepUp)).status).toBe(429)
    expect(await eventsOf(person.id, 'factor.check_failed')).toHaveLength(5)
    passTime(HOUR)
    expect((await undoWith(person.undoToken, 'totp', totpOf(person.secret))).status).toBe(200)
    const counts = await rows('SELECT key FROM throttles WHERE account_id = ? AND failures > 0', person.id)
    expect(counts).toEqual([])
  })

  it('spends no code where the link loses, and no link where the code does', async () => {
    const person = await movedAway()
    const code = totpOf(person.secret)
    beforeRoundTrip(3, () => rows('UPDATE factors SET last_step = 1e9 WHERE account_id = ?', person.id))
    expect(await codeOf(undoWith(person.undoToken, 'totp', code))).toEqual(INVALID)
    await rows('UPDATE factors SET last_step = NULL WHERE account_id = ?', person.id)
    beforeRoundTrip(3, () => customer({ email: person.email }))
    expect(await codeOf(undoWith(person.undoToken, 'totp', code))).toEqual(INVALID)
    expect(await codeOf(undoWith(person.undoToken, 'totp', code))).toEqual([409, 'former_email_taken'])
    expect((await person.post('/auth/step-up', { method: 'totp', code })).status).toBe(200)
  })

  it('asks also where the factor came after the link was pressed, and not once an admin has removed it', async () => {
    const [person, boss] = [await customer(), await admin()]
    const token = await move(person)
    beforeRoundTrip(2, () => enrol(person))
    expect(await codeOf(undo(token))).toEqual(MISSING)
    expect((await boss.post(`/admin/accounts/${person.id}/reset-mfa`)).body.removed).toBe(1)
    expect((await undo(token)).status).toBe(200)
  })

  it('S67: refuses what cannot be a code, half of a pair, and looks at no code where there is no factor', async () => {
    const { undoToken: token, id } = await movedAway()
    for (const more of [
      { method: 'totp' },
      { code: '123456' },
      { method: 'totp', code: 123456 },
      { method: 'totp', code: '12345' },
      { method: 'totp', code: '１２３４５６' },
      { method: 'recovery_code', code: '123456' },
      { method: 'password', code: '123456' },
      { method: ['totp'], code: ['123456'] },
    ])
      expect((await anonymous().post('/auth/email/undo', { token, ...more })).status).toBe(400)
    expect(await eventsOf(id, 'factor.check_failed')).toEqual([])
    const plain = await customer()
    const link = await move(plain)
    expect(await codeOf(undoWith(link, 'totp', '123456'))).toEqual(INVALID)
    expect((await undo(link)).status).toBe(200)
  })
})

describe('POST /auth/not-me', () => {
  it('ends every session, API token and known device, and nobody signs in before a new password is set', async () => {
    const person = await verified()
    const till = await program(person, 'profile:read')
    const token = tokenIn(await mailTo(person.email, 1, /^An API token was made/))
    expect(await codeOf(notMe(token))).toEqual([200, undefined])
    for (const one of [person, till]) expect((await one.get('/auth/me')).status).toBe(401)
    expect(
      await rows('SELECT token_hash FROM devices WHERE account_id = ? AND token_hash IS NOT NULL', person.id),
    ).toEqual([])
    expect(
      (await anonymous().post('/auth/login', { email: person.email, password: person.password })).status,
    ).toBe(401)
    await anonymous().post('/auth/password/forgot', { email: person.email })
    const reset = { token: tokenIn(await mailTo(person.email, 1, /^Choose/)), password: NEW_PASSWORD }
    expect((await anonymous().post('/auth/password/reset', reset)).status).toBe(200)
    expect((await signedIn(person.email, NEW_PASSWORD)).id).toBe(person.id)
  })

  it('works from any notice of the day, and uses the others up', async () => {
    const person = await customer()
    await person.patch('/auth/me', { password: NEW_PASSWORD })
    await person.patch('/auth/me', { password: `${NEW_PASSWORD}-2` })
    await mailTo(person.email, 2)
    const tokens = mailsTo(person.email).map(tokenIn)
    expect((await notMe(tokens[0] ?? '')).status).toBe(200)
    expect(await codeOf(notMe(tokens[1] ?? ''))).toEqual(REFUSED)
  })
})

describe('POST /auth/password/change', () => {
  it('S51: takes the current password, ends every other session and is noticed', async () => {
    const person = await customer()
    const other = await signedIn(person.email, person.password)
    const wrong = { current_password: 'not-the-password', password: NEW_PASSWORD }
    expect(await codeOf(person.post('/auth/password/change', wrong))).toEqual([401, 'invalid_credentials'])
    expect((await person.post('/auth/password/change', { password: NEW_PASSWORD })).status).toBe(400)
    const change = { current_password: person.password, password: NEW_PASSWORD }
    expect((await person.post('/auth/password/change', { ...change, password: 'password1' })).status).toBe(
      400,
    )
    const { status, body } = await person.post('/auth/password/change', change)
    expect([status, body]).toEqual([200, { message: 'Password changed successfully' }])
    expect([(await person.get('/auth/me')).status, (await other.get('/auth/me')).status]).toEqual([200, 401])
    expect((await signedIn(person.email, NEW_PASSWORD)).id).toBe(person.id)
    await mailTo(person.email, 1, /^Your password was changed/)
  })
})

describe('REGISTRATION=private', () => {
  it('answers and costs alike for a new and a taken address, whose owner is told, three times a day at most', async () => {
    const ask = await withSettings({ REGISTRATION: 'private', REGISTRATIONS_PER_MINUTE: '100' })
    const owner = await customer()
    const suspended = await customer()
    await rows("UPDATE accounts SET status = 'suspended' WHERE id = ?", suspended.id)
    const seen: unknown[][] = []
    const fresh = registration()
    for (const person of [
      fresh,
      registration({ email: owner.email.toUpperCase() }),
      registration({ email: suspended.email }),
    ]) {
      forgetDerivations()
      const calls = d1.calls
      const { status, body, headers } = await ask('POST', '/customers', person, {
        'CF-Connecting-IP': '203.0.113.9',
      })
      seen.push([status, body, [...headers.keys()], derivations.length, d1.calls - calls])
    }
    expect(seen[0]?.slice(0, 2)).toEqual([202, { message: 'A mail is on its way to this address' }])
    expect(seen[1]).toEqual(seen[0])
    expect(seen[2]).toEqual(seen[0])
    expect((await signedIn(fresh.email, fresh.password)).email).toBe(fresh.email)
    await mailTo(fresh.email, 1, CONFIRM)
    for (let time = 0; time < 4; time++) await ask('POST', '/customers', registration({ email: owner.email }))
    const told = await rows("SELECT account_id FROM outbox_messages WHERE template = 'already_registered'")
    expect(told).toEqual(Array(3).fill({ account_id: owner.id }))
    expect((await signedIn(owner.email, owner.password)).id).toBe(owner.id)
    expect(await rows('SELECT id FROM accounts WHERE id = 0')).toEqual([])
  })

  it('makes no account of an address whose holder goes in between', async () => {
    const ask = await withSettings({ REGISTRATION: 'private' })
    const owner = await customer()
    beforeRoundTrip(2, () => rows('DELETE FROM accounts WHERE id = ?', owner.id))
    expect((await ask('POST', '/customers', registration({ email: owner.email }))).status).toBe(202)
    expect(
      await rows('SELECT id FROM accounts WHERE email_canonical = ? OR id = 0', owner.email.toLowerCase()),
    ).toEqual([])
  })

  it('makes one account of twenty registrations at once', async () => {
    const ask = await withSettings({ REGISTRATION: 'private', REGISTRATIONS_PER_MINUTE: '100' })
    const person = registration()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask('POST', '/customers', person, { 'CF-Connecting-IP': `203.0.113.${i}` }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202))
    expect(await rows('SELECT count(*) AS n FROM accounts WHERE email = ?', person.email)).toEqual([{ n: 1 }])
  })
})
