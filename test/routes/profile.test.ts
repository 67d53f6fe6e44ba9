import { describe, expect, it } from 'vitest'
import {
  admin,
  anonymous,
  customer,
  issueLinkToken,
  mechanic,
  type Person,
  registration,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { beforeRoundTrip, derivations, forgetDerivations, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'camshaft-lobe-profile'

const count = async (sql: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(sql)
      .bind(...values)
      .first<{ n: number }>()
  )?.n

describe('GET /auth/me', () => {
  it('tells who is signed in, what they may do and until when', async () => {
    const person = await customer({ first_name: 'Vera' })
    const { body } = await person.get('/auth/me')
    expect(body.account).toEqual({
      id: person.id,
      first_name: 'Vera',
      last_name: 'Lindqvist',
      email: person.email,
      phone_number: '555-0199',
      role: 'customer',
    })
    expect(body.permissions).toEqual([
      'profile:read',
      'profile:write',
      'tickets:read',
      'tickets:write',
      'inventory:read',
    ])
    const lifetime = Date.parse(body.session.expires_at) - Date.parse(body.session.created_at)
    expect(lifetime).toBe(30 * 86_400_000)
  })
})

/** Both routes change a profile by one set of rules. */
describe.each([
  ['PUT /customers/{id}', (person: Person, body: unknown) => person.put(`/customers/${person.id}`, body)],
  ['PATCH /auth/me', (person: Person, body: unknown) => person.patch('/auth/me', body)],
])('%s', (_, change) => {
  it('changes any subset of names and phone, whenever one signed in', async () => {
    const person = await customer()
    passTime(3_600)
    expect((await change(person, { first_name: 'Johnny', phone_number: null })).status).toBe(200)
    const { account } = (await person.get('/auth/me')).body
    expect([account.first_name, account.last_name, account.phone_number]).toEqual([
      'Johnny',
      'Lindqvist',
      null,
    ])
  })

  it('takes the whole unchanged object back without proof, as an old client sends it', async () => {
    const person = await customer()
    passTime(3_600)
    const { id: _id, role: _role, ...fields } = (await person.get('/auth/me')).body.account
    expect((await change(person, fields)).status).toBe(200)
  })

  it.each([{ password: NEW_PASSWORD }, { email: 'elsewhere@example.net' }])(
    'S53: refuses %j when the sign-in is older than ten minutes, and says how to go on',
    async (body) => {
      const person = await customer()
      passTime(601)
      forgetDerivations()
      const answer = await change(person, body)
      expect([answer.status, answer.body.code]).toEqual([401, 'reauthentication_required'])
      expect(answer.body.detail).toContain('current_password')
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer realm="mechanic-shop", error="insufficient_user_authentication", max_age=600',
      )
      expect(derivations).toEqual([])
    },
  )

  it('S09: takes the current password instead of a fresh sign-in, and audits a wrong one', async () => {
    const person = await customer()
    passTime(601)
    const wrong = await change(person, { password: NEW_PASSWORD, current_password: 'not-this-one' })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'invalid_credentials'])
    const failed =
      "SELECT count(*) AS n FROM audit_events WHERE event = 'password.check_failed' AND subject_id = ?"
    expect(await count(failed, person.id)).toBe(1)
    const right = await change(person, { password: NEW_PASSWORD, current_password: person.password })
    expect(right.status).toBe(200)
    expect((await signedIn(person.email, NEW_PASSWORD)).id).toBe(person.id)
    const old = await anonymous().post('/auth/login', { email: person.email, password: person.password })
    expect(old.status).toBe(401)
  })

  it('S51: ends every other session with a new password, and keeps this one', async () => {
    const person = await customer()
    const other = await signedIn(person.email, person.password)
    expect((await change(person, { password: NEW_PASSWORD })).status).toBe(200)
    expect((await other.get('/auth/me')).body.code).toBe('invalid_token')
    expect((await person.get('/auth/me')).status).toBe(200)
  })

  it('changes the e-mail address at once, as unverified', async () => {
    const person = await customer()
    await testEnv.DB.prepare('UPDATE accounts SET email_verified_at = 1 WHERE id = ?').bind(person.id).run()
    const email = uniqueEmail('Moved')
    expect((await change(person, { email })).status).toBe(200)
    expect((await signedIn(email.toLowerCase(), person.password)).id).toBe(person.id)
    const verified = 'SELECT count(*) AS n FROM accounts WHERE id = ? AND email_verified_at IS NOT NULL'
    expect(await count(verified, person.id)).toBe(0)
  })

  it('refuses an e-mail address that another account holds in another spelling, and changes nothing', async () => {
    const [person, other] = [await customer(), await customer()]
    const answer = await change(person, { email: other.email.toUpperCase(), first_name: 'Mallory' })
    expect([answer.status, answer.body.error]).toEqual([400, 'Email already associated with another account'])
    expect((await person.get('/auth/me')).body.account).toMatchObject({
      email: person.email,
      first_name: 'Vera',
    })
  })

  it.each([[{}], [{ current_password: 'torque-wrench-42-nm' }]])('finds no input in %j', async (body) => {
    const person = await customer()
    const answer = await change(person, body)
    expect([answer.status, answer.body.error, answer.body.message]).toEqual([
      400,
      'No input data provided',
      'No input data provided',
    ])
  })

  it('holds a new password to the rules, with the own names as context', async () => {
    const person = await customer({ last_name: 'Wolkenstein' })
    for (const password of ['12345', 'football', 'wolkenstein1']) {
      const answer = await change(person, { password })
      expect([answer.status, Object.keys(answer.body.errors)]).toEqual([400, ['password']])
    }
  })
})

describe('POST /auth/step-up', () => {
  const sensitive = (person: Person) => person.patch('/auth/me', { password: NEW_PASSWORD })

  it('S53: makes this session fresh for ten minutes, and no other session of the account', async () => {
    const person = await customer()
    const other = await signedIn(person.email, person.password)
    passTime(601)
    expect((await sensitive(person)).body.code).toBe('reauthentication_required')
    const answer = await person.post('/auth/step-up', { password: person.password })
    expect(answer.status).toBe(200)
    const left = Date.parse(answer.body.fresh_until) - Date.now()
    expect(left).toBeGreaterThan(590_000)
    expect(left).toBeLessThanOrEqual(600_000)
    expect((await sensitive(other)).body.code).toBe('reauthentication_required')
    expect((await sensitive(person)).status).toBe(200)
    const again = await signedIn(person.email, NEW_PASSWORD)
    passTime(601)
    await again.post('/auth/step-up', { password: NEW_PASSWORD })
    passTime(601)
    expect((await sensitive(again)).body.code).toBe('reauthentication_required')
  })

  it('S53: a wrong password proves nothing, and is an event', async () => {
    const person = await customer()
    passTime(601)
    const answer = await person.post('/auth/step-up', { password: 'wrong-wrench-1' })
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_credentials'])
    expect((await sensitive(person)).body.code).toBe('reauthentication_required')
    const failed = "event = 'password.check_failed' AND subject_id = ?"
    expect(await count(`SELECT count(*) AS n FROM audit_events WHERE ${failed}`, person.id)).toBe(1)
    const stepped = "event = 'session.stepped_up' AND subject_id = ?"
    expect(await count(`SELECT count(*) AS n FROM audit_events WHERE ${stepped}`, person.id)).toBe(0)
  })

  it('is refused without a derivation for a body that is no password, and beyond the ring', async () => {
    const person = await customer()
    forgetDerivations()
    for (const body of [{}, { password: '' }, { password: 7 }, { password: 'x', more: 1 }]) {
      expect((await person.post('/auth/step-up', body)).status).toBe(400)
    }
    expect(derivations).toEqual([])
    const statuses: number[] = []
    for (let i = 0; i < 31; i++) statuses.push((await person.post('/auth/step-up', { password: 7 })).status)
    expect(statuses.at(-1)).toBe(429)
  })

  it('does nothing for a session that ends while the password is checked', async () => {
    const person = await customer()
    beforeRoundTrip(3, () =>
      testEnv.DB.prepare('DELETE FROM sessions WHERE account_id = ?').bind(person.id).run(),
    )
    const answer = await person.post('/auth/step-up', { password: person.password })
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token'])
    const stepped = "event = 'session.stepped_up' AND subject_id = ?"
    expect(await count(`SELECT count(*) AS n FROM audit_events WHERE ${stepped}`, person.id)).toBe(0)
  })
})

describe('the limit of freshness', () => {
  it('is what FRESH_AUTH_SECONDS says: 86400 restores the rule of the old service', async () => {
    const person = await customer()
    const send = await withSettings({ FRESH_AUTH_SECONDS: '86400' })
    passTime(80_000)
    const answer = await send(
      'PUT',
      `/customers/${person.id}`,
      { password: NEW_PASSWORD },
      {
        Authorization: `Bearer ${person.token}`,
      },
    )
    expect(answer.status).toBe(200)
  })

  it('S09: counts guesses of the current password against the session', async () => {
    const person = await customer()
    const guess = () =>
      person.put(`/customers/${person.id}`, { password: NEW_PASSWORD, current_password: 'a-guess' })
    const answers = []
    for (let i = 0; i < 7; i++) answers.push((await guess()).status)
    expect(answers).toEqual([...Array(5).fill(401), 429, 429])
  })
})

describe("another person's account", () => {
  it('is changed by an admin in names, phone and, freshly signed in, e-mail, never in password', async () => {
    const [boss, person] = [await admin(), await customer()]
    const path = `/customers/${person.id}`
    expect((await boss.put(path, { last_name: 'Renamed' })).body.last_name).toBe('Renamed')
    const password = await boss.put(path, { password: NEW_PASSWORD })
    expect([password.status, password.body.code]).toEqual([403, 'forbidden'])
    expect((await boss.put(path, { email: uniqueEmail('new') })).status).toBe(200)
    passTime(601)
    expect((await boss.put(path, { email: uniqueEmail('newer') })).body.code).toBe(
      'reauthentication_required',
    )
    expect((await boss.delete(path)).body.code).toBe('reauthentication_required')
    expect((await boss.put(path, { phone_number: '555-0000' })).status).toBe(200)
    expect((await boss.delete(path, { current_password: boss.password })).status).toBe(200)
    expect((await boss.get(path)).body.code).toBe('customer_not_found')
  })

  it('is read by a mechanic and not changed', async () => {
    const [staff, person] = [await mechanic(), await customer()]
    expect((await staff.get(`/customers/${person.id}`)).status).toBe(200)
    const refused = await staff.put(`/customers/${person.id}`, { first_name: 'Mallory' })
    expect([refused.status, refused.body.message]).toEqual([403, 'You can only update your own information'])
    expect((await staff.delete(`/customers/${person.id}`)).status).toBe(403)
  })

  it('of a colleague is no customer', async () => {
    const [boss, staff] = [await admin(), await mechanic()]
    for (const call of [boss.get, boss.delete]) {
      const answer = await call(`/customers/${staff.id}`)
      expect([answer.status, answer.body.error]).toEqual([404, 'Customer not found'])
    }
  })
})

describe('DELETE /customers/{id}', () => {
  it('needs a fresh sign-in or the current password, and removes the person', async () => {
    const person = await customer()
    passTime(601)
    const path = `/customers/${person.id}`
    expect((await person.delete(path)).body.code).toBe('reauthentication_required')
    expect((await person.delete(path, { current_password: 'not-this-one' })).body.code).toBe(
      'invalid_credentials',
    )
    const answer = await person.delete(`${path}/`, { current_password: person.password })
    expect([answer.status, answer.body]).toEqual([200, { message: 'Customer deleted successfully' }])
    expect(await count('SELECT count(*) AS n FROM accounts WHERE id = ?', person.id)).toBe(0)
    expect(await count('SELECT count(*) AS n FROM sessions WHERE account_id = ?', person.id)).toBe(0)
  })

  it('has exactly one winner among twenty parallel uses', async () => {
    const person = await customer()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => person.delete(`/customers/${person.id}`)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
    const events = "SELECT count(*) AS n FROM audit_events WHERE event = 'account.deleted' AND subject_id = ?"
    expect(await count(events, person.id)).toBe(1)
  })
})

describe('registration', () => {
  it('makes one account of twenty parallel ones with one e-mail address in different spellings', async () => {
    const email = uniqueEmail('parallel')
    const [local = '', domain = ''] = email.split('@')
    const spellings = [
      email,
      email.toUpperCase(),
      `${local.toUpperCase()}@${domain}`,
      `${local}@${domain.toUpperCase()}`,
    ]
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        anonymous().post('/customers/', registration({ email: spellings[i % 4] ?? email })),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ body }) => body.code === 'email_taken')).toHaveLength(19)
    expect(await count('SELECT count(*) AS n FROM accounts WHERE email_canonical = lower(?)', email)).toBe(1)
    const events = `SELECT count(*) AS n FROM audit_events AS e JOIN accounts AS a ON a.id = e.subject_id
      WHERE e.event = 'account.registered' AND a.email_canonical = lower(?)`
    expect(await count(events, email)).toBe(1)
  })

  it('S19: tells that an address is taken with the status of the old service, before any derivation', async () => {
    const person = await customer()
    forgetDerivations()
    const answer = await anonymous().post('/customers/', registration({ email: person.email }))
    expect([answer.status, answer.body.code]).toEqual([400, 'email_taken'])
    expect(derivations).toEqual([])
  })

  it('S77: shows the e-mail address as typed and knows it in its canonical form', async () => {
    const typed = `Müller.${uniqueEmail('x')}`
      .replace('Müller', 'Mueller')
      .replace('example.net', 'Bücher.example')
    const person = registration({ email: typed })
    expect((await anonymous().post('/customers/', person)).body.email).toBe(typed)
    const punycode = typed.replace('Bücher.example', 'xn--bcher-kva.EXAMPLE')
    const again = await anonymous().post('/customers/', registration({ email: punycode }))
    expect(again.body.code).toBe('email_taken')
  })

  it('never gives an id twice', async () => {
    const first = await customer()
    await first.delete(`/customers/${first.id}`)
    const second = await customer()
    expect(second.id).toBeGreaterThan(first.id)
    expect((await first.get('/auth/me')).body.code).toBe('invalid_customer')
  })
})

describe('S24: one person alone', () => {
  it('cannot fill the queue of derivations with new passwords: the 31st in a minute is 429 without one', async () => {
    const person = await customer()
    const statuses: number[] = []
    for (let i = 0; i < 31; i++) {
      statuses.push((await person.patch('/auth/me', { password: `camshaft-lobe-profile-${i}` })).status)
    }
    expect(statuses).toEqual([...Array(30).fill(200), 429])
    forgetDerivations()
    expect((await person.patch('/auth/me', { password: 'camshaft-lobe-profile' })).status).toBe(429)
    expect(derivations).toEqual([])
  })
})

describe('S19: one person alone, freshly signed in', () => {
  it('S19: asks of thirty addresses a minute whether they are taken, by changing the own one', async () => {
    const [person, holder] = [await customer(), await customer()]
    const codes: unknown[] = []
    for (let i = 0; i < 31; i++) {
      const email = i % 2 ? holder.email : uniqueEmail('asked')
      codes.push((await person.patch('/auth/me', { email })).body.code)
    }
    expect(codes.slice(0, 30).filter((code) => code === 'email_taken')).toHaveLength(15)
    expect(codes[30]).toBe('too_many_requests')
    expect((await person.patch('/auth/me', { first_name: 'Ada' })).status).toBe(200)
  })
})

describe('a link that was sent before', () => {
  it.each([{ password: NEW_PASSWORD }, { email: 'moved-away@example.net' }])(
    'is used up by %j',
    async (change) => {
      const person = await customer()
      const link = await issueLinkToken(person.email)
      expect((await person.patch('/auth/me', change)).status).toBe(200)
      const answer = await anonymous().post('/auth/password/reset', {
        token: link,
        password: 'an-older-wish',
      })
      expect(answer.body.code).toBe('link_token_invalid')
      expect((await person.get('/auth/me')).status).toBe(200)
    },
  )

  it('survives a change of name', async () => {
    const person = await customer()
    const link = await issueLinkToken(person.email)
    await person.patch('/auth/me', { first_name: 'Other' })
    const answer = await anonymous().post('/auth/password/reset', { token: link, password: 'an-older-wish' })
    expect(answer.status).toBe(200)
  })
})

describe("another person's password", () => {
  it('is 403 whatever it is, before its rules are told', async () => {
    const [boss, person] = [await admin(), await customer()]
    for (const password of ['x', 'football', NEW_PASSWORD]) {
      const answer = await boss.put(`/customers/${person.id}`, { password })
      expect([answer.status, answer.body.message]).toEqual([
        403,
        'A password can only be changed by its owner',
      ])
    }
  })
})

describe('names and phone numbers', () => {
  it.each(['a\r\nb', 'a\u0000b', 'a\u202eb', 'a\u2028b'])(
    'are one line of text in one direction: not %j',
    async (text) => {
      const answer = await anonymous().post(
        '/customers/',
        registration({ first_name: text, phone_number: text }),
      )
      expect(answer.body.errors).toEqual({
        first_name: ['Not a valid string.'],
        phone_number: ['Not a valid string.'],
      })
    },
  )
})
