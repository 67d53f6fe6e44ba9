/** /mechanics: adding, reading, changing, deleting, by workload; who sees salaries. */

import { beforeAll, describe, expect, it } from 'vitest'
import { eventsAbout } from '../support/audit-log.ts'
import { admin, anonymous, customer, mechanic, type Person, uniqueEmail } from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let mike: Person
let boss: Person

beforeAll(async () => {
  ;[john, mike, boss] = await Promise.all([customer(), mechanic(), admin()])
})

const MISSING = ['Missing data for required field.']

const fields = (overrides: object = {}) => ({
  name: 'Maria Keller',
  email: uniqueEmail('maria'),
  phone: '555-0145',
  salary: 52_000.55,
  ...overrides,
})
interface Mechanic {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly phone: string | null
  readonly salary: number | null
}

const added = async (overrides: object = {}): Promise<Mechanic> => {
  const answer = await boss.post('/mechanics', fields(overrides))
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}
const rowOf = (id: number) => testEnv.DB.prepare('SELECT * FROM mechanics WHERE id = ?').bind(id).first()
const countMechanics = () => testEnv.DB.prepare('SELECT count(*) AS n FROM mechanics').first<number>('n')
const eventsOf = (id: number) => eventsAbout('mechanic', 'mechanic_id', id)

describe('adding', () => {
  it('answers 201 with the mechanic, who reads the same later', async () => {
    const sent = fields()
    const answer = await boss.post('/mechanics/', sent)
    expect([answer.status, answer.body]).toEqual([201, { id: answer.body.id, ...sent }])
    expect((await boss.get(`/mechanics/${answer.body.id}`)).body).toEqual(answer.body)
    expect(await rowOf(answer.body.id)).toMatchObject({ salary_cents: 5_200_055, name: sent.name })
  })

  it('needs name and e-mail only', async () => {
    const email = uniqueEmail('sam')
    const { status, body } = await boss.post('/mechanics', { name: 'Sam', email })
    expect([status, body]).toEqual([201, { id: body.id, name: 'Sam', email, phone: null, salary: null }])
  })

  it('tells all faults at once', async () => {
    expect((await boss.post('/mechanics', { phone: null })).body.errors).toEqual({
      name: MISSING,
      email: MISSING,
    })
    const wrong = { name: '', email: 'maria@', phone: 'x'.repeat(21), salary: -1, id: 7, ticket_count: 1 }
    expect((await boss.post('/mechanics', wrong)).body.errors).toEqual({
      name: ['Length must be between 1 and 100.'],
      email: ['Not a valid email address.'],
      phone: ['Longer than maximum length 20.'],
      salary: ['Must be greater than or equal to 0.'],
      id: ['Unknown field.'],
      ticket_count: ['Unknown field.'],
    })
    expect((await boss.post('/mechanics', {})).body.error).toBe('No input data provided')
  })

  it.each([
    ['1', 'Not a valid number.'],
    [0.001, 'At most two decimals.'],
    [52_000.555, 'At most two decimals.'],
    [10_000_000.01, 'Must be less than or equal to 10000000.'],
    [-0.01, 'Must be greater than or equal to 0.'],
    [true, 'Not a valid number.'],
  ])('takes no salary of %s', async (salary, message) => {
    const answer = await boss.post('/mechanics', fields({ salary }))
    expect([answer.status, answer.body.errors]).toEqual([400, { salary: [message] }])
  })

  it.each([0, 0.01, 0.07, 1.1, 4.35, 1.005e3, 9_999_999.99, 10_000_000])(
    'keeps a salary of %s to the cent',
    async (salary) => {
      const { id } = await added({ salary })
      expect((await boss.get(`/mechanics/${id}`)).body.salary).toBe(salary)
      expect((await rowOf(id))?.['salary_cents']).toBe(Math.round(salary * 100))
    },
  )

  it('has one mechanic per e-mail address, however it is spelled', async () => {
    const email = uniqueEmail('one')
    await added({ email })
    const before = await countMechanics()
    for (const spelling of [email, email.toUpperCase(), email.replace('example.net', 'EXAMPLE.net')]) {
      const answer = await boss.post('/mechanics', fields({ email: spelling }))
      expect([answer.status, answer.body.code, answer.body.error]).toEqual([
        400,
        'mechanic_email_taken',
        'Email already associated with another mechanic',
      ])
    }
    expect(await countMechanics()).toBe(before)
    expect((await boss.post('/mechanics', fields({ email: john.email }))).status).toBe(201)
  })

  it('of twenty at once with one e-mail address adds one, with one event', async () => {
    const email = uniqueEmail('twenty')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => boss.post('/mechanics', fields({ email }))),
    )
    const won = answers.filter(({ status }) => status === 201)
    expect(won).toHaveLength(1)
    expect(answers.filter(({ body }) => body.code === 'mechanic_email_taken')).toHaveLength(19)
    expect(await eventsOf(won[0]?.body.id)).toEqual([
      { event: 'mechanic.created', actor_id: boss.id, details: `{"mechanic_id":${won[0]?.body.id}}` },
    ])
  })
})

describe('changing', () => {
  it('changes what is sent and nothing else', async () => {
    const before = await added()
    const path = `/mechanics/${before.id}`
    expect((await boss.put(path, { salary: 54_500 })).body).toEqual({ ...before, salary: 54_500 })
    expect((await boss.put(`${path}/`, { phone: null, salary: null })).body).toEqual({
      ...before,
      phone: null,
      salary: null,
    })
    const email = before.email.toUpperCase()
    expect((await boss.put(path, { email, name: 'M. Keller' })).body).toMatchObject({
      email,
      name: 'M. Keller',
    })
    expect((await boss.put(path, {})).body.error).toBe('No input data provided')
    expect((await boss.put(path, { name: null, id: 1 })).body.errors).toEqual({
      name: ['Field may not be null.'],
      id: ['Unknown field.'],
    })
    const events = await eventsOf(before.id)
    expect(events.map(({ event }) => event)).toEqual([
      'mechanic.created',
      ...Array(3).fill('mechanic.updated'),
    ])
    expect(events[1]?.details).toBe(`{"mechanic_id":${before.id},"fields":["salary"]}`)
    expect(events.map(({ details }) => details).join()).not.toMatch(/Keller|@|54500/)
  })

  it('gives no mechanic the e-mail address of another, and lets one of twenty have a free one', async () => {
    const [first, second] = [await added(), await added()]
    const taken = await boss.put(`/mechanics/${second.id}`, { email: first.email.toUpperCase(), name: 'X' })
    expect([taken.status, taken.body.error]).toEqual([400, 'Email already associated with another mechanic'])
    expect((await boss.get(`/mechanics/${second.id}`)).body).toEqual(second)
    expect(await eventsOf(second.id)).toHaveLength(1)
    const email = uniqueEmail('wanted')
    const crowd = await Promise.all(Array.from({ length: 20 }, () => added()))
    const answers = await Promise.all(crowd.map(({ id }) => boss.put(`/mechanics/${id}`, { email })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(400)])
  })

  it('404 comes before 400', async () => {
    const answer = await boss.put('/mechanics/999999', { name: '' })
    expect([answer.status, answer.body.error]).toEqual([404, 'Mechanic not found'])
    for (const id of ['0', '-1', 'x', '1.5', '01'])
      expect((await boss.get(`/mechanics/${id}`)).body.code).toBe('not_found')
    expect((await boss.get('/mechanics/99999999999999999999')).body.code).toBe('mechanic_not_found')
  })
})

describe('deleting', () => {
  it('happens once, takes the mechanic off the tickets, and never gives the id again', async () => {
    const { id } = await added()
    const ticket = {
      customer_id: john.id,
      description: 'Brakes',
      service_date: '2026-01-15',
      mechanic_ids: [id],
    }
    const { body: opened } = await mike.post('/service-tickets', ticket)
    const answers = await Promise.all(Array.from({ length: 20 }, () => boss.delete(`/mechanics/${id}`)))
    const done = answers.filter(({ status }) => status === 200)
    expect(done.map(({ body }) => body)).toEqual([{ message: 'Mechanic deleted successfully' }])
    expect(answers.filter(({ body }) => body.error === 'Mechanic not found')).toHaveLength(19)
    expect((await eventsOf(id)).map(({ event }) => event)).toEqual(['mechanic.created', 'mechanic.deleted'])
    expect((await mike.get(`/service-tickets/${opened.id}`)).body).toEqual({ ...opened, mechanics: [] })
    expect((await added()).id).toBeGreaterThan(id)
  })
})

describe('who', () => {
  it('staff read, admins alone see salaries and write, customers and strangers nothing', async () => {
    const { salary, ...plain } = await added()
    const path = `/mechanics/${plain.id}`
    expect((await mike.get(path)).body).toEqual(plain)
    expect((await boss.get(path)).body).toEqual({ ...plain, salary })
    for (const list of ['/mechanics?limit=100', '/mechanics/by-workload']) {
      expect((await mike.get(list)).text).not.toContain('salary')
      expect((await boss.get(list)).text).toContain('"salary":52000.55')
    }
    for (const [person, status] of [
      [mike, 403],
      [john, 403],
      [anonymous(), 401],
    ] as const) {
      const answers = [
        await person.post('/mechanics', fields()),
        await person.put(path, { name: 'X' }),
        await person.put('/mechanics/999999', { name: 'X' }),
        await person.delete(path),
      ]
      expect(answers.map((answer) => answer.status)).toEqual(Array(4).fill(status))
    }
    for (const read of ['/mechanics', path, '/mechanics/999999', '/mechanics/by-workload']) {
      expect((await john.get(read)).headers.get('www-authenticate')).toContain('scope="mechanics:read"')
    }
    expect(await eventsOf(plain.id)).toHaveLength(1)
  })
})

describe('the list', () => {
  it('gives every mechanic exactly once, whatever the limit, by a cursor that fits no other list', async () => {
    const ids: number[] = []
    let cursor = ''
    do {
      const { status, body } = await mike.get(`/mechanics?limit=7${cursor && `&cursor=${cursor}`}`)
      expect(status).toBe(200)
      ids.push(...body.items.map(({ id }: { id: number }) => id))
      cursor = body.next_cursor ?? ''
    } while (cursor)
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b))
    expect(ids).toHaveLength((await countMechanics()) ?? 0)
    const { next_cursor } = (await mike.get('/mechanics?limit=1')).body
    for (const wrong of [`${next_cursor}A`, 'x', '']) {
      expect((await mike.get(`/mechanics?cursor=${wrong}`)).body.errors).toEqual({
        cursor: ['Not a valid cursor.'],
      })
    }
    expect((await mike.get(`/service-tickets?cursor=${next_cursor}`)).status).toBe(400)
    expect((await mike.get('/mechanics?limit=101')).status).toBe(400)
  })
})

describe('by workload', () => {
  it('counts the tickets of each, most or fewest first, as many as asked for', async () => {
    const [busy, idle] = [await added({ name: 'Busy' }), await added({ name: 'Idle' })]
    for (let count = 0; count < 3; count++) {
      const ticket = {
        customer_id: john.id,
        description: 'Oil',
        service_date: '2026-01-15',
        mechanic_ids: [busy.id],
      }
      await mike.post('/service-tickets', ticket)
    }
    const most = (await boss.get('/mechanics/by-workload?limit=1')).body
    expect(most).toEqual({
      mechanics: [{ ...busy, ticket_count: 3 }],
      total_mechanics: await countMechanics(),
      sort_order: 'desc',
      message: 'Mechanics by workload, most tickets first',
      limit_applied: 1,
    })
    const fewest = (await mike.get('/mechanics/by-workload/?order=asc')).body
    const counts = fewest.mechanics.map((one: { ticket_count: number }) => one.ticket_count)
    expect(counts).toEqual(counts.toSorted((a: number, b: number) => a - b))
    expect(fewest).toMatchObject({
      sort_order: 'asc',
      message: 'Mechanics by workload, fewest tickets first',
      limit_applied: 100,
    })
    expect(fewest.mechanics).toContainEqual({
      id: idle.id,
      name: 'Idle',
      email: idle.email,
      phone: idle.phone,
      ticket_count: 0,
    })
  })

  it.each(['up', 'ASC', '', 'asc;--', '(CASE WHEN 1 THEN 1 END)'])(
    'S105: takes no order "%s"',
    async (order) => {
      const { status, body } = await mike.get(
        `/mechanics/by-workload?limit=0&order=${encodeURIComponent(order)}`,
      )
      expect([status, body.error, body.errors]).toEqual([
        400,
        'Invalid order',
        { order: ['Must be one of: asc, desc.'], limit: ['Must be greater than or equal to 1.'] },
      ])
    },
  )

  it('S94: takes limits from 1 to 100', async () => {
    for (const limit of ['0', '-1', '101', '1e9', 'NaN', '1.5', '']) {
      const { status, body } = await mike.get(`/mechanics/by-workload?limit=${limit}`)
      expect([limit, status, body.code]).toEqual([limit, 400, 'validation_failed'])
    }
  })
})

it('every answer of /mechanics seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
