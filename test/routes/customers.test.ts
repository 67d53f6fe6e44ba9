/** /customers: registering, listing, searching, sorting, paging, reading, and who may. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  admin,
  anonymous,
  customer,
  mechanic,
  type Person,
  registration,
  uniqueEmail,
} from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { testEnv } from '../support/test-env.ts'

let anna: Person
let mike: Person
let boss: Person

/** 24 customers beside Anna: first names repeat and differ in letter case, last names run backwards. */
beforeAll(async () => {
  anna = await customer({ first_name: 'anna', last_name: 'Zuse', email: 'Anna.Zuse@Example.NET' })
  const insert = testEnv.DB.prepare(
    `INSERT INTO accounts (role, status, email, email_canonical, first_name, last_name, created_at, updated_at)
     VALUES ('customer', 'active', ?1, lower(?1), ?2, ?3, 1, 1)`,
  )
  await testEnv.DB.batch(
    Array.from({ length: 24 }, (_, index) =>
      insert.bind(
        `C${String(index).padStart(2, '0')}@shop.example`,
        ['Béa', 'anna', 'Carl', 'Anna'][index % 4],
        `Last${String.fromCharCode(88 - index)}`,
      ),
    ),
  )
  ;[mike, boss] = await Promise.all([mechanic(), admin()])
})

const list = async (query = '') => (await mike.get(`/customers${query}`)).body

type Shown = Record<'first_name' | 'last_name' | 'email', string> & { readonly id: number }

const idsOf = (body: { readonly customers: readonly Shown[] }): number[] => body.customers.map(({ id }) => id)

describe('registration', () => {
  const faultsOf = async (person: object) => {
    const answer = await anonymous().post('/customers', person)
    expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed'])
    return answer.body.errors
  }

  it('tells every fault at once, in the old words', async () => {
    const nobody = {
      first_name: '',
      last_name: 1,
      email: 'no',
      phone_number: '1'.repeat(21),
      password: '12345',
      shoe_size: 42,
    }
    expect(await faultsOf(nobody)).toEqual({
      first_name: ['Length must be between 1 and 100.'],
      last_name: ['Not a valid string.'],
      email: ['Not a valid email address.'],
      phone_number: ['Longer than maximum length 20.'],
      password: ['Shorter than minimum length 6.'],
      shoe_size: ['Unknown field.'],
    })
    const missing = ['Missing data for required field.']
    expect(await faultsOf({ phone_number: '1' })).toEqual({
      first_name: missing,
      last_name: missing,
      email: missing,
      password: missing,
    })
    const none = ['Field may not be null.']
    expect(
      await faultsOf({ first_name: null, last_name: null, email: null, phone_number: null, password: null }),
    ).toEqual({
      first_name: none,
      last_name: none,
      email: none,
      password: none,
    })
  })

  it('counts code points: 100 are a name and 20 a phone number, one more is not', async () => {
    const fits = registration({
      first_name: '🔧'.repeat(100),
      last_name: 'é'.repeat(100),
      phone_number: '📞'.repeat(20),
    })
    const answer = await anonymous().post('/customers/', fits)
    expect([answer.status, answer.body]).toEqual([201, { ...fits, id: answer.body.id, password: undefined }])
    const beyond = registration({ first_name: '🔧'.repeat(101), phone_number: '📞'.repeat(21) })
    expect(Object.keys(await faultsOf(beyond))).toEqual(['first_name', 'phone_number'])
  })

  it('takes a phone number or none; an absent one is shown as null', async () => {
    for (const phone_number of [undefined, null]) {
      const answer = await anonymous().post('/customers', { ...registration(), phone_number })
      expect([answer.status, answer.body.phone_number]).toEqual([201, null])
    }
  })

  it('shows the e-mail address as typed, and takes no second spelling of it', async () => {
    expect((await anna.get('/auth/me')).body.account.email).toBe('Anna.Zuse@Example.NET')
    for (const email of ['anna.zuse@example.net', 'ANNA.ZUSE@EXAMPLE.NET']) {
      const answer = await anonymous().post('/customers', registration({ email }))
      expect([answer.status, answer.body.error]).toEqual([
        400,
        'Email already associated with another account',
      ])
    }
  })
})

describe('the list', () => {
  const everybody = async () => (await list('?per_page=1')).pagination.total

  it('has the old shape and the old defaults', async () => {
    const total = await everybody()
    const body = await list()
    expect(Object.keys(body)).toEqual(['customers', 'pagination', 'filters_applied'])
    expect(body.customers).toHaveLength(10)
    expect(body.customers[0]).toEqual({
      id: anna.id,
      first_name: 'anna',
      last_name: 'Zuse',
      email: 'Anna.Zuse@Example.NET',
      phone_number: '555-0199',
    })
    expect(body.pagination).toEqual({
      page: 1,
      per_page: 10,
      total,
      pages: Math.ceil(total / 10),
      has_next: true,
      has_prev: false,
      next_page: 2,
      prev_page: null,
    })
    expect(body.filters_applied).toEqual({ search: null, email: null, sort_by: 'id', order: 'asc' })
  })

  it('is for staff alone and lists no staff', async () => {
    expect((await anonymous().get('/customers')).status).toBe(401)
    expect((await anna.get('/customers')).status).toBe(403)
    const ids = idsOf(await list('?per_page=100'))
    expect(ids).toHaveLength(await everybody())
    expect(ids).not.toContain(mike.id)
    expect(ids).not.toContain(boss.id)
    for (const staff of [mike, boss]) {
      expect((await list(`?email=${staff.email}`)).customers).toEqual([])
      expect((await list(`?search=${staff.email}`)).customers).toEqual([])
    }
  })

  it('gives every customer exactly once, page by page', async () => {
    const all = idsOf(await list('?per_page=100&sort_by=first_name'))
    const paged: number[] = []
    let page: number | null = 1
    while (page !== null) {
      const body = await list(`?per_page=7&sort_by=first_name&page=${page}`)
      paged.push(...idsOf(body))
      expect(body.pagination.has_next).toBe(body.pagination.next_page !== null)
      page = body.pagination.next_page
    }
    expect(paged).toEqual(all)
    expect(new Set(paged).size).toBe(paged.length)
  })

  it('knows where it ends, and answers an empty page beyond', async () => {
    const total = await everybody()
    const last = (await list(`?per_page=${total}`)).pagination
    expect(last).toMatchObject({ pages: 1, has_next: false, next_page: null })
    const beyond = await list('?page=500')
    expect(beyond.customers).toEqual([])
    expect(beyond.pagination).toMatchObject({
      page: 500,
      total,
      has_next: false,
      has_prev: true,
      prev_page: 499,
    })
    const nothing = (await list('?search=nobody-is-called-this')).pagination
    expect(nothing).toMatchObject({ total: 0, pages: 0, has_next: false, has_prev: false })
  })

  it.each([
    ['per_page=1e9', 1, 100],
    ['per_page=100', 1, 100],
    ['per_page=101', 1, 100],
    ['per_page=0', 1, 1],
    ['per_page=-1', 1, 1],
    ['per_page=NaN', 1, 10],
    ['per_page=1.5', 1, 10],
    ['per_page=Infinity', 1, 10],
    ['per_page=', 1, 10],
    ['per_page=ten', 1, 10],
    ['page=0', 1, 10],
    ['page=-7', 1, 10],
    ['page=abc', 1, 10],
    ['page=99999999999999999999', 1_000_000, 10],
  ])('clamps ?%s to page %i of %i', async (query, page, perPage) => {
    const answer = await mike.get(`/customers?${query}`)
    expect([answer.status, answer.body.pagination.page, answer.body.pagination.per_page]).toEqual([
      200,
      page,
      perPage,
    ])
  })
})

describe('sorting', () => {
  const fold = (value: string | number) =>
    typeof value === 'string' ? value.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : value

  it.each(['id', 'first_name', 'last_name', 'email'] as const)(
    'goes by %s, ASCII letter case aside, ids breaking ties',
    async (field) => {
      const { customers } = await list('?per_page=100')
      const compare = (a: Shown, b: Shown) => {
        const [x, y] = [fold(a[field]), fold(b[field])]
        return x < y ? -1 : x > y ? 1 : a.id - b.id
      }
      const expected = customers.toSorted(compare).map(({ id }: Person) => id)
      expect(idsOf(await list(`?per_page=100&sort_by=${field}&order=asc`))).toEqual(expected)
      expect(idsOf(await list(`?per_page=100&sort_by=${field}&order=desc`))).toEqual(expected.reverse())
    },
  )

  it('goes by created_at in order of registration', async () => {
    const late = await customer()
    expect(idsOf(await list('?sort_by=created_at&order=desc&per_page=1'))).toEqual([late.id])
    expect(idsOf(await list('?sort_by=created_at&per_page=1'))).toEqual([anna.id])
  })
})

describe('searching', () => {
  const totalOf = async (query: string) => (await list(`?${query}`)).pagination.total

  it('finds any part of first name, last name, both together or the e-mail address', async () => {
    expect(await totalOf('search=anna')).toBe(13)
    expect(await totalOf('search=ANNA')).toBe(13)
    expect(await totalOf('search=b%C3%A9a')).toBe(6)
    expect(await totalOf('search=anna%20zuse')).toBe(1)
    expect(await totalOf('search=na+Zu')).toBe(1)
    expect(await totalOf('search=@SHOP.example')).toBe(24)
    expect(await totalOf('search=c07@')).toBe(1)
    expect(await totalOf('search=555-0199')).toBe(0)
  })

  it('goes together with the e-mail filter, which takes the whole address in any spelling', async () => {
    expect(idsOf(await list('?email=anna.ZUSE@example.net'))).toEqual([anna.id])
    expect(await totalOf('email=anna.zuse@example.net&search=carl')).toBe(0)
    expect(await totalOf('email=zuse@example.net')).toBe(0)
    const body = await list('?search=Anna&email=ANNA.zuse@example.net&sort_by=email&order=desc')
    expect(body.filters_applied).toEqual({
      search: 'Anna',
      email: 'ANNA.zuse@example.net',
      sort_by: 'email',
      order: 'desc',
    })
    for (const email of ['', 'zuse', "a'b", 'a%20b@example.net']) {
      const answer = await mike.get(`/customers?email=${email}`)
      expect([answer.status, answer.body.errors]).toEqual([400, { email: ['Not a valid email address.'] }])
    }
  })

  it('tells all faults of a query at once', async () => {
    const answer = await mike.get(
      `/customers?search=${'a'.repeat(101)}&email=x&sort_by=password_hash&order=up`,
    )
    expect(answer.body.errors).toEqual({
      search: ['Longer than maximum length 100.'],
      email: ['Not a valid email address.'],
      sort_by: ['Must be one of: id, first_name, last_name, email, created_at.'],
      order: ['Must be one of: asc, desc.'],
    })
  })
})

describe('one customer', () => {
  it('is shown to oneself and to staff, and to no other customer', async () => {
    const shown = {
      id: anna.id,
      first_name: 'anna',
      last_name: 'Zuse',
      email: 'Anna.Zuse@Example.NET',
      phone_number: '555-0199',
    }
    for (const reader of [anna, mike, boss])
      expect((await reader.get(`/customers/${anna.id}`)).body).toEqual(shown)
    const refused = await (await customer()).get(`/customers/${anna.id}`)
    expect([refused.status, refused.body.message]).toEqual([403, 'You can only view your own information'])
  })

  it('is nobody where the id is one of staff, for staff themselves too', async () => {
    for (const reader of [mike, boss]) {
      for (const id of [mike.id, boss.id, 999_999]) {
        const answer = await reader.get(`/customers/${id}`)
        expect([answer.status, answer.body.error]).toEqual([404, 'Customer not found'])
      }
    }
    for (const id of [mike.id, boss.id]) {
      expect((await boss.put(`/customers/${id}`, { first_name: 'X' })).body.code).toBe('customer_not_found')
      expect((await boss.delete(`/customers/${id}`)).body.code).toBe('customer_not_found')
    }
  })

  it('is changed by an admin in name, phone and e-mail, never in the password', async () => {
    const path = `/customers/${(await customer()).id}`
    const email = uniqueEmail()
    const changed = await boss.put(path, { first_name: 'New', phone_number: null, email })
    expect(changed.body).toMatchObject({ first_name: 'New', phone_number: null, email })
    const refused = await boss.put(path, { first_name: 'Newer', password: 'torque-wrench-43' })
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'A password can only be changed by its owner',
    ])
    expect((await boss.get(path)).body.first_name).toBe('New')
    expect((await mike.put(path, { first_name: 'Newer' })).status).toBe(403)
  })
})

it('every answer of /customers seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
