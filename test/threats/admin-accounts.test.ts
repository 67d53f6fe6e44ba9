/** Admins against each other, invitations in the wrong hands, and everybody else against /admin/accounts. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  insertAccount,
  mechanic,
  PASSWORD,
  type Person,
  program,
  registration,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { linkTokenFor } from '../support/link-mail.ts'
import { beforeRoundTrip, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .all<Record<string, unknown>>()
const count = async (table: string, where: string, ...values: unknown[]) =>
  Number((await sql(`SELECT count(*) AS n FROM ${table} WHERE ${where}`, ...values)).results[0]?.['n'])

const ACTIVE_ADMIN = "role = 'admin' AND status = 'active' AND password_hash IS NOT NULL"
const countAdmins = () => count('accounts', ACTIVE_ADMIN)

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status).toSorted((a, b) => a - b)
const told = ({ status, body }: Answer) => [status, body.code]

/** Every way for one admin to take another's power. */
const ATTACKS: Record<string, (by: Person, id: number) => Promise<Answer>> = {
  demotes: (by, id) => by.patch(`/admin/accounts/${id}`, { role: 'mechanic' }),
  suspends: (by, id) => by.patch(`/admin/accounts/${id}`, { status: 'suspended' }),
  'demotes and suspends': (by, id) =>
    by.patch(`/admin/accounts/${id}`, { role: 'customer', status: 'suspended' }),
  deletes: (by, id) => by.delete(`/admin/accounts/${id}`),
}
const attacks = Object.entries(ATTACKS)

describe('S91: the last active admin', () => {
  beforeEach(async () => {
    await sql("UPDATE accounts SET status = 'suspended' WHERE role = 'admin'")
  })

  it.each(attacks)('S91: cannot be lost by oneself, who %s', async (_, attack) => {
    const boss = await admin()
    expect(told(await attack(boss, boss.id))).toEqual([409, 'last_admin_protected'])
    expect((await boss.delete(`/customers/${boss.id}`)).status).toBe(404)
    expect((await boss.get('/auth/me')).body.account.role).toBe('admin')
  })

  it.each(attacks)('S91: goes when there is another one: who %s oneself', async (_, attack) => {
    const [boss, other] = [await admin(), await admin()]
    expect((await attack(boss, boss.id)).status).toBe(200)
    expect((await boss.get('/auth/me')).status).toBe(401)
    expect(told(await attack(other, other.id))).toEqual([409, 'last_admin_protected'])
    expect(await countAdmins()).toBe(1)
  })

  const pairs = attacks.flatMap(([one, first]) =>
    attacks
      .filter(([other]) => other === one || other === 'deletes')
      .map(([other, second]) => [one, other, first, second] as const),
  )
  it.each(pairs)(
    'S91: of two at the same moment, one %s the other, who %s the first: one 200, one 409, one admin left',
    async (_one, _other, first, second) => {
      const [a, b] = [await admin(), await admin()]
      const answers = await Promise.all([first(a, b.id), second(b, a.id)])
      expect(statusesOf(answers)).toEqual([200, 409])
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe('last_admin_protected')
      expect(await countAdmins()).toBe(1)
      expect(await count('audit_events', "event LIKE 'account.%ed' AND actor_id IN (?, ?)", a.id, b.id)).toBe(
        await count('audit_events', "event LIKE 'account.%ed' AND subject_id IN (?, ?)", a.id, b.id),
      )
    },
  )

  it('S91: whatever the last moment brings: the rival’s change comes just before the write', async () => {
    for (const [name, attack] of attacks) {
      await sql("UPDATE accounts SET status = 'suspended' WHERE role = 'admin'")
      const [a, b] = [await admin(), await admin()]
      beforeRoundTrip(3, () => sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", a.id))
      expect([name, ...told(await attack(a, b.id))]).toEqual([name, 409, 'last_admin_protected'])
      expect(await countAdmins()).toBe(1)
    }
  })

  it('S91: 20 attacks at once among five leave one at least, and nothing breaks', async () => {
    for (let round = 0; round < 2; round++) {
      await sql("UPDATE accounts SET status = 'suspended' WHERE role = 'admin'")
      const five = await Promise.all(Array.from({ length: 5 }, () => admin()))
      const all = five.flatMap((by) =>
        five.filter((other) => other !== by).map((other) => [by, other] as const),
      )
      expect(all).toHaveLength(20)
      const answers = await Promise.all(
        all.map(([by, { id }], index) => attacks[(index + round) % attacks.length]?.[1](by, id)),
      )
      const statuses = new Set(answers.map((answer) => answer?.status))
      expect([...statuses].filter((status) => ![200, 401, 404, 409].includes(status ?? 0))).toEqual([])
      const left = await countAdmins()
      expect(left).toBeGreaterThanOrEqual(1)
      const won = answers.filter((answer) => answer?.status === 200).length
      expect(won).toBeGreaterThanOrEqual(5 - left)
    }
  })

  it('S91: is not replaced by who cannot sign in: an open invitation, a suspended admin, no password', async () => {
    const boss = await admin()
    const email = uniqueEmail('next')
    const { id } = (await boss.post('/admin/accounts', { email, role: 'admin' })).body
    await insertAccount(uniqueEmail('bare'), { role: 'admin' })
    for (const [, attack] of attacks)
      expect(told(await attack(boss, boss.id))).toEqual([409, 'last_admin_protected'])
    await anonymous().post('/auth/password/reset', {
      token: await linkTokenFor(id),
      password: PASSWORD,
    })
    expect((await ATTACKS['demotes']?.(boss, boss.id))?.status).toBe(200)
  })
})

describe('S43, S92: a demotion', () => {
  it('S92: of an owner narrows an existing API token at once, and sessions end with it', async () => {
    const [boss, mike] = [await admin(), await mechanic()]
    const till = await program(mike, 'customers:read', 'tickets:read')
    expect((await till.get('/customers')).status).toBe(200)
    expect((await boss.patch(`/admin/accounts/${mike.id}`, { role: 'customer' })).status).toBe(200)
    expect(told(await till.get('/customers'))).toEqual([403, 'forbidden'])
    expect((await till.get('/service-tickets')).body.items).toEqual([])
    expect((await mike.get('/auth/me')).status).toBe(401)
    await boss.patch(`/admin/accounts/${mike.id}`, { status: 'suspended' })
    expect(told(await till.get('/service-tickets'))).toEqual([401, 'invalid_token'])
  })

  it('S43: that overlaps what the demoted admin does leaves nothing done', async () => {
    const john = await customer()
    await mechanic()
    const invited = uniqueEmail()
    const acts: [number, (by: Person) => Promise<Answer>][] = [
      [3, (by) => by.patch(`/admin/accounts/${john.id}`, { role: 'admin' })],
      [3, (by) => by.delete(`/admin/accounts/${john.id}`)],
      [3, (by) => by.post(`/admin/accounts/${john.id}/revoke-sessions`)],
      [4, (by) => by.post('/admin/accounts', { email: invited, role: 'admin' })],
    ]
    for (const [write, act] of acts) {
      const boss = await admin()
      beforeRoundTrip(write, () => sql("UPDATE accounts SET role = 'customer' WHERE id = ?", boss.id))
      expect(told(await act(boss))).toEqual([401, 'invalid_token'])
    }
    expect((await john.get('/auth/me')).body.account.role).toBe('customer')
    expect(await count('accounts', 'email = ?', invited)).toBe(0)
    expect(await count('outbox_messages', "template = 'invite' AND account_id IS NULL")).toBe(0)
  })

  it('a change that another admin makes meanwhile is decided anew, and the log says what was', async () => {
    const [boss, john] = [await admin(), await customer()]
    beforeRoundTrip(3, () => sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", john.id))
    const answer = await boss.patch(`/admin/accounts/${john.id}`, { role: 'admin' })
    expect([answer.status, answer.body.role, answer.body.status]).toEqual([200, 'admin', 'suspended'])
    beforeRoundTrip(3, () => sql("UPDATE accounts SET role = 'mechanic' WHERE id = ?", john.id))
    await boss.patch(`/admin/accounts/${john.id}`, { role: 'customer' })
    const { results } = await sql(
      'SELECT details FROM audit_events WHERE subject_id = ? AND actor_id = ?',
      john.id,
      boss.id,
    )
    expect(results.map(({ details }) => details)).toEqual([
      '{"from":"customer","to":"admin"}',
      '{"from":"mechanic","to":"customer"}',
    ])
  })

  it('20 times at once happens once', async () => {
    const [boss, john] = [await admin(), await customer()]
    const path = `/admin/accounts/${john.id}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => boss.patch(path, { role: 'mechanic' })),
    )
    expect(statusesOf(answers)).toEqual(Array(20).fill(200))
    for (const event of ['account.role_changed', 'mechanic.created', 'mechanic.tied'])
      expect(await count('audit_events', 'event = ? AND subject_id = ?', event, john.id)).toBe(1)
    expect(await count('mechanics', 'account_id = ?', john.id)).toBe(1)
  })
})

describe('invitations', () => {
  it('20 parallel uses of one link have one winner', async () => {
    const boss = await admin()
    const { id, email } = (await boss.post('/admin/accounts', { email: uniqueEmail(), role: 'admin' })).body
    const token = await linkTokenFor(id)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        anonymous().post('/auth/password/reset', { token, password: `torque-wrench-${nth}-nm` }),
      ),
    )
    const winner = answers.findIndex(({ status }) => status === 200)
    expect(statusesOf(answers)).toEqual([200, ...Array(19).fill(400)])
    expect((await signedIn(email, `torque-wrench-${winner}-nm`)).id).toBe(id)
    expect(await count('audit_events', "event = 'invitation.accepted' AND subject_id = ?", id)).toBe(1)
  })

  it('of one address at the same moment make one account, of which the newest link counts', async () => {
    const bosses = await Promise.all([admin(), admin()])
    const email = uniqueEmail('rush')
    const invitation = { email, role: 'mechanic' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, nth) => bosses[nth % 2]?.post('/admin/accounts', invitation)),
    )
    const made = answers.filter((answer) => answer?.status === 201)
    expect(made.length).toBeGreaterThanOrEqual(1)
    expect(answers.filter((answer) => ![201, 400, 409].includes(answer?.status ?? 0))).toEqual([])
    expect(await count('accounts', 'email = ?', email)).toBe(1)
    const id = made[0]?.body.id
    expect(await count('link_tokens', 'account_id = ?', id)).toBe(1)
    expect(await count('mechanics', 'account_id = ?', id)).toBe(1)
    expect(await count('outbox_messages', 'account_id = ?', id)).toBe(made.length)
  })

  it('again and again at the same moment leave one link, which works', async () => {
    const bosses = await Promise.all([admin(), admin()])
    const invitation = { email: uniqueEmail('again'), role: 'admin' }
    const { id } = (await bosses[0].post('/admin/accounts', invitation)).body
    passTime(61)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, nth) => bosses[nth % 2]?.post('/admin/accounts', invitation)),
    )
    expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([201]))
    expect(await count('link_tokens', 'account_id = ?', id)).toBe(1)
    const { results } = await sql('SELECT id FROM outbox_messages WHERE account_id = ? ORDER BY number', id)
    expect(results).toHaveLength(21)
    const token = await linkTokenFor(id)
    expect((await anonymous().post('/auth/password/reset', { token, password: PASSWORD })).status).toBe(200)
  })

  it('of one mechanic by 20 addresses at once tie one account, and leave nothing of the others', async () => {
    const bosses = await Promise.all([admin(), admin()])
    const { id } = (await bosses[0].post('/mechanics', { name: 'Crew', email: uniqueEmail() })).body
    const emails = Array.from({ length: 20 }, () => uniqueEmail('tie'))
    const answers = await Promise.all(
      emails.map((email, nth) =>
        bosses[nth % 2]?.post('/admin/accounts', { email, role: 'mechanic', mechanic_id: id }),
      ),
    )
    const won = answers.filter((answer) => answer?.status === 201)
    expect(won.map((answer) => answer?.body.mechanic_id)).toEqual([id])
    expect(answers.filter((answer) => answer?.body.code === 'mechanic_tied')).toHaveLength(19)
    expect(await count('accounts', 'email IN (SELECT value FROM json_each(?))', JSON.stringify(emails))).toBe(
      1,
    )
    expect(await count('outbox_messages', 'account_id = ?', won[0]?.body.id)).toBe(1)
  })

  it('of one person as two mechanics at once tie one of them, and break nothing', async () => {
    const boss = await admin()
    const email = uniqueEmail('two')
    // Made by the operator while another account had the mechanic of this address.
    const account = await insertAccount(email, { role: 'mechanic' })
    const [one, other] = await Promise.all(
      ['one', 'other'].map(
        async (name) => (await boss.post('/mechanics', { name, email: uniqueEmail() })).body.id,
      ),
    )
    beforeRoundTrip(4, () => sql('UPDATE mechanics SET account_id = ? WHERE id = ?', account, other))
    const answer = await boss.post('/admin/accounts', { email, role: 'mechanic', mechanic_id: one })
    expect([...told(answer), await count('mechanics', 'account_id = ?', account)]).toEqual([
      409,
      'mechanic_tied',
      1,
    ])
  })

  it('and registrations of one address: one of them gets it', async () => {
    const boss = await admin()
    for (let round = 0; round < 3; round++) {
      const person = registration()
      const [invited, registered] = await Promise.all([
        boss.post('/admin/accounts', { email: person.email.toUpperCase(), role: 'admin' }),
        anonymous().post('/customers', person),
      ])
      expect(statusesOf([invited, registered])).toEqual([201, 400])
      expect(await count('accounts', 'email_canonical = ?', person.email.toLowerCase())).toBe(1)
    }
  })

  it('that is accepted while another is sent is not sent again', async () => {
    const boss = await admin()
    const invitation = { email: uniqueEmail(), role: 'admin' }
    const { id } = (await boss.post('/admin/accounts', invitation)).body
    const token = await linkTokenFor(id)
    beforeRoundTrip(3, () => sql("UPDATE accounts SET password_hash = 'chosen' WHERE id = ?", id))
    expect(told(await boss.post('/admin/accounts', invitation))).toEqual([400, 'email_taken'])
    expect(await count('outbox_messages', 'account_id = ?', id)).toBe(1)
    expect(await linkTokenFor(id)).toBe(token)
  })

  it('that another admin changes meanwhile are refused for what has become of the account', async () => {
    const boss = await admin()
    const invitation = { email: uniqueEmail(), role: 'admin' }
    const { id } = (await boss.post('/admin/accounts', invitation)).body
    for (const [change, answer] of [
      ["UPDATE accounts SET role = 'customer' WHERE id = ?", [400, 'email_taken']],
      ["UPDATE accounts SET role = 'admin', status = 'suspended' WHERE id = ?", [400, 'email_taken']],
      ['DELETE FROM accounts WHERE id = ?', [503, 'unavailable']],
    ] as const) {
      await sql("UPDATE accounts SET role = 'admin', status = 'active' WHERE id = ?", id)
      beforeRoundTrip(3, () => sql(change, id))
      expect(told(await boss.post('/admin/accounts', invitation))).toEqual(answer)
    }
    expect(await count('outbox_messages', "template = 'invite' AND account_id IS NULL")).toBe(1)
  })

  it('give a link that sets a password and nothing else', async () => {
    const boss = await admin()
    const { id } = (await boss.post('/admin/accounts', { email: uniqueEmail(), role: 'admin' })).body
    const token = await linkTokenFor(id)
    expect((await caller(token).get('/auth/me')).status).toBe(401)
    const refreshed = await anonymous().post('/auth/refresh', { refresh_token: token })
    expect(refreshed.status).toBe(401)
    await boss.patch(`/admin/accounts/${id}`, { status: 'suspended' })
    expect((await anonymous().post('/auth/password/reset', { token, password: PASSWORD })).status).toBe(200)
    const { email } = (await boss.get(`/admin/accounts/${id}`)).body
    const signIn = await anonymous().post('/auth/login', { email, password: PASSWORD })
    expect(told(signIn)).toEqual([403, 'account_suspended'])
  })
})

describe('S88, S89: everybody else', () => {
  it('learns nothing of who there is, and changes nothing', async () => {
    const [boss, john, mike] = [await admin(), await customer(), await mechanic()]
    const before = (await sql('SELECT * FROM accounts ORDER BY id')).results
    for (const person of [john, mike, await program(boss, 'customers:read')]) {
      const ask = async (id: number) => {
        const path = `/admin/accounts/${id}`
        const answers = [
          await person.get(path),
          await person.patch(path, { role: 'admin' }),
          await person.delete(path),
          await person.post(`${path}/revoke-sessions`),
          await person.post('/admin/accounts', { email: boss.email, role: 'admin' }),
          await person.get('/admin/accounts?search=a'),
        ]
        return answers.map(({ status, body }) => ({ status, ...body, request_id: '' }))
      }
      const strangers = await ask(999_999)
      expect(new Set(strangers.map(({ status }) => status))).toEqual(new Set([403]))
      for (const { id } of [boss, john, mike]) expect(await ask(id)).toEqual(strangers)
    }
    expect((await sql('SELECT * FROM accounts ORDER BY id')).results).toEqual(before)
  })
})

describe('S93: an admin and other people’s passwords', () => {
  it('S93: none is set, taken along at an invitation, or shown; the person alone sets it, by a link', async () => {
    const [boss, john] = [await admin(), await customer()]
    const hashOf = async (id: number) =>
      (await sql('SELECT password_hash AS hash FROM accounts WHERE id = ?', id)).results[0]?.['hash']
    const before = await hashOf(john.id)
    const password = 'chosen-by-somebody-else-1'
    const tried = [
      await boss.patch(`/admin/accounts/${john.id}`, { password }),
      await boss.patch(`/admin/accounts/${john.id}`, { status: 'active', password_hash: before }),
      await boss.put(`/customers/${john.id}`, { password }),
      await boss.post('/admin/accounts', { email: uniqueEmail(), role: 'mechanic', password }),
    ]
    expect(tried.map(({ status }) => status)).toEqual([400, 400, 403, 400])
    expect(await hashOf(john.id)).toBe(before)
    const invited = await boss.post('/admin/accounts', { email: uniqueEmail(), role: 'mechanic' })
    expect([invited.status, await hashOf(invited.body.id)]).toEqual([201, null])
    const shown = await boss.get(`/admin/accounts/${john.id}`)
    for (const { text } of [shown, invited]) expect(text).not.toMatch(/pbkdf2|token|hash/i)
  })

  it('S93: what an admin does to somebody stands in the log under both', async () => {
    const [boss, john] = [await admin(), await customer()]
    await boss.patch(`/admin/accounts/${john.id}`, { status: 'suspended' })
    const { results } = await sql(
      "SELECT actor_id, subject_id FROM audit_events WHERE event = 'account.status_changed' AND subject_id = ?",
      john.id,
    )
    expect(results).toEqual([{ actor_id: boss.id, subject_id: john.id }])
  })
})
