/** /admin/accounts: listing, inviting, role and status, ending sessions, deleting; and whose mechanic an account is. */
import { beforeAll, describe, expect, it } from 'vitest'
import { INVITATION_SECONDS } from '../../src/admin/invite.ts'
import { INVITATIONS_PER_MINUTE } from '../../src/limits/policy.ts'
import {
  admin,
  anonymous,
  customer,
  insertAccount,
  issueLinkToken,
  mechanic,
  PASSWORD,
  type Person,
  program,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { linkTokenFor } from '../support/link-mail.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

let boss: Person
let john: Person

beforeAll(async () => {
  ;[boss, john] = await Promise.all([admin(), customer()])
})

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .all<Record<string, unknown>>()

const eventsAbout = async (id: number, by = boss) =>
  (
    await sql(
      'SELECT event, details FROM audit_events WHERE subject_id = ? AND actor_id = ? ORDER BY id',
      id,
      by.id,
    )
  ).results.map(({ event, details }) => [event, JSON.parse(String(details))])

const one = async (id: number) => (await boss.get(`/admin/accounts/${id}`)).body
const accept = (token: string, password = PASSWORD) =>
  anonymous().post('/auth/password/reset', { token, password })
const mechanicRow = async (id: number) => (await sql('SELECT * FROM mechanics WHERE id = ?', id)).results[0]

describe('listing', () => {
  const MARK = 'Zyx%_'
  let ids: number[] = []

  beforeAll(async () => {
    for (const [email, role, status] of [
      ['c@list.test', 'customer', 'active'],
      ['A@list.test', 'mechanic', 'active'],
      ['b@list.test', 'admin', 'suspended'],
    ] as const) {
      ids.push(await insertAccount(email, { role, status }))
    }
    ids = ids.toSorted((a, b) => a - b)
    await sql("UPDATE accounts SET last_name = ? WHERE email LIKE '%@list.test'", MARK)
  })

  const found = async (query: string) => {
    const { status, body, text } = await boss.get(`/admin/accounts?${query}`)
    expect(status, text).toBe(200)
    return body.items.map(({ id }: { id: number }) => ids.indexOf(id))
  }
  const marked = `search=${encodeURIComponent(MARK)}`

  it('shows role, status, whether an invitation is open, and no more', async () => {
    const { items } = (await boss.get(`/admin/accounts?${marked}&limit=1`)).body
    expect(items).toEqual([
      {
        id: ids[0],
        first_name: 'Noor',
        last_name: MARK,
        email: 'c@list.test',
        phone_number: null,
        role: 'customer',
        status: 'active',
        email_verified: false,
        invited: true,
        mechanic_id: null,
        created_at: '1970-01-01T00:00:01.000Z',
      },
    ])
    expect((await boss.get(`/admin/accounts/${ids[0]}`)).body).toEqual(items[0])
  })

  it('filters by role, status and literal text, alone and together', async () => {
    expect(await found(marked)).toEqual([0, 1, 2])
    expect(await found(`${marked}&role=mechanic`)).toEqual([1])
    expect(await found(`${marked}&status=suspended`)).toEqual([2])
    expect(await found(`${marked}&status=active&sort_by=email`)).toEqual([1, 0])
    expect(await found(`${marked}&status=suspended&role=admin`)).toEqual([2])
    expect(await found('search=@LIST.')).toEqual([0, 1, 2])
    expect(await found('search=%25@list')).toEqual([])
    expect(await found(`search=${'_'.repeat(100)}`)).toEqual([])
  })

  it('sorts by id, e-mail and age, both ways, and goes on by cursor in the same order', async () => {
    for (const [sortBy, expected] of [
      ['id', [0, 1, 2]],
      ['email', [1, 2, 0]],
      ['created_at', [0, 1, 2]],
    ] as const) {
      expect(await found(`${marked}&sort_by=${sortBy}`)).toEqual(expected)
      for (const order of ['asc', 'desc']) {
        const pages: number[] = []
        let cursor = ''
        do {
          const query = `${marked}&sort_by=${sortBy}&order=${order}&limit=1${cursor}`
          const { body } = await boss.get(`/admin/accounts?${query}`)
          pages.push(...body.items.map(({ id }: { id: number }) => ids.indexOf(id)))
          cursor = body.next_cursor && `&cursor=${body.next_cursor}`
        } while (cursor)
        expect([sortBy, order, pages]).toEqual([
          sortBy,
          order,
          order === 'asc' ? expected : expected.toReversed(),
        ])
      }
    }
  })

  it('S94, S105: refuses what is no filter, order, size or cursor, and a cursor of another list or order', async () => {
    const { next_cursor: cursor } = (await boss.get('/admin/accounts?limit=1')).body
    const { next_cursor: byEmail } = (await boss.get('/admin/accounts?limit=1&sort_by=email')).body
    for (const query of [
      'sort_by=password_hash',
      'sort_by=(CASE WHEN 1 THEN id END)',
      'order=asc;--',
      'limit=1e9',
      'limit=0',
      'limit=101',
      'role=owner',
      'status=deleted',
      `search=${'x'.repeat(101)}`,
      'search=%00',
      'cursor=garbage',
      `cursor=${cursor}x`,
      `cursor=${cursor}&sort_by=email`,
      `cursor=${cursor}&order=desc`,
      `cursor=${byEmail}&sort_by=email&order=desc`,
    ]) {
      expect([query, (await boss.get(`/admin/accounts?${query}`)).status]).toEqual([query, 400])
    }
    expect((await boss.get(`/mechanics?cursor=${cursor}`)).status).toBe(400)
    expect((await boss.get('/admin/accounts?sort_by=x')).body.code).toBe('sort_field_invalid')
  })

  it('a list by e-mail ends in a refusal, not in silence, when the account of its cursor has gone', async () => {
    const id = await insertAccount('0a@list.test')
    const { body } = await boss.get('/admin/accounts?limit=1&sort_by=email&search=list.test')
    expect([body.items[0].id, typeof body.next_cursor]).toEqual([id, 'string'])
    await sql('DELETE FROM accounts WHERE id = ?', id)
    const next = await boss.get(`/admin/accounts?limit=1&sort_by=email&cursor=${body.next_cursor}`)
    expect([next.status, next.body.errors]).toEqual([400, { cursor: ['Not a valid cursor.'] }])
  })

  it('an id that is nobody is 404, for a change before its body is looked at', async () => {
    for (const id of ['999999', '9007199254740993']) {
      const path = `/admin/accounts/${id}`
      for (const answer of [
        await boss.get(path),
        await boss.patch(path, { role: 'nobody' }),
        await boss.delete(path),
        await boss.post(`${path}/revoke-sessions`),
      ])
        expect([answer.status, answer.body.code]).toEqual([404, 'account_not_found'])
    }
    for (const id of ['0', '-1', '1.5', 'me']) {
      expect((await boss.get(`/admin/accounts/${id}`)).body.code).toBe('not_found')
    }
  })

  it('a program reads by the scope accounts:admin, and changes nothing', async () => {
    const reader = await program(boss, 'accounts:admin')
    const path = `/admin/accounts/${john.id}`
    expect((await reader.get('/admin/accounts')).status).toBe(200)
    expect((await reader.get(path)).body.id).toBe(john.id)
    for (const answer of [
      await reader.post('/admin/accounts', { email: uniqueEmail(), role: 'admin' }),
      await reader.patch(path, { role: 'admin' }),
      await reader.delete(path),
      await reader.post(`${path}/revoke-sessions`),
    ])
      expect([answer.status, answer.body.code]).toEqual([403, 'session_required'])
    expect((await one(john.id)).role).toBe('customer')
  })
})

describe('inviting', () => {
  it('makes an account without a password and sends a link that no answer, table or log line tells', async () => {
    const email = uniqueEmail('Nadia')
    const answer = await boss.post('/admin/accounts', { email, role: 'admin' })
    const { id } = answer.body
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id,
        first_name: 'Shop',
        last_name: 'Admin',
        email,
        phone_number: null,
        role: 'admin',
        status: 'active',
        email_verified: false,
        invited: true,
        mechanic_id: null,
        created_at: answer.body.created_at,
      },
    ])
    const token = await linkTokenFor(id)
    expect(token).toMatch(/^[\w-]{43}$/)
    const link = (await sql('SELECT * FROM link_tokens WHERE account_id = ?', id)).results[0]
    expect(link).toMatchObject({ purpose: 'invitation', email_canonical: email.toLowerCase() })
    expect(Number(link?.['expires_at']) - Number(link?.['created_at'])).toBe(INVITATION_SECONDS)
    const held = JSON.stringify([link, (await sql('SELECT * FROM outbox_messages')).results])
    for (const told of [answer.text, held, logLines.join()]) expect(told).not.toContain(token)
    expect(await eventsAbout(id)).toEqual([['account.invited', { role: 'admin', again: false }]])

    expect((await accept(token)).status).toBe(200)
    const nadia = await signedIn(email, PASSWORD)
    expect((await nadia.get('/admin/accounts')).status).toBe(200)
    expect(await one(id)).toMatchObject({ invited: false, email_verified: true })
    const { results } = await sql('SELECT event FROM audit_events WHERE actor_id = ? ORDER BY id', id)
    expect(results[0]).toEqual({ event: 'invitation.accepted' })
  })

  it('takes names and phone, and answers all faults at once', async () => {
    const person = { first_name: 'Maria', last_name: 'Keller', phone_number: '555-0145' }
    const { body } = await boss.post('/admin/accounts/', {
      ...person,
      email: uniqueEmail(),
      role: 'mechanic',
    })
    expect(body).toMatchObject(person)
    const refused = await boss.post('/admin/accounts', { role: 'customer', status: 'active', first_name: '' })
    expect([refused.status, refused.body.errors]).toEqual([
      400,
      {
        email: ['Missing data for required field.'],
        role: ['Must be one of: mechanic, admin.'],
        first_name: ['Length must be between 1 and 100.'],
        status: ['Unknown field.'],
      },
    ])
    const forAdmin = await boss.post('/admin/accounts', {
      email: uniqueEmail(),
      role: 'admin',
      mechanic_id: 1,
    })
    expect(forAdmin.body.errors).toEqual({ mechanic_id: ['Only for the role mechanic.'] })
  })

  it('again sends another link, of which only the newest counts, and takes corrected names', async () => {
    const email = uniqueEmail('sam')
    const first = (await boss.post('/admin/accounts', { email, role: 'mechanic' })).body
    const old = await linkTokenFor(first.id)
    const again = await boss.post('/admin/accounts', {
      email: email.toUpperCase(),
      role: 'mechanic',
      first_name: 'Sam',
      phone_number: '555-0188',
    })
    expect([again.status, again.body]).toEqual([
      201,
      { ...first, first_name: 'Sam', phone_number: '555-0188' },
    ])
    const newest = await linkTokenFor(first.id)
    expect((await accept(old)).body.code).toBe('link_token_invalid')
    expect((await accept(newest)).status).toBe(200)
    expect((await eventsAbout(first.id)).filter(([event]) => event === 'account.invited')).toEqual([
      ['account.invited', { role: 'mechanic', again: false }],
      ['account.invited', { role: 'mechanic', again: true }],
    ])
    const late = await boss.post('/admin/accounts', { email, role: 'mechanic' })
    expect([late.status, late.body.code]).toEqual([400, 'email_taken'])
  })

  it('refuses an address that an account has, however it is spelled, and says which', async () => {
    passTime(61)
    const idn = await boss.post('/admin/accounts', { email: 'ana@bücher.example', role: 'admin' })
    for (const [email, holder] of [
      [john.email.toUpperCase(), john.id],
      ['ANA@xn--bcher-kva.EXAMPLE', idn.body.id],
    ] as const) {
      const answer = await boss.post('/admin/accounts', { email, role: 'mechanic' })
      expect([answer.status, answer.body.code, answer.body.detail.includes(`Account ${holder} `)]).toEqual([
        400,
        'email_taken',
        true,
      ])
    }
    await boss.patch(`/admin/accounts/${idn.body.id}`, { status: 'suspended' })
    const suspended = await boss.post('/admin/accounts', { email: 'ana@bücher.example', role: 'admin' })
    expect(suspended.body.code).toBe('email_taken')
  })

  it('a stranger who asks for a reset takes the invitation from nobody', async () => {
    const email = uniqueEmail()
    const { id } = (await (await admin()).post('/admin/accounts', { email, role: 'admin' })).body
    const token = await linkTokenFor(id)
    expect((await anonymous().post('/auth/password/forgot', { email })).status).toBe(202)
    expect((await accept(token)).status).toBe(200)
  })

  it('a link dies after 72 hours, with a changed address, and with the account', async () => {
    const invite = async () => {
      const email = uniqueEmail()
      const { id } = (await (await admin()).post('/admin/accounts', { email, role: 'admin' })).body
      return { id, email, token: await linkTokenFor(id) }
    }
    const [moved, gone, late] = [await invite(), await invite(), await invite()]
    await sql("UPDATE accounts SET email_canonical = 'x' || email_canonical WHERE id = ?", moved.id)
    expect((await accept(moved.token)).body.code).toBe('link_token_invalid')
    await sql('UPDATE accounts SET email_canonical = substr(email_canonical, 2) WHERE id = ?', moved.id)
    expect((await accept(moved.token)).status).toBe(200)
    boss = await admin()
    expect((await boss.delete(`/admin/accounts/${gone.id}`)).status).toBe(200)
    expect((await accept(gone.token)).body.code).toBe('link_token_invalid')
    const anew = await boss.post('/admin/accounts', { email: gone.email, role: 'admin' })
    expect([anew.status, anew.body.id > gone.id]).toEqual([201, true])
    expect((await accept(gone.token)).body.code).toBe('link_token_invalid')
    expect((await accept(await linkTokenFor(anew.body.id))).status).toBe(200)
    passTime(INVITATION_SECONDS)
    expect((await accept(late.token)).body.code).toBe('link_token_invalid')
    // Nor does it live on as a password that was never chosen and now is forgotten.
    expect((await anonymous().post('/auth/password/forgot', { email: late.email })).status).toBe(202)
    expect((await sql('SELECT purpose FROM link_tokens WHERE account_id = ?', late.id)).results).toEqual([
      { purpose: 'invitation' },
    ])
    boss = await admin()
  })

  it('S104: one admin invites ten a minute, from whatever address, and others are not held up', async () => {
    const eager = await admin()
    const headers = (n: number) => ({ 'CF-Connecting-IP': `10.9.8.${n}` })
    for (let sent = 0; sent < INVITATIONS_PER_MINUTE; sent++) {
      const invitation = { email: uniqueEmail(), role: 'admin' }
      const { status, headers: told } = await eager.post('/admin/accounts', invitation, headers(sent))
      expect([status, told.get('ratelimit')?.replace(/;t=.*/, '')]).toEqual([
        201,
        `"invite";r=${INVITATIONS_PER_MINUTE - sent - 1}`,
      ])
    }
    const invitation = { email: uniqueEmail(), role: 'admin' }
    const refused = await eager.post('/admin/accounts', invitation, headers(99))
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect((await sql('SELECT id FROM accounts WHERE email = ?', invitation.email)).results).toEqual([])
    expect((await boss.post('/admin/accounts', invitation)).status).toBe(201)
    passTime(61)
    expect((await eager.post('/admin/accounts', { ...invitation, email: uniqueEmail() })).status).toBe(201)
  })
})

describe('whose mechanic an account is', () => {
  const newMechanic = async (email = uniqueEmail('crew')) =>
    (await boss.post('/mechanics', { name: 'Crew', email, salary: 50_000 })).body
  const invite = (fields: object) => boss.post('/admin/accounts', { role: 'mechanic', ...fields })

  it('an invited mechanic is a new one of the shop, the one with the address, or the one that is named', async () => {
    const fresh = await invite({
      email: uniqueEmail(),
      first_name: 'Nia',
      last_name: 'Obi',
      phone_number: '1',
    })
    expect(await mechanicRow(fresh.body.mechanic_id)).toMatchObject({
      name: 'Nia Obi',
      email: fresh.body.email,
      phone: '1',
      salary_cents: null,
      account_id: fresh.body.id,
    })
    expect(await eventsAbout(fresh.body.id)).toEqual([
      ['account.invited', { role: 'mechanic', again: false }],
      ['mechanic.created', { mechanic_id: fresh.body.mechanic_id }],
      ['mechanic.tied', { mechanic_id: fresh.body.mechanic_id }],
    ])
    const known = await newMechanic()
    const byAddress = await invite({ email: known.email.toUpperCase() })
    expect([byAddress.status, byAddress.body.mechanic_id]).toEqual([201, known.id])
    expect(await mechanicRow(known.id)).toMatchObject({ name: 'Crew', salary_cents: 5_000_000 })
    const named = await newMechanic()
    const byId = await invite({ email: uniqueEmail(), mechanic_id: named.id })
    expect([byId.status, byId.body.mechanic_id]).toEqual([201, named.id])
  })

  it('nobody is two: a mechanic with an account is 409, one who is not there 400, and nothing is left behind', async () => {
    const taken = await newMechanic()
    const owner = (await invite({ email: uniqueEmail(), mechanic_id: taken.id })).body
    const before = (await sql('SELECT count(*) AS n FROM accounts')).results[0]
    for (const [fields, code] of [
      [{ email: uniqueEmail(), mechanic_id: taken.id }, 'mechanic_tied'],
      [{ email: taken.email }, 'mechanic_tied'],
      [{ email: uniqueEmail(), mechanic_id: 999_999 }, 'mechanic_unknown'],
      [{ email: owner.email, mechanic_id: 999_999 }, 'mechanic_tied'],
    ] as const)
      expect((await invite(fields)).body.code).toBe(code)
    expect((await sql('SELECT count(*) AS n FROM accounts')).results[0]).toEqual(before)
  })

  it('the mechanic stays while there is an account, and is let go by another role or its deletion', async () => {
    passTime(61)
    const first = (await invite({ email: uniqueEmail() })).body
    const second = (await invite({ email: uniqueEmail() })).body
    for (const { id, mechanic_id } of [first, second]) {
      const kept = await boss.delete(`/mechanics/${mechanic_id}`)
      expect([kept.status, kept.body.code]).toEqual([409, 'mechanic_tied'])
      expect((await mechanicRow(mechanic_id))?.['account_id']).toBe(id)
    }
    expect((await boss.patch(`/admin/accounts/${first.id}`, { role: 'admin' })).body.mechanic_id).toBeNull()
    expect((await boss.delete(`/admin/accounts/${second.id}`)).status).toBe(200)
    for (const { mechanic_id } of [first, second])
      expect((await boss.delete(`/mechanics/${mechanic_id}`)).status).toBe(200)
  })

  it('whoever becomes a mechanic is tied like one who is invited', async () => {
    const person = await customer()
    const promoted = await boss.patch(`/admin/accounts/${person.id}`, { role: 'mechanic' })
    const { mechanic_id } = promoted.body
    expect([promoted.status, promoted.body.role]).toEqual([200, 'mechanic'])
    expect(await mechanicRow(mechanic_id)).toMatchObject({ name: 'Vera Lindqvist', account_id: person.id })
    await boss.patch(`/admin/accounts/${person.id}`, { role: 'customer' })
    const back = await boss.patch(`/admin/accounts/${person.id}`, { role: 'mechanic' })
    expect(back.body.mechanic_id).toBe(mechanic_id)
    const other = await customer()
    await sql('UPDATE mechanics SET email_canonical = ? WHERE id = ?', other.email.toLowerCase(), mechanic_id)
    const refused = await boss.patch(`/admin/accounts/${other.id}`, { role: 'mechanic' })
    expect([refused.status, refused.body.code, (await one(other.id)).role]).toEqual([
      409,
      'mechanic_tied',
      'customer',
    ])
  })
})

describe('role and status', () => {
  it('change together or alone, with from and to in the log, and what is so already changes nothing', async () => {
    const person = await customer()
    const path = `/admin/accounts/${person.id}`
    const both = await boss.patch(path, { role: 'admin', status: 'suspended' })
    expect([both.status, both.body.role, both.body.status]).toEqual([200, 'admin', 'suspended'])
    expect((await boss.patch(path, { role: 'admin' })).body).toEqual(both.body)
    expect((await boss.patch(path, { status: 'active' })).body.status).toBe('active')
    expect(await eventsAbout(person.id)).toEqual([
      ['account.role_changed', { from: 'customer', to: 'admin' }],
      ['account.status_changed', { from: 'active', to: 'suspended' }],
      ['account.status_changed', { from: 'suspended', to: 'active' }],
    ])
    expect((await boss.patch(path, {})).body.code).toBe('input_missing')
    for (const field of ['password', 'email', 'id', 'password_hash', 'current_password'])
      expect((await boss.patch(path, { role: 'customer', [field]: 'x' })).body.errors).toEqual({
        [field]: ['Unknown field.'],
      })
  })

  it('a suspended person is told so at the sign-in, and comes back when it is lifted', async () => {
    const person = await mechanic()
    await boss.patch(`/admin/accounts/${person.id}`, { status: 'suspended' })
    expect((await person.get('/auth/me')).status).toBe(401)
    const credentials = { email: person.email, password: person.password }
    expect((await anonymous().post('/auth/login', credentials)).body.code).toBe('account_suspended')
    await boss.patch(`/admin/accounts/${person.id}`, { status: 'active' })
    expect((await person.get('/auth/me')).status).toBe(401)
    expect((await anonymous().post('/auth/login', credentials)).status).toBe(200)
  })

  it('inviting, changing and deleting need a recent sign-in; signing others out and looking do not', async () => {
    const stale = await withSettings({ FRESH_AUTH_SECONDS: '0' })
    const by = { Authorization: `Bearer ${boss.token}` }
    const path = `/admin/accounts/${john.id}`
    for (const answer of [
      await stale('POST', '/admin/accounts', { email: uniqueEmail(), role: 'admin' }, by),
      await stale('PATCH', path, { role: 'admin' }, by),
      await stale('DELETE', path, undefined, by),
    ])
      expect([answer.status, answer.body.code, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'reauthentication_required',
        'Bearer realm="mechanic-shop", error="insufficient_user_authentication", max_age=0',
      ])
    expect((await stale('GET', path, undefined, by)).status).toBe(200)
    expect((await stale('POST', `${path}/revoke-sessions`, undefined, by)).status).toBe(200)
    john = await signedIn(john.email, john.password)
    expect((await one(john.id)).role).toBe('customer')
  })
})

describe('ending sessions and deleting', () => {
  it('ends every session of an account, tells how many, and leaves API tokens', async () => {
    const person = await customer()
    const till = await program(person, 'profile:read')
    const second = await signedIn(person.email, person.password)
    const path = `/admin/accounts/${person.id}/revoke-sessions`
    expect((await boss.post(path)).body).toEqual({ message: 'Sessions ended', revoked: 2 })
    for (const session of [person, second]) expect((await session.get('/auth/me')).status).toBe(401)
    expect((await till.get('/auth/me')).status).toBe(200)
    expect((await boss.post(path)).body.revoked).toBe(0)
    expect(await eventsAbout(person.id)).toEqual([['session.ended', { by: 'admin', ended: 'all' }]])
  })

  it('ends the own sessions too, this one with them', async () => {
    const self = await admin()
    expect((await self.post(`/admin/accounts/${self.id}/revoke-sessions`)).body.revoked).toBe(1)
    expect((await self.get('/auth/me')).status).toBe(401)
  })

  it('deletes an account of whatever role, once, and the shop keeps its tickets', async () => {
    const [person, worker] = [await customer(), await mechanic()]
    const ticket = (
      await boss.post('/service-tickets', {
        customer_id: person.id,
        description: 'Oil',
        service_date: '2026-01-15',
      })
    ).body
    for (const [{ id, token }, role] of [
      [person, 'customer'],
      [worker, 'mechanic'],
    ] as const) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => boss.delete(`/admin/accounts/${id}`)),
      )
      const won = answers.filter(({ status }) => status === 200)
      expect(won.map(({ body }) => body)).toEqual([{ message: 'Account deleted successfully' }])
      expect(answers.filter(({ status }) => status === 404)).toHaveLength(19)
      const after = await anonymous().get('/auth/me', { Authorization: `Bearer ${token}` })
      expect([after.status, after.body.code]).toEqual([401, 'invalid_customer'])
      expect(await eventsAbout(id)).toEqual([
        ...(role === 'customer' ? [['ticket.created', { ticket_id: ticket.id }]] : []),
        ['account.deleted', { role }],
      ])
    }
    expect((await boss.get(`/service-tickets/${ticket.id}`)).body.customer_id).toBeNull()
  })

  it('a link of the operator’s still sets the first password of an account', async () => {
    const email = uniqueEmail('operator')
    await insertAccount(email, { role: 'admin' })
    expect((await accept(await issueLinkToken(email))).status).toBe(200)
  })
})

it('every answer of this file is documented for its operation', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
