/** /service-tickets: opening, reading, listing by cursor, changing, the steps of a status. */
import { beforeAll, describe, expect, it } from 'vitest'
import { base64url, decodeBase64url, utf8 } from '../../src/crypto/encoding.ts'
import { admin, anonymous, customer, mechanic, type Person } from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let jane: Person
let mike: Person
let boss: Person
let mechanics: number[] = []

beforeAll(async () => {
  ;[john, jane, mike, boss] = await Promise.all([
    customer({ first_name: 'John' }),
    customer(),
    mechanic(),
    admin(),
  ])
  const insert = testEnv.DB.prepare(
    `INSERT INTO mechanics (name, email, email_canonical, salary_cents, created_at, updated_at)
     VALUES (?1, ?2, ?2, 4200000, 1, 1) RETURNING id`,
  )
  const rows = await testEnv.DB.batch<{ id: number }>(
    Array.from({ length: 21 }, (_, index) => insert.bind(`Mechanic ${index}`, `m${index}@shop.example`)),
  )
  mechanics = rows.flatMap(({ results }) => results.map(({ id }) => id))
})

const NEW = { description: 'Brakes squeal', service_date: '2026-01-15T10:00:00' }
const open = (fields: object = {}) =>
  mike.post('/service-tickets', { customer_id: john.id, ...NEW, ...fields })
const opened = async (fields: object = {}): Promise<any> => {
  const answer = await open(fields)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}
const countTickets = async () =>
  (await testEnv.DB.prepare('SELECT count(*) AS n FROM service_tickets').first<{ n: number }>())?.n

describe('opening', () => {
  it('answers 201 with the whole ticket, which reads the same later', async () => {
    const [first = 0, second = 0] = mechanics
    const ticket = await opened({ vin: 'wba3a5c50cf256651', mechanic_ids: [second, first, second] })
    const shownJohn = {
      id: john.id,
      first_name: 'John',
      last_name: 'Lindqvist',
      email: john.email,
      phone_number: '555-0199',
    }
    expect(ticket).toEqual({
      id: ticket.id,
      customer_id: john.id,
      customer: shownJohn,
      ...NEW,
      status: 'open',
      vin: 'WBA3A5C50CF256651',
      warnings: { vin: ['The check digit does not match.'] },
      mechanics: [
        { id: first, name: 'Mechanic 0' },
        { id: second, name: 'Mechanic 1' },
      ],
      parts: [],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      updated_at: ticket.created_at,
    })
    for (const reader of [john, mike, boss]) {
      expect((await reader.get(`/service-tickets/${ticket.id}`)).body).toEqual(ticket)
    }
    expect((await john.get('/customers/my-tickets')).body.tickets).toContainEqual(ticket)
  })

  it('needs customer, description and date, and tells all faults at once', async () => {
    const missing = ['Missing data for required field.']
    expect((await mike.post('/service-tickets', { vin: null })).body.errors).toEqual({
      customer_id: missing,
      description: missing,
      service_date: missing,
    })
    const wrong = {
      customer_id: 0,
      description: '',
      service_date: 'soon',
      vin: 'X',
      mechanic_ids: [1, '2', -3],
      colour: 'red',
    }
    expect((await mike.post('/service-tickets', wrong)).body.errors).toEqual({
      customer_id: ['Must be greater than 0.'],
      description: ['Length must be between 1 and 500.'],
      service_date: ['Not a valid datetime.'],
      vin: ['Not a valid VIN.'],
      'mechanic_ids.1': ['Not a valid integer.'],
      'mechanic_ids.2': ['Must be greater than 0.'],
      colour: ['Unknown field.'],
    })
  })

  it('takes descriptions of up to 500 code points', async () => {
    expect((await opened({ description: '🔧'.repeat(500) })).description).toBe('🔧'.repeat(500))
    expect((await open({ description: 'x'.repeat(501) })).body.errors).toEqual({
      description: ['Length must be between 1 and 500.'],
    })
  })

  it('writes nothing for a customer or a mechanic who does not exist', async () => {
    const before = await countTickets()
    for (const customer_id of [999_999, mike.id, boss.id, Number.MAX_SAFE_INTEGER]) {
      const answer = await open({ customer_id })
      expect([answer.status, answer.body.code, answer.body.error]).toEqual([
        400,
        'customer_unknown',
        'Customer not found',
      ])
    }
    for (const mechanic_ids of [[999_999], [...mechanics.slice(0, 3), 999_999], [mike.id + 1_000]]) {
      const answer = await open({ mechanic_ids })
      expect([answer.status, answer.body.code, answer.body.error]).toEqual([
        400,
        'mechanic_unknown',
        'Mechanic not found',
      ])
    }
    expect(await countTickets()).toBe(before)
  })

  it('takes up to 20 mechanics, and shows none of their salaries', async () => {
    const crowd = await opened({ mechanic_ids: mechanics.slice(0, 20) })
    expect(crowd.mechanics).toHaveLength(20)
    expect(Object.keys(crowd.mechanics[0])).toEqual(['id', 'name'])
    expect((await opened({ mechanic_ids: [] })).mechanics).toEqual([])
    expect((await open({ mechanic_ids: mechanics })).body.errors).toEqual({
      mechanic_ids: ['Longer than maximum length 20.'],
    })
    expect((await open({ mechanic_ids: null })).body.errors).toEqual({
      mechanic_ids: ['Field may not be null.'],
    })
    expect((await open({ mechanic_ids: 1 })).body.errors).toEqual({ mechanic_ids: ['Not a valid list.'] })
  })

  // Too short, too long, I, O, Q, a blank at the end, a letter that upper-cases to S.
  const NO_VINS =
    '|WBA3A5C50CF25665|WBA3A5C50CF2566512|IBA3A5C50CF256651|WOA3A5C50CF256651|WQA3A5C50CF256651|WBA3A5C50CF25665 |WBA3A5C50CF2566ſ1'

  it.each(NO_VINS.split('|'))('takes no VIN like "%s"', async (vin) =>
    expect((await open({ vin })).body.errors).toEqual({ vin: ['Not a valid VIN.'] }),
  )
})

describe('the date of service', () => {
  it.each([
    ['2026-01-15T10:00:00', '2026-01-15T10:00:00'],
    ['2026-01-15T10:00:00Z', '2026-01-15T10:00:00'],
    ['2026-01-15T10:00:00+05:30', '2026-01-15T04:30:00'],
    ['2026-01-15T10:00:00-0800', '2026-01-15T18:00:00'],
    ['2026-01-15T23:59:59.999999-23:59', '2026-01-16T23:58:59'],
    ['2026-01-15', '2026-01-15T00:00:00'],
    ['2026-01-15 10:00', '2026-01-15T10:00:00'],
    ['2026-01-15t10:00:00z', '2026-01-15T10:00:00'],
    ['2028-02-29', '2028-02-29T00:00:00'],
    ['0000-01-01', '0000-01-01T00:00:00'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59'],
  ])('%s is kept as %s', async (service_date, kept) => {
    expect((await opened({ service_date })).service_date).toBe(kept)
  })

  const NO_DATES = [
    'tomorrow|1768471200|15.01.2026|2026-1-5|2026-02-29|2026-02-30|2026-13-01|2026-00-10',
    '2026-01-15T24:00:00|2026-01-15T10:60:00|2026-01-15T10:00:60|2026-01-15T10|2026-01-15T10:00:00+24:00|2026-01-15T10:00:00+5|2026-01-15Z',
    '+02026-01-15|2026-01-15T10:00:00 Z|2026-01-15T10:00:00Z\n|0000-01-01T00:00:00+01:00|9999-12-31T23:59:59-01:00|２０２６-01-15',
  ]

  it.each(['', ...NO_DATES.flatMap((line) => line.split('|'))])(
    '"%s" is not a date',
    async (service_date) => {
      const answer = await open({ service_date })
      expect([answer.status, answer.body.errors]).toEqual([400, { service_date: ['Not a valid datetime.'] }])
    },
  )
})

describe('changing', () => {
  it('changes what is sent and nothing else, and says when', async () => {
    const before = await opened({ vin: 'WBA3A5C50CF256651', mechanic_ids: mechanics.slice(0, 1) })
    passTime(60)
    const { body } = await mike.put(`/service-tickets/${before.id}`, { description: 'New pads', vin: null })
    const { warnings, ...kept } = before
    expect(warnings).toEqual({ vin: ['The check digit does not match.'] })
    expect(body).toEqual({ ...kept, description: 'New pads', vin: null, updated_at: body.updated_at })
    expect(Date.parse(body.updated_at) - Date.parse(before.updated_at)).toBeGreaterThanOrEqual(60_000)
    const dated = await boss.put(`/service-tickets/${before.id}/`, {
      service_date: '2026-02-01T08:00:00+02:00',
    })
    expect(dated.body).toMatchObject({ service_date: '2026-02-01T06:00:00', description: 'New pads' })
    expect((await mike.put(`/service-tickets/${before.id}`, {})).body.error).toBe('No input data provided')
  })

  const STATUSES = ['open', 'in_progress', 'awaiting_parts', 'completed', 'cancelled']
  const POSSIBLE: Record<string, string[]> = {
    open: ['open', 'in_progress', 'cancelled'],
    in_progress: ['in_progress', 'awaiting_parts', 'completed', 'cancelled'],
    awaiting_parts: ['in_progress', 'awaiting_parts', 'cancelled'],
    completed: ['completed'],
    cancelled: ['cancelled'],
  }

  it.each(STATUSES)(
    'goes from %s by the steps that there are; any other is 409 and changes nothing',
    async (from) => {
      const { id } = await opened()
      for (const to of STATUSES) {
        await testEnv.DB.prepare('UPDATE service_tickets SET status = ? WHERE id = ?').bind(from, id).run()
        const answer = await mike.put(`/service-tickets/${id}`, { status: to, description: `to ${to}` })
        const now = (await mike.get(`/service-tickets/${id}`)).body
        if (POSSIBLE[from]?.includes(to)) {
          expect([to, answer.status, now.status, now.description]).toEqual([to, 200, to, `to ${to}`])
          continue
        }
        expect([to, answer.status, answer.body.code, now.status]).toEqual([
          to,
          409,
          'ticket_status_conflict',
          from,
        ])
        expect(answer.body.message).toBe(`A ticket cannot go from ${from} to ${to}`)
        expect(now.description).not.toBe(`to ${to}`)
      }
    },
  )

  it('lets one of two who complete and cancel at once win', async () => {
    const { id } = await opened()
    await mike.put(`/service-tickets/${id}`, { status: 'in_progress' })
    const statuses = await Promise.all(
      ['completed', 'cancelled'].map(
        async (status) => (await mike.put(`/service-tickets/${id}`, { status })).status,
      ),
    )
    expect(statuses.toSorted()).toEqual([200, 409])
  })

  it('refuses unknown statuses and null', async () => {
    const { id } = await opened()
    const refused = await mike.put(`/service-tickets/${id}`, {
      status: 'OPEN',
      description: null,
      service_date: null,
    })
    expect(refused.body.errors).toEqual({
      status: ['Must be one of: open, in_progress, awaiting_parts, completed, cancelled.'],
      description: ['Field may not be null.'],
      service_date: ['Field may not be null.'],
    })
  })
})

describe('customers', () => {
  it('open tickets for themselves, and nobody else', async () => {
    const answer = await jane.post('/service-tickets/', { ...NEW, vin: '1m8gdm9axkp042788' })
    expect([answer.status, answer.body]).toMatchObject([
      201,
      { customer_id: jane.id, status: 'open', vin: '1M8GDM9AXKP042788', mechanics: [], parts: [] },
    ])
    expect(answer.body).not.toHaveProperty('warnings')
    expect((await jane.get('/customers/my-tickets')).body.tickets).toEqual([answer.body])
    expect((await mike.get(`/service-tickets/${answer.body.id}`)).body).toEqual(answer.body)
    const event = await testEnv.DB.prepare('SELECT * FROM audit_events ORDER BY id DESC LIMIT 1').first()
    expect(event).toMatchObject({ event: 'ticket.created', actor_id: jane.id, subject_id: jane.id })
    expect((await jane.post('/service-tickets', { ...NEW, customer_id: jane.id })).status).toBe(201)
    const before = await countTickets()
    for (const customer_id of [john.id, mike.id, 999_999, -1, 0]) {
      const refused = await jane.post('/service-tickets', { customer_id, description: '' })
      expect([refused.status, refused.body.message]).toEqual([
        403,
        'You can only open service tickets for yourself',
      ])
    }
    const wrong = { customer_id: 'x', mechanic_ids: [1], status: 'open', description: 1 }
    expect((await jane.post('/service-tickets', wrong)).body.errors).toEqual({
      customer_id: ['Not a valid integer.'],
      mechanic_ids: ['Unknown field.'],
      status: ['Unknown field.'],
      description: ['Not a valid string.'],
      service_date: ['Missing data for required field.'],
    })
    expect((await jane.post('/service-tickets', { ...NEW, mechanic_ids: [] })).status).toBe(400)
    expect((await jane.post('/service-tickets', {})).body.error).toBe('No input data provided')
    expect(await countTickets()).toBe(before)
    await testEnv.DB.prepare('DELETE FROM service_tickets WHERE customer_id = ?').bind(jane.id).run()
  })

  it('read their own, get 404 for others, and change none', async () => {
    const { id } = await opened()
    expect((await john.get(`/service-tickets/${id}`)).status).toBe(200)
    const other = await jane.get(`/service-tickets/${id}`)
    expect([other.status, other.body.error]).toEqual([404, 'Service ticket not found'])
    for (const person of [john, jane]) {
      expect((await person.put(`/service-tickets/${id}`, { status: 'cancelled' })).status).toBe(403)
      expect((await person.delete(`/service-tickets/${id}`)).status).toBe(403)
      expect((await person.delete('/service-tickets/999999')).status).toBe(403)
    }
    expect((await anonymous().get(`/service-tickets/${id}`)).status).toBe(401)
  })
})

describe('the list', () => {
  const walk = async (who: Person, query: string): Promise<number[]> => {
    const ids: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { status, body } = await who.get(`/service-tickets?${query}${cursor && `&cursor=${cursor}`}`)
      expect(status).toBe(200)
      ids.push(...body.items.map(({ id }: { id: number }) => id))
      cursor = body.next_cursor
    }
    return ids
  }
  const cursorOf = async (who: Person) => (await who.get('/service-tickets?limit=1')).body.next_cursor

  it('gives every ticket exactly once, newest first, whatever the limit', async () => {
    for (let count = 0; count < 3; count++) await opened({ customer_id: jane.id })
    const all = await walk(mike, 'limit=100')
    expect(all).toEqual(all.toSorted((a, b) => b - a))
    expect(all).toHaveLength((await countTickets()) ?? 0)
    expect(await walk(boss, 'limit=7')).toEqual(all)
    expect((await mike.get('/service-tickets')).body.items).toHaveLength(20)
    const janes = await walk(jane, 'limit=1')
    expect(janes).toHaveLength(3)
    expect(await walk(mike, `limit=2&customer_id=${jane.id}`)).toEqual(janes)
    expect(await walk(mike, `customer_id=${mike.id}`)).toEqual([])
    await mike.put(`/service-tickets/${janes[0]}`, { status: 'cancelled' })
    expect(await walk(jane, 'limit=1&status=open')).toEqual(janes.slice(1))
    expect(await walk(mike, `status=cancelled&customer_id=${jane.id}`)).toEqual(janes.slice(0, 1))
  })

  it('is not shifted by tickets that are opened meanwhile', async () => {
    const [newest, second] = await walk(mike, 'limit=100')
    const cursor = await cursorOf(mike)
    await opened()
    const { items } = (await mike.get(`/service-tickets?limit=1&cursor=${cursor}`)).body
    expect([newest, items[0].id]).toEqual([newest, second])
  })

  it('ends, with a null cursor, where the last page is full', async () => {
    const { body } = await jane.get('/service-tickets?limit=3')
    expect([body.items.length, body.next_cursor]).toEqual([3, null])
  })

  it('S105: a cursor that was changed, made up or meant for something else is 400', async () => {
    const cursor = await cursorOf(mike)
    const text = new TextDecoder().decode(decodeBase64url(cursor))
    const [id, key, mac] = text.split('.')
    const forged = [
      `${Number(id) + 1}.${key}.${mac}`,
      `${id}.00000000.${mac}`,
      `${id}.${key}.${'A'.repeat(22)}`,
      `${id}.${key}.`,
      `${id}.${key}`,
      `0${id}.${key}.${mac}`,
      `-1.${key}.${mac}`,
      `${text}.`,
      `${text}\n`,
      '1',
      '',
    ].map((one) => base64url(utf8(one)))
    const bent = [
      `${cursor}=`,
      `${cursor}A`,
      cursor.slice(1),
      cursor.toLowerCase(),
      `%20${cursor}`,
      mike.token,
      '1',
      'null',
      "'",
      'A'.repeat(10_000),
    ]
    for (const wrong of [...forged, ...bent]) {
      const answer = await mike.get(`/service-tickets?cursor=${wrong}`)
      expect([wrong, answer.status, answer.body.errors]).toEqual([
        wrong,
        400,
        { cursor: ['Not a valid cursor.'] },
      ])
    }
  })

  it('S89: a cursor of staff shows a customer nothing but own tickets', async () => {
    const { items } = (await jane.get(`/service-tickets?cursor=${await cursorOf(mike)}`)).body
    expect(new Set(items.map((one: { customer_id: number }) => one.customer_id))).toEqual(new Set([jane.id]))
  })

  it.each([
    ['limit=0', 'limit', 'Must be greater than or equal to 1.'],
    ['limit=101', 'limit', 'Must be less than or equal to 100.'],
    ['limit=1000000000', 'limit', 'Must be less than or equal to 100.'],
    ['limit=1e9', 'limit', 'Not a valid integer.'],
    ['limit=1.5', 'limit', 'Not a valid integer.'],
    ['limit=NaN', 'limit', 'Not a valid integer.'],
    ['limit=0x10', 'limit', 'Not a valid integer.'],
    ['customer_id=0', 'customer_id', 'Must be greater than or equal to 1.'],
    ['customer_id=x', 'customer_id', 'Not a valid integer.'],
    ['status=done', 'status', 'Must be one of: open, in_progress, awaiting_parts, completed, cancelled.'],
  ])('refuses ?%s', async (query, field, message) => {
    const answer = await mike.get(`/service-tickets?${query}`)
    expect([answer.status, answer.body.errors]).toEqual([400, { [field]: [message] }])
  })
})

describe('the own tickets', () => {
  it('are all there, oldest first, however many: more than one value of the database holds', async () => {
    const fleet = await customer()
    await testEnv.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 501)
       INSERT INTO service_tickets (customer_id, description, service_at, created_at, updated_at)
       SELECT ?, 'Visit ' || n || ' "ü" \\', n, n, n + 1 FROM numbers`,
    )
      .bind(fleet.id)
      .run()
    await opened({ customer_id: fleet.id, mechanic_ids: mechanics.slice(0, 2) })
    const { body } = await fleet.get('/customers/my-tickets')
    expect(body.message).toBe('Found 502 service tickets')
    expect(body.tickets.slice(0, 501).map((ticket: { description: string }) => ticket.description)).toEqual(
      Array.from({ length: 501 }, (_, index) => `Visit ${index + 1} "ü" \\`),
    )
    for (const index of [0, 499, 500, 501]) {
      const ticket = body.tickets[index]
      expect((await fleet.get(`/service-tickets/${ticket.id}`)).body).toEqual(ticket)
    }
    expect(body.tickets[501].mechanics).toHaveLength(2)
  })

  it('fit into one value of the database, fifty of them, whatever they say', async () => {
    const collector = await customer()
    const numbers = (last: number) =>
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last})`
    const widest = "replace(hex(zeroblob(50)), '0', char(128295))"
    await testEnv.DB.batch([
      testEnv.DB.prepare(
        `${numbers(20)} INSERT INTO mechanics (id, name, email, email_canonical, created_at, updated_at)
         SELECT 9000000000000000 + n, ${widest}, n, 'wide ' || n, 1, 1 FROM numbers`,
      ),
      testEnv.DB.prepare(
        `${numbers(50)} INSERT INTO service_tickets (id, customer_id, description, service_at, created_at, updated_at)
         SELECT 1000000 + n, ?, replace(hex(zeroblob(250)), '0', char(1)), 1, 1, 2 FROM numbers`,
      ).bind(collector.id),
      testEnv.DB.prepare(
        `${numbers(20)} INSERT INTO service_mechanics SELECT t.id, 9000000000000000 + n
         FROM service_tickets AS t JOIN numbers WHERE t.customer_id = ?`,
      ).bind(collector.id),
      testEnv.DB.prepare(
        `${numbers(50)} INSERT INTO service_inventory SELECT t.id, 9000000000000000 + n, ${widest}, 100000000, 1000000
         FROM service_tickets AS t JOIN numbers WHERE t.customer_id = ?`,
      ).bind(collector.id),
    ])
    const { status, body, text } = await collector.get('/customers/my-tickets')
    expect([status, body.message, text.length > 500_000]).toEqual([200, 'Found 50 service tickets', true])
    expect([...body.tickets[49].parts[49].name]).toHaveLength(100)
    await testEnv.DB.prepare('DELETE FROM mechanics WHERE id > 9000000000000000').run()
    await testEnv.DB.prepare('DELETE FROM service_tickets WHERE customer_id = ?').bind(collector.id).run()
  })
})

it('every answer of /service-tickets seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
