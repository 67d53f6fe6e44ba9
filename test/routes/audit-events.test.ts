/** /admin/audit-events: listing by filter and cursor, exporting, and what each of them leaves behind. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  mechanic,
  PASSWORD,
  type Person,
} from '../support/client.ts'
import { d1, kv, logLines } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let mike: Person
let boss: Person

const LIST = '/admin/audit-events'
const PATHS = [LIST, `${LIST}/export`, `${LIST}/verify`]

beforeAll(async () => {
  ;[john, mike, boss] = await Promise.all([customer(), mechanic(), admin()])
  for (let i = 0; i < 7; i++) {
    const ticket = { customer_id: john.id, description: 'Clutch', service_date: '2026-02-01' }
    expect((await mike.post('/service-tickets', ticket)).status).toBe(201)
  }
  await anonymous().post('/auth/login', { email: john.email, password: 'not-this-one' })
  for (let i = 0; i < 3; i++) await john.get('/customers')
})

const rowsOf = async (condition = '1') =>
  (await testEnv.DB.prepare(`SELECT * FROM audit_events WHERE ${condition} ORDER BY id`).all<any>()).results

const idsOf = (answer: Answer): number[] => answer.body.items.map(({ id }: { id: number }) => id)

const linesOf = (answer: Answer) =>
  answer.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

describe('S88: the audit log is for admins', () => {
  it.each(PATHS)('%s', async (path) => {
    const answers = [await anonymous().get(path), await john.get(path), await mike.get(path)]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [401, 'token_missing'],
      [403, 'forbidden'],
      [403, 'forbidden'],
    ])
    expect((await boss.get(path)).status).toBe(200)
  })
})

describe('the list', () => {
  it('shows what a row says, newest first', async () => {
    const from = caller(undefined, '203.0.113.7')
    const login = { email: john.email, password: PASSWORD }
    const signIn = await from.post('/auth/login', login, { 'User-Agent': 'Workshop tablet' })
    const { items } = (await boss.get(LIST)).body
    expect(items[0].event).toBe('device.added')
    expect(items[1]).toEqual({
      id: expect.any(Number),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      event: 'sign_in.succeeded',
      outcome: 'success',
      reason: null,
      actor_id: john.id,
      subject_id: john.id,
      session_id: expect.any(String),
      address: '203.0.113.7',
      user_agent: 'Workshop tablet',
      request_id: signIn.headers.get('x-request-id'),
      details: { methods: ['password'] },
      repeats: 0,
    })
    const ids = items.map(({ id }: { id: number }) => id)
    expect(ids).toEqual([...ids].sort((a, b) => b - a))
    expect(ids).toHaveLength(20)
  })

  it('tells how often a refusal was repeated', async () => {
    const { items } = (await boss.get(`${LIST}?event=access.refused&actor=${john.id}`)).body
    const refusal = items.find(
      ({ details }: { details: { route?: string } }) => details.route === '/customers',
    )
    expect([refusal.outcome, refusal.repeats]).toEqual(['refused', 3])
  })

  it.each<[string, () => string, () => string]>([
    ['actor', () => `actor=${mike.id}`, () => `actor_id = ${mike.id}`],
    ['subject', () => `subject=${john.id}`, () => `subject_id = ${john.id}`],
    ['event', () => 'event=ticket.created', () => "event = 'ticket.created'"],
    ['outcome', () => 'outcome=failure', () => "outcome = 'failure'"],
    [
      'several at once',
      () => `actor=${mike.id}&subject=${john.id}&event=ticket.created&outcome=success`,
      () => `actor_id = ${mike.id} AND subject_id = ${john.id} AND event = 'ticket.created'`,
    ],
    ['what never happens', () => 'event=no.such_event', () => '0'],
  ])('filters by %s', async (_, query, condition) => {
    const expected = await rowsOf(condition())
    const answer = await boss.get(`${LIST}?limit=100&${query()}`)
    expect(idsOf(answer)).toEqual(expected.map(({ id }) => id).reverse())
  })

  it('filters by time: from `since` on and before `until`', async () => {
    const [{ occurred_at: at }] = await rowsOf("event = 'ticket.created'")
    const iso = (seconds: number) => new Date(seconds * 1000).toISOString()
    const count = async (query: string) =>
      idsOf(await boss.get(`${LIST}?event=ticket.created&limit=100&${query}`)).length
    const inSecond = (await rowsOf(`event = 'ticket.created' AND occurred_at = ${at}`)).length
    expect(await count(`since=${iso(at)}&until=${iso(at + 1)}`)).toBe(inSecond)
    expect(await count(`until=${iso(at)}`)).toBe(0)
    expect(await count(`since=${iso(at)}`)).toBe(7)
    expect(await count('until=2020-01-01')).toBe(0)
    expect(await count('since=2020-01-01')).toBe(7)
    expect(await count(`since=${encodeURIComponent('2020-01-01T00:00:00+02:00')}`)).toBe(7)
  })

  it.each([
    'actor=0',
    'actor=x',
    'subject=1e3',
    'event=DROP',
    `event=${'a'.repeat(33)}.b`,
    'outcome=maybe',
    'since=yesterday',
    'since=2026-02-30',
    'until=2026-01-15T10:00:00',
    'limit=0',
    'limit=101',
    'cursor=made-up',
  ])('refuses %s and says which field', async (query) => {
    const answer = await boss.get(`${LIST}?${query}`)
    expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed'])
    expect(Object.keys(answer.body.errors)).toEqual([query.split('=')[0]])
  })

  it('gives each row once, page by page, while each page leaves a row of its own', async () => {
    const expected = (await rowsOf()).map(({ id }) => id).reverse()
    const seen: number[] = []
    let cursor = ''
    do {
      const answer = await boss.get(`${LIST}?limit=7${cursor && `&cursor=${cursor}`}`)
      seen.push(...idsOf(answer))
      cursor = answer.body.next_cursor ?? ''
    } while (cursor)
    expect(seen).toEqual(expected)
  })

  it('S105: takes no cursor of another list, and gives none that another list takes', async () => {
    const ofTickets = (await boss.get('/service-tickets?limit=1')).body.next_cursor
    const ofEvents = (await boss.get(`${LIST}?limit=1`)).body.next_cursor
    expect((await boss.get(`${LIST}?cursor=${ofTickets}`)).body.errors).toEqual({
      cursor: ['Not a valid cursor.'],
    })
    expect((await boss.get(`/service-tickets?cursor=${ofEvents}`)).status).toBe(400)
  })
})

describe('the export', () => {
  it('is one JSON object a line, oldest first, and the same as the list', async () => {
    const query = `subject=${john.id}&event=ticket.created`
    const answer = await boss.get(`${LIST}/export?${query}`)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="audit-events.ndjson"')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.text.endsWith('}\n')).toBe(true)
    const { items } = (await boss.get(`${LIST}?limit=100&${query}`)).body
    expect(items).toHaveLength(7)
    expect(linesOf(answer)).toEqual(items.reverse())
  })

  it('ends with the newest row of when it began, and is empty where nothing fits', async () => {
    const before = (await rowsOf()).map(({ id }) => id)
    expect(linesOf(await boss.get(`${LIST}/export`)).map(({ id }) => id)).toEqual(before)
    const none = await boss.get(`${LIST}/export?event=no.such_event`)
    expect([none.status, none.text]).toEqual([200, ''])
  })

  it('reads more than a chunk, row by row in order, and breaks off when the database does', async () => {
    const insert = testEnv.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
       INSERT INTO audit_events (event_id, occurred_at, event, outcome, details, key_id, mac)
       SELECT 'bulk-' || i, 1, 'bulk.row', 'success', '{}', 'k', 'm' FROM n`,
    )
    await insert.run()
    const ids = linesOf(await boss.get(`${LIST}/export?event=bulk.row`)).map(({ id }) => id)
    expect(ids).toEqual((await rowsOf("event = 'bulk.row'")).map(({ id }) => id))
    expect(ids).toHaveLength(1200)
    let calls = 0
    // Guard, last number, first chunk; then the outage.
    d1.before = () => {
      if (++calls > 3) throw new Error('D1_ERROR: gone')
    }
    await expect(boss.get(`${LIST}/export?event=bulk.row`)).rejects.toThrow()
    d1.before = undefined
    expect(logLines.some((line) => line.includes('audit export broken off'))).toBe(true)
  })
})

describe('S109: whoever reads the log stands in it', () => {
  let last = 0
  beforeEach(async () => {
    last = (await rowsOf()).at(-1).id
  })
  const left = async () =>
    (await rowsOf(`id > ${last}`)).map(({ event, outcome, actor_id, details }) => [
      event,
      outcome,
      actor_id,
      JSON.parse(details),
    ])

  it('by each page, with the names of the filters and not what they say', async () => {
    await boss.get(`${LIST}?limit=1&since=2020-01-01&actor=${john.id}`)
    expect(await left()).toEqual([['audit.read', 'success', boss.id, { filters: ['actor', 'since'] }]])
  })

  it('by an export', async () => {
    await boss.get(`${LIST}/export?outcome=refused`)
    expect(await left()).toEqual([['audit.exported', 'success', boss.id, { filters: ['outcome'] }]])
  })

  it('by a check', async () => {
    const { body } = await boss.get(`${LIST}/verify`)
    const details = { checked: body.checked, first_bad_id: body.first_bad_id }
    expect(await left()).toEqual([['audit.verified', 'failure', boss.id, details]])
  })

  it('or does not read: without the record there is no answer', async () => {
    for (const [path, roundTrips] of [
      [LIST, 1],
      [`${LIST}/export`, 2],
    ] as const) {
      let calls = 0
      d1.before = () => {
        if (++calls > roundTrips) throw new Error('D1_ERROR: gone')
      }
      expect((await boss.get(path)).body.code).toBe('unavailable')
      d1.before = undefined
    }
    kv.down = true
    const answer = await boss.get(`${LIST}/verify`)
    kv.down = false
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    expect(await left()).toEqual([])
  })
})
