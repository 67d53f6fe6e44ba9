/** /auth/export: everything held about oneself, nothing of anybody else, and no secret. */
import { exports } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PersonalData } from '../../src/personal-data/schemas.ts'
import { PAGE_ROWS } from '../../src/personal-data/sections.ts'
import { enrol, type Guarded, signInWithCode } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  mechanic,
  ORIGIN,
  type Person,
  program,
  registration,
  send,
} from '../support/client.ts'
import { mailTo } from '../support/mail-provider.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { beforeRoundTrip, bindingsOf, d1, logLines, passTime } from '../support/production-limits.ts'
import { enrolNumber, type WithNumber } from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

const EXPORT = '/auth/export'
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const PLACE = { country: 'DE', city: 'Leipzig', asOrganization: 'Example Telecom' }
const JOHN = { first_name: 'Johannes', last_name: 'Okonjo', phone_number: '555-0171' }
const MARIA = { name: 'Maria Keller', email: 'Maria@shop.example', phone: '555-0145', salary: 52_000.5 }
const FROM_JOHN = { 'User-Agent': FIREFOX }
const FROM_JANE = { 'User-Agent': 'Kitchen radio of Jane' }
const FROM_MIKE = { 'User-Agent': 'Tablet of the workshop' }
const FROM_BOSS = { 'User-Agent': 'Office computer of the boss' }
const FROM_STRANGER = { 'User-Agent': 'Script of a stranger' }

let john: Person
let jane: Person
let mike: Person
let boss: Person
let ticketId = 0
let answer: Answer
/** What John got, and Mike, who is a mechanic of the shop. */
let held: PersonalData
let heldOfMike: PersonalData
let guardedMike: Guarded & WithNumber

const none = (): never => {
  throw new Error('nothing there')
}

const rowsOf = async (sql: string, ...values: unknown[]) =>
  (
    await testEnv.DB.prepare(sql)
      .bind(...values)
      .all<Record<string, unknown>>()
  ).results

/** Registers and signs in, as a browser does, from a place. */
async function arrive(
  person: ReturnType<typeof registration>,
  from: Record<string, string>,
): Promise<Person> {
  const { address, post } = caller()
  await post('/customers', person, from)
  const credentials = { email: person.email, password: person.password }
  const signIn = await send(
    new Request(`${ORIGIN}/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address, ...from },
      body: JSON.stringify(credentials),
      cf: PLACE,
    }),
  )
  const { token, refresh_token: refreshToken, account } = signIn.body
  return { ...caller(token, address), id: account.id, ...credentials, token, refreshToken }
}

beforeAll(async () => {
  const { email } = registration()
  john = await arrive(registration({ ...JOHN, email: `John.${email}` }), FROM_JOHN)
  jane = await arrive(registration({ first_name: 'Janetta', last_name: 'Quist' }), FROM_JANE)
  ;[mike, boss] = [await mechanic(), await admin()]
  const mechanicId = (await boss.post('/mechanics', MARIA, FROM_BOSS)).body.id
  const pads = { name: 'Brake pads', price: 49.9, quantity: 4 }
  const itemId = (await boss.post('/inventory', pads, FROM_BOSS)).body.id
  for (const [customerId, description] of [
    [john.id, 'Clutch slips'],
    [jane.id, 'Jane hears a noise'],
  ]) {
    const ticket = {
      customer_id: customerId,
      description,
      service_date: '2026-01-15',
      vin: 'WBA3A5C50CF256651',
    }
    const { id } = (await mike.post('/service-tickets', { ...ticket, mechanic_ids: [mechanicId] }, FROM_MIKE))
      .body
    await mike.post(`/service-tickets/${id}/inventory`, { inventory_id: itemId }, FROM_MIKE)
    if (customerId === john.id) ticketId = id
  }
  await rowsOf('UPDATE mechanics SET account_id = ? WHERE id = ?', mike.id, mechanicId)
  for (const person of [john, jane]) {
    const from = person === john ? FROM_JOHN : FROM_JANE
    const [device] = (await person.get('/auth/devices')).body.items
    await person.patch(`/auth/devices/${device.id}`, { name: `Device of ${person.email}` }, from)
    await person.post('/auth/refresh', { refresh_token: person.refreshToken }, from)
    const till = await program(person, 'profile:read', 'tickets:read')
    await till.get('/customers/my-tickets')
    await person.get(`/customers/${boss.id}`, from)
    await boss.put(`/customers/${person.id}`, { last_name: `${person.id}-Renamed` }, FROM_BOSS)
    await anonymous().post('/auth/login', { email: person.email, password: 'not-this-one' }, FROM_STRANGER)
    await anonymous().post('/auth/password/forgot', { email: person.email }, FROM_STRANGER)
    await mailTo(person.email)
  }
  answer = await john.get(EXPORT, FROM_JOHN)
  held = answer.body
  guardedMike = await enrolNumber(await enrol(mike))
  heldOfMike = (await mike.get(EXPORT, FROM_MIKE)).body
}, 60_000)

afterEach(() => {
  d1.before = undefined
})

/** Where each column of what is held about a person is shown. */
const EXPORTED: Record<string, string> = {
  'accounts.id': 'profile.id',
  'accounts.role': 'profile.role',
  'accounts.status': 'profile.status',
  'accounts.email': 'profile.email',
  'accounts.email_verified_at': 'profile.email_verified_at',
  'accounts.verified_email': 'profile.verified_email',
  'accounts.first_name': 'profile.first_name',
  'accounts.last_name': 'profile.last_name',
  'accounts.phone_number': 'profile.phone_number',
  'accounts.password_changed_at': 'profile.password_changed_at',
  'accounts.created_at': 'profile.created_at',
  'accounts.updated_at': 'profile.updated_at',
  'sessions.id': 'sessions.id',
  'sessions.created_at': 'sessions.created_at',
  'sessions.authenticated_at': 'sessions.authenticated_at',
  'sessions.expires_at': 'sessions.expires_at',
  'sessions.refresh_counter': 'sessions.refreshed',
  'sessions.rotated_at': 'sessions.refreshed_at',
  'sessions.last_seen_at': 'sessions.last_seen_at',
  'sessions.address': 'sessions.ip',
  'sessions.user_agent': 'sessions.user_agent',
  'sessions.country': 'sessions.country',
  'sessions.city': 'sessions.city',
  'sessions.methods': 'sessions.methods',
  'sessions.device_id': 'sessions.device_id',
  'devices.id': 'devices.id',
  'devices.name': 'devices.name',
  'devices.browser': 'devices.browser',
  'devices.os': 'devices.os',
  'devices.address': 'devices.ip',
  'devices.country': 'devices.country',
  'devices.city': 'devices.city',
  'devices.network': 'devices.network',
  'devices.first_seen_at': 'devices.first_seen_at',
  'devices.last_seen_at': 'devices.last_seen_at',
  'devices.trusted_until': 'devices.trusted_until',
  'factors.id': 'factors.id',
  'factors.method': 'factors.method',
  'factors.created_at': 'factors.offered_at',
  'factors.confirmed_at': 'factors.confirmed_at',
  'factors.secret': 'factors.phone_number',
  'factors.last_step': 'factors.last_code_of',
  'recovery_codes.created_at': 'recovery_codes.created_at',
  'account_countries.country': 'countries.country',
  'account_countries.first_seen_at': 'countries.first_seen_at',
  'api_tokens.id': 'api_tokens.id',
  'api_tokens.name': 'api_tokens.name',
  'api_tokens.scopes': 'api_tokens.scopes',
  'api_tokens.created_at': 'api_tokens.created_at',
  'api_tokens.expires_at': 'api_tokens.expires_at',
  'api_tokens.last_used_at': 'api_tokens.last_used_at',
  'link_tokens.purpose': 'links.purpose',
  'link_tokens.email_canonical': 'links.email',
  'link_tokens.created_at': 'links.created_at',
  'link_tokens.expires_at': 'links.expires_at',
  'mail_links.purpose': 'mail_links.purpose',
  'mail_links.email': 'mail_links.email',
  'mail_links.verified_at': 'mail_links.verified_at',
  'mail_links.created_at': 'mail_links.created_at',
  'mail_links.expires_at': 'mail_links.expires_at',
  'throttles.key': 'failure_counts.counted_on',
  'throttles.failures': 'failure_counts.failures',
  'throttles.failed_at': 'failure_counts.last_failed_at',
  'service_tickets.id': 'tickets.id',
  'service_tickets.customer_id': 'tickets.customer_id',
  'service_tickets.description': 'tickets.description',
  'service_tickets.service_at': 'tickets.service_date',
  'service_tickets.status': 'tickets.status',
  'service_tickets.vin': 'tickets.vin',
  'service_tickets.created_at': 'tickets.created_at',
  'service_tickets.updated_at': 'tickets.updated_at',
  'service_mechanics.ticket_id': 'tickets.mechanics',
  'service_mechanics.mechanic_id': 'tickets.mechanics.id',
  'mechanics.id': 'mechanic.id',
  'mechanics.name': 'mechanic.name',
  'mechanics.email': 'mechanic.email',
  'mechanics.phone': 'mechanic.phone',
  'mechanics.salary_cents': 'mechanic.salary',
  'mechanics.created_at': 'mechanic.created_at',
  'mechanics.updated_at': 'mechanic.updated_at',
  'service_inventory.ticket_id': 'tickets.parts',
  'service_inventory.inventory_id': 'tickets.parts.id',
  'service_inventory.name': 'tickets.parts.name',
  'service_inventory.price_cents': 'tickets.parts.price',
  'service_inventory.quantity': 'tickets.parts.quantity',
  'outbox_messages.id': 'messages.id',
  'outbox_messages.channel': 'messages.channel',
  'outbox_messages.template': 'messages.template',
  'outbox_messages.account_id': 'messages.account_id',
  'outbox_messages.status': 'messages.status',
  'outbox_messages.attempts': 'messages.attempts',
  'outbox_messages.next_attempt_at': 'messages.next_attempt_at',
  'outbox_messages.created_at': 'messages.created_at',
  'outbox_messages.expires_at': 'messages.expires_at',
  'outbox_messages.sent_at': 'messages.sent_at',
  'audit_events.event_id': 'events.id',
  'audit_events.occurred_at': 'events.time',
  'audit_events.event': 'events.event',
  'audit_events.outcome': 'events.outcome',
  'audit_events.reason': 'events.reason',
  'audit_events.actor_id': 'events.by',
  'audit_events.subject_id': 'events.about',
  'audit_events.session_id': 'events.session_id',
  'audit_events.address': 'events.address',
  'audit_events.user_agent': 'events.user_agent',
  'audit_events.request_id': 'events.request_id',
  'audit_events.details': 'events.details',
  'audit_repeats.count': 'events.repeats',
}

const OWNER = 'the account that is exported'
const HASH = 'a hash'
const KEY = 'the id of a key of the service'
const PROOF = 'proves that the row is genuine, and says nothing of the person'
const OF_SHOP = 'about the shop, not a person'
const ADDRESS_AGAIN = 'an address of mail once more, as it is compared'

/** Why a column, or with `*` a whole table, is not shown. */
const WITHHELD: Record<string, string> = {
  'accounts.email_canonical': ADDRESS_AGAIN,
  'accounts.password_hash': HASH,
  'sessions.account_id': OWNER,
  'sessions.refresh_key_id': KEY,
  'sessions.rotated_by': HASH,
  'devices.account_id': OWNER,
  'devices.token_hash': HASH,
  'devices.previous_token_hash': HASH,
  'factors.account_id': OWNER,
  'recovery_codes.account_id': OWNER,
  'recovery_codes.code_hash': HASH,
  'sms_codes.*': 'for ten minutes, what a code that was sent is checked by',
  'sms_sends.*': 'for a day, that an SMS was written, which messages show as well',
  'mfa_challenges.*': 'for ten minutes, a sign-in that awaits its second factor',
  'account_countries.account_id': OWNER,
  'api_tokens.account_id': OWNER,
  'api_tokens.token_hash': HASH,
  'link_tokens.account_id': OWNER,
  'link_tokens.token_hash': HASH,
  'mail_links.number': 'the order in which all people’s links were made',
  'mail_links.token_hash': HASH,
  'mail_links.account_id': OWNER,
  'mail_links.email_canonical': ADDRESS_AGAIN,
  'throttles.account_id': OWNER,
  'throttle_attempts.*': 'for five minutes, from where somebody tries, who may be anybody',
  'mechanics.account_id': OWNER,
  'mechanics.email_canonical': ADDRESS_AGAIN,
  'inventory.*': OF_SHOP,
  'outbox_messages.number': 'a place in the list of all messages',
  'outbox_messages.sealed': 'a sealed box with a link or a code, and wiped when it is sent',
  'outbox_messages.key_id': KEY,
  'outbox_messages.leased_until': 'who is sending it, for a minute',
  'audit_events.id': 'a place in the log of all people',
  'audit_events.group_key': 'what grouped events share, made of other columns and the client address',
  'audit_events.key_id': KEY,
  'audit_events.mac': PROOF,
  'audit_repeats.group_key': 'see audit_events.group_key',
  'audit_repeats.last_at': 'when a count is removed',
  'audit_seals.*': PROOF,
  'audit_stubs.*': PROOF,
  'keys.*': KEY,
  'operator_actions.*': 'an event within five minutes',
  'flask_ranges.*': OF_SHOP,
  'flask_rows.*': 'that a row was imported, by its number',
  'd1_migrations.*': 'about the database',
}

/** All that stands at a path of the document, in lists too. */
function valuesAt(path: string): unknown[] {
  return path
    .split('.')
    .reduce<unknown[]>(
      (found, name) => found.flatMap((one) => [(one as Record<string, unknown> | undefined)?.[name]].flat()),
      [/^(?:mechanic|factors|recovery_codes)\./.test(path) ? heldOfMike : held],
    )
}

describe('the document', () => {
  it('shows every column of every table, or a reason stands here why not', async () => {
    const columns = await rowsOf(
      `SELECT t.name AS "table", c.name AS "column" FROM sqlite_master AS t, pragma_table_info(t.name) AS c
       WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT LIKE '\\_cf%' ESCAPE '\\'`,
    )
    const names = columns.map(({ table, column }) =>
      `${table}.*` in WITHHELD ? `${table}.*` : `${table}.${column}`,
    )
    const listed = [...Object.keys(EXPORTED), ...Object.keys(WITHHELD)]
    expect(new Set(listed).size).toBe(listed.length)
    expect([...new Set(names)].sort()).toEqual(listed.sort())
    for (const [column, path] of Object.entries(EXPORTED)) {
      const values = valuesAt(path)
      expect([column, values.length > 0, values.includes(undefined)]).toEqual([column, true, false])
    }
  })

  it('says of a made-up life what is stored of it', async () => {
    const [account] = await rowsOf('SELECT * FROM accounts WHERE id = ?', john.id)
    const time = (seconds: unknown) => new Date(Number(seconds) * 1000).toISOString()
    expect(held.profile).toEqual({
      id: john.id,
      role: 'customer',
      status: 'active',
      email: john.email,
      email_verified_at: null,
      verified_email: null,
      first_name: 'Johannes',
      last_name: `${john.id}-Renamed`,
      phone_number: '555-0171',
      password_changed_at: time(account?.['password_changed_at']),
      created_at: time(account?.['created_at']),
      updated_at: time(account?.['updated_at']),
    })
    const place = { ip: john.address, country: 'DE', city: 'Leipzig' }
    const [session] = await rowsOf('SELECT * FROM sessions WHERE account_id = ?', john.id)
    expect(held.sessions).toEqual([
      {
        id: session?.['id'],
        current: true,
        ...place,
        user_agent: FIREFOX,
        methods: ['password'],
        refreshed: 1,
        device_id: held.devices[0]?.id,
        created_at: time(session?.['created_at']),
        authenticated_at: time(session?.['authenticated_at']),
        expires_at: time(session?.['expires_at']),
        refreshed_at: time(session?.['rotated_at']),
        last_seen_at: time(session?.['last_seen_at']),
      },
    ])
    expect(held.devices).toMatchObject([
      {
        ...place,
        name: `Device of ${john.email}`,
        browser: 'Firefox',
        network: 'Example Telecom',
        known: true,
      },
    ])
    expect(held.countries).toMatchObject([{ country: 'DE' }])
    expect(held.links).toMatchObject([{ purpose: 'password_reset' }])
    expect(held.failure_counts).toMatchObject([{ counted_on: `account:${john.id}`, failures: 1 }])
  })

  it('has the second factor without its secret, and how many recovery codes are left', () => {
    const { id, offered_at, confirmed_at, last_code_of, ...factor } = heldOfMike.factors[0] ?? none()
    expect([heldOfMike.factors.length, factor]).toEqual([2, { method: 'totp', phone_number: null }])
    expect(heldOfMike.factors[1]).toMatchObject({
      method: 'sms',
      phone_number: guardedMike.number,
      last_code_of: null,
    })
    expect(heldOfMike.recovery_codes).toMatchObject([{ left: 10 }])
    const text = JSON.stringify(heldOfMike)
    for (const secret of [guardedMike.secret, ...guardedMike.recoveryCodes])
      expect(text).not.toContain(secret)
    expect([held.factors, held.recovery_codes]).toEqual([[], []])
  })

  it('has the mechanic whose account it is, with the own salary, and null for whoever is none', () => {
    const { created_at, updated_at, ...rest } = heldOfMike.mechanic ?? none()
    expect(rest).toEqual({ ...MARIA, id: held.tickets[0]?.mechanics[0]?.id })
    expect([held.mechanic, heldOfMike.profile.role]).toEqual([null, 'mechanic'])
  })

  it('has lists as the routes show them', async () => {
    const own = (await john.get('/customers/my-tickets')).body.tickets
    expect([held.tickets, own.length]).toEqual([own, 1])
    expect(held.tickets[0]).toMatchObject({ id: ticketId, parts: [{ name: 'Brake pads' }] })
    expect(held.api_tokens).toEqual((await john.get('/auth/tokens')).body.items)
    const { items } = (await boss.get(`/admin/outbox?account=${john.id}`)).body
    expect([held.messages, items[0].template]).toEqual([items, 'reset'])
  })

  it('tells each event that John caused or that concerns him, in order, with this export as the last', async () => {
    const rows = await rowsOf(
      'SELECT event_id FROM audit_events WHERE actor_id = ?1 OR subject_id = ?1 ORDER BY id',
      john.id,
    )
    const ids = held.events.map(({ id }: { id: string }) => id)
    expect(ids).toEqual(rows.map(({ event_id }) => event_id).slice(0, ids.length))
    expect(held.events.at(-1)).toMatchObject({ event: 'account.exported', by: 'you', about: 'you' })
    const briefly = held.events.map(({ event, by, about }) => [event, by, about].join(' '))
    expect(briefly).toEqual([
      'account.registered you you',
      'sign_in.succeeded you you',
      'device.added you you',
      'country.added you you',
      'ticket.created somebody you',
      'ticket.part_added somebody you',
      'device.renamed you you',
      'session.refreshed you you',
      'token.created you you',
      'access.refused you ',
      'profile.updated somebody you',
      'sign_in.failed  you',
      'password.reset_requested  you',
      'account.exported you you',
    ])
  })

  it('says from where only of what John did himself', () => {
    for (const event of held.events) {
      const from = [event.address, event.user_agent, event.request_id !== null]
      if (event.by !== 'you') expect([event.event, ...from]).toEqual([event.event, null, null, false])
      else expect([event.event, from[0], from[2]]).toEqual([event.event, john.address, true])
    }
    const refused = held.events.find(({ event }: { event: string }) => event === 'access.refused')
    expect(refused).toMatchObject({ about: null, user_agent: FIREFOX, repeats: 1 })
    expect(refused?.details).toMatchObject({ permission: 'customers:read' })
    const renamed = held.events.find(({ event }: { event: string }) => event === 'profile.updated')
    expect([renamed?.session_id, renamed?.details]).toEqual([null, { fields: ['last_name'] }])
  })
})

describe('nothing else is in it:', () => {
  it('no value of a column that is withheld', async () => {
    let compared = 0
    for (const [column, reason] of Object.entries(WITHHELD)) {
      if (reason === ADDRESS_AGAIN) continue
      const [table, name = ''] = column.split('.')
      if (table === 'd1_migrations' || table === 'inventory') continue
      for (const row of await rowsOf(`SELECT ${name} FROM ${table}`)) {
        for (const value of Object.values(row)) {
          // Ids of accounts, and the key of a count, are what they are in other columns too.
          if (typeof value !== 'string' || value.length < 6 || value.includes(`:${john.id}`)) continue
          if (table === 'throttle_attempts') continue
          expect([column, answer.text.includes(value)]).toEqual([column, false])
          compared++
        }
      }
    }
    expect(compared).toBeGreaterThan(50)
    for (const secret of [john.token, john.refreshToken, john.password])
      expect(answer.text).not.toContain(secret)
  })

  it('nothing of other people, whoever they are to John', async () => {
    const others = [
      ...(await rowsOf('SELECT email, first_name, last_name FROM accounts WHERE id <> ?', john.id)),
      ...(await rowsOf(
        'SELECT id, address, user_agent, device_id FROM sessions WHERE account_id <> ?',
        john.id,
      )),
      ...(await rowsOf('SELECT id, address, name FROM devices WHERE account_id <> ?', john.id)),
      ...(await rowsOf('SELECT id FROM api_tokens WHERE account_id <> ?', john.id)),
      ...(await rowsOf('SELECT id FROM outbox_messages WHERE account_id <> ?', john.id)),
      ...(await rowsOf('SELECT description FROM service_tickets WHERE customer_id <> ?', john.id)),
      ...(await rowsOf(
        'SELECT address, user_agent, session_id, request_id FROM audit_events WHERE actor_id IS NOT ?',
        john.id,
      )),
      ...(await rowsOf('SELECT email, phone FROM mechanics')),
      FROM_JANE,
      FROM_MIKE,
      FROM_BOSS,
      FROM_STRANGER,
    ]
    const values = others.flatMap((row) => Object.values(row)).filter((value) => typeof value === 'string')
    expect(values.length).toBeGreaterThan(50)
    for (const value of values) expect([value, answer.text.includes(value)]).toEqual([value, false])
  })

  it('nor of people on whom one has acted: that it was done, not what happened to whom', async () => {
    const { events, tickets } = heldOfMike
    const done = events.filter(({ about }: { about: string | null }) => about === 'somebody')
    expect(done.map(({ event }: { event: string }) => event)).toEqual([
      'ticket.created',
      'ticket.part_added',
      'ticket.created',
      'ticket.part_added',
    ])
    for (const { by, details, user_agent } of done)
      expect([by, details, user_agent]).toEqual(['you', null, FROM_MIKE['User-Agent']])
    expect(tickets).toEqual([])
    const text = (await boss.get(EXPORT, FROM_BOSS)).text
    for (const { email, id } of [john, jane]) {
      expect(text).not.toContain(email)
      expect(text).not.toContain(`"subject_id":${id}`)
    }
  })
})

describe('the answer', () => {
  it('is a file that nobody keeps on the way, in two round trips', async () => {
    const calls = d1.calls
    const { status, headers } = await jane.get(EXPORT)
    expect([status, d1.calls - calls]).toEqual([200, 2])
    expect(headers.get('content-type')).toBe('application/json')
    expect(headers.get('content-disposition')).toBe('attachment; filename="personal-data.json"')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('ratelimit-policy')).toBe('"export";q=10;w=60')
  })

  it('is for a session, not for a program', async () => {
    const till = await program(jane, 'profile:read')
    const { status, body } = await till.get(EXPORT)
    expect([status, body.code]).toEqual([403, 'session_required'])
  })

  it('comes ten times a minute to one address', async () => {
    const person = await customer()
    const statuses: number[] = []
    for (let i = 0; i < 11; i++) statuses.push((await person.get(EXPORT)).status)
    expect(statuses).toEqual([...Array(10).fill(200), 429])
    expect((await anonymous().post('/customers', registration())).status).toBe(201)
  })

  it('is 401 when the session ends meanwhile, and then nothing says that there was an export', async () => {
    const person = await customer()
    beforeRoundTrip(2, () => rowsOf('DELETE FROM sessions WHERE account_id = ?', person.id))
    const { status, body } = await person.get(EXPORT)
    expect([status, body.code]).toEqual([401, 'invalid_token'])
    const count = "SELECT count(*) AS n FROM audit_events WHERE event = 'account.exported' AND actor_id = ?"
    expect(await rowsOf(count, person.id)).toEqual([{ n: 0 }])
  })

  it('is 503 without a record: there is no export that the log does not know', async () => {
    beforeRoundTrip(2, () => {
      throw new Error('D1_ERROR: gone')
    })
    const { status, body } = await jane.get(EXPORT)
    expect([status, body.code]).toEqual([503, 'unavailable'])
  })
})

describe('a long life', () => {
  const EVENTS = 10_000
  let vera: Person

  beforeAll(async () => {
    vera = await customer()
    const numbers = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)'
    // In turn by oneself, by somebody else, by nobody known, and by oneself to somebody else.
    await rowsOf(
      `${numbers} INSERT INTO audit_events (event_id, occurred_at, event, outcome, actor_id, subject_id, address, details, key_id, mac)
       SELECT 'long-' || i, i, 'ticket.updated', 'success',
         CASE i % 4 WHEN 1 THEN ?3 WHEN 2 THEN NULL ELSE ?1 END, CASE i % 4 WHEN 3 THEN ?3 ELSE ?1 END,
         'from-' || (i % 4), '{"ticket_id":' || i || '}', 'k', 'm' FROM n`,
      vera.id,
      EVENTS,
      jane.id,
    )
    await rowsOf(
      `${numbers} INSERT INTO service_tickets (customer_id, description, service_at, status, created_at, updated_at)
       SELECT ?1, 'Oil change ' || i, i, 'open', i, i FROM n`,
      vera.id,
      120,
    )
    await rowsOf(
      `${numbers} INSERT INTO outbox_messages (id, channel, template, account_id, status, attempts, next_attempt_at, leased_until, created_at, expires_at)
       SELECT 'message-' || i, 'mail', 'verify', ?1, 'sent', 1, i, 0, i, i FROM n`,
      vera.id,
      PAGE_ROWS,
    )
  })

  it('is whole, each thing once, in pages that read no more than a page', async () => {
    const calls = d1.calls
    let body = held
    const bound = await bindingsOf(async () => {
      body = (await vera.get(EXPORT)).body
    })
    // The guard and the first pages; two more of tickets, one of messages, ten of events.
    expect(d1.calls - calls).toBe(2 + 2 + 1 + 10)
    const long = body.events.filter(({ id }: { id: string }) => id.startsWith('long-'))
    expect(long.map(({ id }: { id: string }) => id)).toEqual(
      Array.from({ length: EVENTS }, (_, index) => `long-${index + 1}`),
    )
    expect(new Set(long.map(({ address }: { address: string | null }) => address))).toEqual(
      new Set(['from-3', 'from-0', null]),
    )
    expect(body.tickets.map(({ description }: { description: string }) => description)).toEqual(
      Array.from({ length: 120 }, (_, index) => `Oil change ${index + 1}`),
    )
    // With the one that registration sent.
    expect(new Set(body.messages.map(({ id }: { id: string }) => id)).size).toBe(PAGE_ROWS + 1)
    // Behind the guard and the insert of the event, which cannot be repeated.
    const reads = bound.slice(2)
    const read: number[] = []
    for (const statement of reads) read.push((await statement.all()).meta.rows_read)
    expect(Math.max(...read)).toBeLessThan(4 * PAGE_ROWS)
  })

  it('that breaks off is no whole document, neither as a transfer nor as JSON', async () => {
    beforeRoundTrip(9, () => {
      throw new Error('D1_ERROR: gone')
    })
    await expect(vera.get(EXPORT)).rejects.toThrow()
    expect(logLines.some((line) => line.includes('personal data export broken off'))).toBe(true)
    beforeRoundTrip(9, () => {
      throw new Error('D1_ERROR: gone')
    })
    const headers = { Authorization: `Bearer ${vera.token}` }
    const response = await exports.default.fetch(new Request(ORIGIN + EXPORT, { headers }))
    const decoder = new TextDecoder()
    let text = ''
    const reading = (async () => {
      for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true })
    })()
    await expect(reading).rejects.toThrow()
    expect(text).toContain('"long-1"')
    expect(() => JSON.parse(text)).toThrow()
  })
})

describe('a stolen token', () => {
  it('is not enough once the sign-in is no longer recent; a step-up is', async () => {
    passTime(601)
    const { status, body, headers } = await john.get(EXPORT)
    expect([status, body.code]).toEqual([401, 'reauthentication_required'])
    expect(body.detail).toBe('Sign in again, or confirm your password or second factor at /auth/step-up')
    expect(headers.get('www-authenticate')).toContain('insufficient_user_authentication')
    expect((await john.post('/auth/step-up', { password: john.password })).status).toBe(200)
    expect((await john.get(EXPORT)).status).toBe(200)
  })
})

describe('a session of a trusted device', () => {
  it('says that no code was proved in it, and exports nothing', async () => {
    const person = await signInWithCode(await enrol(await customer()), true)
    const { email, password, deviceToken = '' } = person
    const headers = { 'Device-Token': deviceToken }
    const trusted = await anonymous().post('/auth/login', { email, password }, headers)
    const { body } = await person.get(EXPORT)
    const session = body.sessions.find((one: { methods: string[] }) => one.methods.includes('trusted_device'))
    expect(session.authenticated_at).toBeNull()
    expect((await caller(trusted.body.token).get(EXPORT)).body.code).toBe('reauthentication_required')
  })
})

describe('the document of the API', () => {
  it('knows every answer of this file', async () => {
    expect(await undocumentedAnswers()).toEqual([])
  })
})
