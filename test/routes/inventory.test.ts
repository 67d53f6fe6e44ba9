/** /inventory: adding one or many, reading by name and price, changing, deleting; who sees quantities. */

import { beforeAll, describe, expect, it } from 'vitest'
import { eventsAbout } from '../support/audit-log.ts'
import { admin, anonymous, customer, mechanic, type Person } from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { d1 } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let mike: Person
let boss: Person

beforeAll(async () => {
  ;[john, mike, boss] = await Promise.all([customer(), mechanic(), admin()])
})

const MISSING = ['Missing data for required field.']
const TAKEN = 'Inventory item with this name already exists'

interface Item {
  readonly id: number
  readonly name: string
  readonly price: number
  readonly quantity: number | null
}

interface ItemPage {
  readonly inventory: readonly Item[]
  readonly pagination: { readonly total: number; readonly current_page: number }
  /** Of a refusal. */
  readonly errors?: Readonly<Record<string, readonly string[]>>
}

let names = 0
const uniqueName = (start = 'Part') => `${start} ${++names}`
const added = async (fields: object = {}): Promise<Item> => {
  const answer = await mike.post('/inventory', { name: uniqueName(), price: 49.9, quantity: 12, ...fields })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}
const rowOf = (id: number) => testEnv.DB.prepare('SELECT * FROM inventory WHERE id = ?').bind(id).first()
const countItems = () => testEnv.DB.prepare('SELECT count(*) AS n FROM inventory').first<number>('n')
const eventsOf = (id: number) => eventsAbout('inventory', 'item_id', id)

describe('adding', () => {
  it('answers 201 with the item, which reads the same later and lies in whole cents', async () => {
    const name = uniqueName('Bremsbeläge 🔧')
    const { status, body } = await mike.post('/inventory/', { name, price: 49.95, quantity: 3 })
    expect([status, body]).toEqual([201, { id: body.id, name, price: 49.95, quantity: 3 }])
    expect((await boss.get(`/inventory/${body.id}/`)).body).toEqual(body)
    expect(await rowOf(body.id)).toMatchObject({ price_cents: 4995, quantity: 3 })
    expect(await eventsOf(body.id)).toEqual([
      { event: 'inventory.created', actor_id: mike.id, details: `{"item_id":${body.id}}` },
    ])
  })

  it('counts nothing where there is no quantity', async () => {
    const name = uniqueName()
    expect((await mike.post('/inventory', { name, price: 0 })).body).toMatchObject({
      price: 0,
      quantity: null,
    })
    expect(await added({ quantity: null })).toMatchObject({ quantity: null })
    expect(await added({ quantity: 0 })).toMatchObject({ quantity: 0 })
  })

  it('tells all faults at once', async () => {
    expect((await mike.post('/inventory', { quantity: 1 })).body.errors).toEqual({
      name: MISSING,
      price: MISSING,
    })
    const wrong = { name: 'x'.repeat(101), price: -1, quantity: -1, id: 1, created_at: 1 }
    expect((await mike.post('/inventory', wrong)).body.errors).toEqual({
      name: ['Length must be between 1 and 100.'],
      price: ['Must be greater than or equal to 0.'],
      quantity: ['Must be greater than or equal to 0.'],
      id: ['Unknown field.'],
      created_at: ['Unknown field.'],
    })
    expect((await mike.post('/inventory', {})).body.error).toBe('No input data provided')
  })

  it.each([
    ['price', '9.5', 'Not a valid number.'],
    ['price', null, 'Field may not be null.'],
    ['price', 9.999, 'At most two decimals.'],
    ['price', 1e300, 'Must be less than or equal to 1000000.'],
    ['quantity', 1.5, 'Not a valid integer.'],
    ['quantity', '1', 'Not a valid integer.'],
    ['quantity', 1_000_001, 'Must be less than or equal to 1000000.'],
    ['name', 'a\u0000b', 'Not a valid string.'],
    ['name', 7, 'Not a valid string.'],
  ])('takes no %s of %s', async (field, value, message) => {
    const { status, body } = await mike.post('/inventory', { name: uniqueName(), price: 1, [field]: value })
    expect([status, body.errors[field][0]]).toEqual([400, message])
    expect(Object.keys(body.errors)).toEqual([field])
  })

  it('of twenty at once with one name adds one', async () => {
    const name = uniqueName('Wanted')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => mike.post('/inventory', { name, price: 1 })),
    )
    const won = answers.filter(({ status }) => status === 201)
    const lost = answers.filter(({ status, body }) => status === 409 && body.error === TAKEN)
    expect([won.length, lost.length]).toEqual([1, 19])
    expect(await eventsOf(won[0]?.body.id)).toHaveLength(1)
    expect((await mike.post('/inventory', { name: name.toUpperCase(), price: 1 })).status).toBe(201)
  })
})

describe('adding many', () => {
  it('adds all in three round trips', async () => {
    const items = Array.from({ length: 100 }, () => ({ name: uniqueName('Bolt'), price: 0.1 }))
    await mike.get('/inventory')
    const calls = d1.calls
    const { status, body } = await mike.post('/inventory/bulk', { items })
    expect([status, d1.calls - calls]).toEqual([201, 3])
    const created = items.map((item, place) => ({ id: body.created[0].id + place, ...item, quantity: null }))
    expect(body).toEqual({ created, created_count: 100, errors: {}, error_count: 0 })
    expect((await mike.get(`/inventory/${body.created[99].id}`)).body).toEqual(created[99])
    for (const { id } of [body.created[0], body.created[99]]) expect(await eventsOf(id)).toHaveLength(1)
  })

  it('adds the good ones and tells what is wrong with each of the others', async () => {
    const taken = await added()
    const [first, second] = [uniqueName(), uniqueName()]
    const items = [
      { name: first, price: 1 },
      { name: '', price: -1, id: 1 },
      { name: taken.name, price: 2 },
      'x',
      { name: first, price: 3 },
      { name: second, price: 4, quantity: 5 },
      null,
    ]
    const before = await countItems()
    const { status, body } = await boss.post('/inventory/bulk/', { items })
    expect([status, body]).toEqual([
      201,
      {
        created: [
          { id: expect.any(Number), name: first, price: 1, quantity: null },
          { id: expect.any(Number), name: second, price: 4, quantity: 5 },
        ],
        created_count: 2,
        errors: {
          '1.name': ['Length must be between 1 and 100.'],
          '1.price': ['Must be greater than or equal to 0.'],
          '1.id': ['Unknown field.'],
          '2.name': [TAKEN],
          '3._schema': ['Invalid input type.'],
          '4.name': [TAKEN],
          '6._schema': ['Invalid input type.'],
        },
        error_count: 5,
      },
    ])
    expect(await countItems()).toBe((before ?? 0) + 2)
  })

  it('adds none when none is right, and says so with 400', async () => {
    const { name } = await added()
    const before = await countItems()
    const { status, body } = await mike.post('/inventory/bulk', [{ name, price: 1 }, { name }])
    expect([status, body.code]).toEqual([400, 'nothing_created'])
    expect(body).toMatchObject({
      created: [],
      created_count: 0,
      errors: { '0.name': [TAKEN], '1.price': MISSING },
      error_count: 2,
    })
    expect(await countItems()).toBe(before)
  })

  it('takes the list alone, from one item to a hundred, and nothing beside it', async () => {
    expect((await mike.post('/inventory/bulk', [{ name: uniqueName(), price: 1 }])).status).toBe(201)
    const of = async (body: unknown) => (await mike.post('/inventory/bulk', body)).body
    expect((await of([])).errors).toEqual({ items: ['Shorter than minimum length 1.'] })
    expect((await of({ items: Array(101).fill({}) })).errors).toEqual({
      items: ['Longer than maximum length 100.'],
    })
    expect((await of({ items: 'x', more: 1 })).errors).toEqual({
      items: ['Not a valid list.'],
      more: ['Unknown field.'],
    })
    expect((await of({})).error).toBe('No input data provided')
    expect((await of('"x"')).errors).toEqual({ _schema: ['Invalid input type.'] })
  })

  it('of twenty equal lists at once adds each item once', async () => {
    const items = [uniqueName('Twin'), uniqueName('Twin')].map((name) => ({ name, price: 1 }))
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => mike.post('/inventory/bulk', { items })),
    )
    const created = answers.flatMap(({ body }) => body.created)
    expect(created).toHaveLength(2)
    expect(new Set(created.map(({ name }) => name))).toEqual(new Set(items.map(({ name }) => name)))
  })
})

describe('changing', () => {
  it('changes what is sent and nothing else', async () => {
    const before = await added()
    const path = `/inventory/${before.id}`
    expect((await mike.put(path, { price: 52.5 })).body).toEqual({ ...before, price: 52.5 })
    expect((await boss.put(path, { quantity: null })).body).toEqual({
      ...before,
      price: 52.5,
      quantity: null,
    })
    const name = uniqueName()
    expect((await boss.put(path, { name, price: 0, quantity: 0 })).body).toEqual({
      id: before.id,
      name,
      price: 0,
      quantity: 0,
    })
    expect((await mike.put(path, {})).body.error).toBe('No input data provided')
    expect((await mike.put(path, { name: null, price: null, id: 2 })).body.errors).toEqual({
      name: ['Field may not be null.'],
      price: ['Field may not be null.'],
      id: ['Unknown field.'],
    })
    const events = await eventsOf(before.id)
    expect(events.map(({ event }) => event)).toEqual([
      'inventory.created',
      ...Array(3).fill('inventory.updated'),
    ])
    expect(events[1]?.details).toBe(`{"item_id":${before.id},"fields":["price"]}`)
  })

  it('gives no item the name of another; one of twenty gets a free one', async () => {
    const [first, second] = [await added(), await added()]
    const answer = await mike.put(`/inventory/${second.id}`, { name: first.name, price: 1 })
    expect([answer.status, answer.body.error]).toEqual([409, TAKEN])
    expect((await mike.get(`/inventory/${second.id}`)).body).toEqual(second)
    expect((await mike.put(`/inventory/${first.id}`, { name: first.name })).status).toBe(200)
    const name = uniqueName('Free')
    const crowd = await Promise.all(Array.from({ length: 20 }, () => added()))
    const answers = await Promise.all(crowd.map(({ id }) => mike.put(`/inventory/${id}`, { name })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(409)])
  })

  it('404 comes before 400', async () => {
    const answer = await mike.put('/inventory/999999', { price: -1 })
    expect([answer.status, answer.body.error]).toEqual([404, 'Inventory item not found'])
    for (const id of ['0', '-1', 'x', '01'])
      expect((await john.get(`/inventory/${id}`)).body.code).toBe('not_found')
  })
})

describe('deleting', () => {
  it('happens once, and the id is never used again', async () => {
    const { id } = await added()
    const answers = await Promise.all(Array.from({ length: 20 }, () => mike.delete(`/inventory/${id}`)))
    expect(answers.filter(({ status }) => status === 200).map(({ body }) => body)).toEqual([
      { message: 'Inventory item deleted successfully' },
    ])
    expect(answers.filter(({ body }) => body.code === 'inventory_item_not_found')).toHaveLength(19)
    expect((await eventsOf(id)).map(({ event }) => event)).toEqual(['inventory.created', 'inventory.deleted'])
    expect((await added()).id).toBeGreaterThan(id)
  })
})

describe('who', () => {
  it('everybody signed in reads names and prices, staff alone see quantities and write', async () => {
    const { quantity, ...plain } = await added()
    const path = `/inventory/${plain.id}`
    expect((await john.get(path)).body).toEqual(plain)
    expect((await boss.get(path)).body).toEqual({ ...plain, quantity })
    expect((await john.get('/inventory?per_page=100')).text).not.toContain('quantity')
    const sorted = await john.get('/inventory?sort_by=quantity')
    expect([sorted.status, sorted.body.error]).toEqual([400, 'Invalid sort field'])
    for (const [person, status] of [
      [john, 403],
      [anonymous(), 401],
    ] as const) {
      const answers = [
        await person.post('/inventory', { name: uniqueName(), price: 1 }),
        await person.post('/inventory/bulk', [{ name: uniqueName(), price: 1 }]),
        await person.put(path, { price: 1 }),
        await person.put('/inventory/999999', { price: 1 }),
        await person.delete(path),
      ]
      expect(answers.map((answer) => answer.status)).toEqual(Array(5).fill(status))
    }
    expect((await boss.get(path)).body).toEqual({ ...plain, quantity })
    expect((await anonymous().get('/inventory')).status).toBe(401)
  })
})

describe('the list', () => {
  const list = async (query: string): Promise<ItemPage> => (await mike.get(`/inventory?${query}`)).body
  const prices = ({ inventory }: ItemPage) => inventory.map(({ price }) => price)

  beforeAll(async () => {
    await testEnv.DB.prepare('DELETE FROM inventory').run()
    const items = [
      ['Öl 100%', 5.5, 3],
      ['oil filter', 9.5, null],
      ['Oil_pump', 120, 0],
      ['brake fluid', 9.5, 7],
      ['Äxle', 300.01, 1],
    ].map(([name, price, quantity]) => ({ name, price, quantity }))
    await mike.post('/inventory/bulk', items)
  })

  it('gives pages, clamped as the old ones were', async () => {
    const page = await list('page=2&per_page=2')
    expect(page.inventory.map(({ name }) => name)).toEqual(['Oil_pump', 'brake fluid'])
    expect(page.pagination).toEqual({
      total: 5,
      pages: 3,
      current_page: 2,
      per_page: 2,
      has_next: true,
      has_prev: true,
    })
    expect((await list('page=0&per_page=1e9')).pagination).toMatchObject({ current_page: 1, per_page: 100 })
    expect((await list('page=x&per_page=-3')).pagination).toMatchObject({ current_page: 1, per_page: 1 })
    expect((await list('page=9')).inventory).toEqual([])
  })

  it('finds by name, literally, whatever the letter case', async () => {
    const named = async (name: string) =>
      (await list(`name=${encodeURIComponent(name)}`)).inventory.map(({ name }) => name)
    expect(await named('OIL')).toEqual(['oil filter', 'Oil_pump'])
    expect(await named('%')).toEqual(['Öl 100%'])
    expect(await named('_')).toEqual(['Oil_pump'])
    expect(await named('Ö')).toEqual(['Öl 100%'])
    expect(await named("' OR 1=1 --")).toEqual([])
    expect(await named('x'.repeat(100))).toEqual([])
    expect((await list(`name=${'x'.repeat(101)}`)).errors).toEqual({
      name: ['Longer than maximum length 100.'],
    })
  })

  it('finds by price, bounds included', async () => {
    expect(prices(await list('min_price=9.5&max_price=120'))).toEqual([9.5, 120, 9.5])
    expect(prices(await list('min_price=300.01'))).toEqual([300.01])
    expect(prices(await list('max_price=0'))).toEqual([])
    expect((await list('min_price=9.5&max_price=5')).pagination.total).toBe(0)
  })

  it.each([
    ['min_price=-1', { min_price: ['Must be greater than or equal to 0.'] }],
    ['max_price=x', { max_price: ['Not a valid number.'] }],
    ['max_price=', { max_price: ['Not a valid number.'] }],
    ['min_price=1e3', { min_price: ['Not a valid number.'] }],
    [
      'min_price=1.001&max_price=1000001',
      {
        min_price: ['At most two decimals.'],
        max_price: ['Must be less than or equal to 1000000.'],
      },
    ],
  ])('S94: refuses ?%s', async (query, errors) => {
    expect((await list(query)).errors).toEqual(errors)
  })

  it('sorts by what the list allows, equal ones by id', async () => {
    expect(prices(await list('sort_by=price'))).toEqual([5.5, 9.5, 9.5, 120, 300.01])
    expect(prices(await list('sort_by=price&sort_order=desc'))).toEqual([300.01, 120, 9.5, 9.5, 5.5])
    const named = (await list('sort_by=name')).inventory.map(({ name }) => name)
    expect(named).toEqual(['brake fluid', 'oil filter', 'Oil_pump', 'Äxle', 'Öl 100%'])
    const counts = (await list('sort_by=quantity')).inventory.map(({ quantity }) => quantity)
    expect(counts).toEqual([null, 0, 1, 3, 7])
  })

  it.each(['password_hash', 'price_cents', 'ID', '', 'id;--', '(CASE WHEN 1 THEN id END)'])(
    'S105: sorts by no field "%s", and tells all faults at once',
    async (field) => {
      const { status, body } = await mike.get(
        `/inventory?sort_by=${encodeURIComponent(field)}&sort_order=up&min_price=-1`,
      )
      expect([status, body.code, body.error]).toEqual([400, 'sort_field_invalid', 'Invalid sort field'])
      expect(Object.keys(body.errors).toSorted()).toEqual(['min_price', 'sort_by', 'sort_order'])
      const order = await mike.get('/inventory?sort_order=up')
      expect([order.status, order.body.error]).toEqual([400, 'Invalid order'])
    },
  )
})

it('every answer of /inventory seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
