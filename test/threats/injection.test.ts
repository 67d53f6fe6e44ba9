/** Hostile input: bodies that are no JSON, wrong types, repeated names, SQL and patterns in the query. */
import { beforeAll, describe, expect, it } from 'vitest'
import { admin, anonymous, customer, mechanic, ORIGIN, type Person, send } from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { derivations, forgetDerivations } from '../support/production-limits.ts'

let john: Person
let boss: Person
let mike: Person

beforeAll(async () => {
  ;[john, boss, mike] = await Promise.all([customer(), admin(), mechanic()])
})

describe('bodies', () => {
  const put = (body: BodyInit, type = 'application/json') =>
    send(
      new Request(`${ORIGIN}/customers/${john.id}`, {
        method: 'PUT',
        headers: { 'Content-Type': type, Authorization: `Bearer ${john.token}` },
        body,
      }),
    )
  const streamed = (size: number) => new Blob(['{"a":"', 'x'.repeat(size), '"}']).stream()

  it('S101: a body beyond 64 KiB is 413, with Content-Length and streamed without', async () => {
    const million = 'x'.repeat(1_000_000)
    expect((await put(million)).status).toBe(413)
    expect((await put(streamed(1_000_000))).status).toBe(413)
    expect((await anonymous().post('/auth/login', million)).status).toBe(413)
    const limit = `{"a":"${'x'.repeat(65_536 - 8)}"}`
    expect((await put(limit)).body.errors).toEqual({ a: ['Unknown field.'] })
    expect((await put(`${limit} `)).status).toBe(413)
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json;charset=utf-16',
    'application/json; charset=utf-8; x=1',
    'application/problem+json',
    'application/jsonx',
    'application/json, application/json',
  ])('S100: JSON labelled %s is 415', async (type) => {
    expect((await put('{"first_name":"A"}', type)).status).toBe(415)
  })

  it('S100: application/json passes in any letter case, with a UTF-8 charset', async () => {
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json;charset=UTF-8',
      'application/json; charset="utf-8"',
    ])
      expect((await put('{"first_name":"A"}', type)).status).toBe(200)
  })

  it.each([
    ['an empty list', '[]'],
    ['a list', '[{"first_name":"A"}]'],
    ['null', 'null'],
    ['a string', '"x"'],
    ['a number', '1'],
    ['true', 'true'],
    ['30,000 nested lists', '['.repeat(30_000) + ']'.repeat(30_000)],
  ])('%s as the body is told as _schema', async (_, body) => {
    const answer = await put(body)
    expect([answer.status, answer.body.errors]).toEqual([400, { _schema: ['Invalid input type.'] }])
  })

  it.each([
    ['a cut end', '{"a":'],
    ['60,000 opening brackets', '['.repeat(60_000)],
    ['a byte order mark', '\ufeff{"first_name":"A"}'],
    ['bad UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['UTF-16', new Uint8Array([0x7b, 0x00, 0x7d, 0x00])],
    ['blanks alone', '  '],
    ['a trailing comma', '{"first_name":"A",}'],
    ['single quotes', "{'first_name':'A'}"],
    ['two values', '{"first_name":"A"}{}'],
    ['NaN', '{"first_name":NaN}'],
    ['a text without an end', `"${'\\"'.repeat(32_000)}`],
    ['a repeated key (S106)', '{"first_name":"A","first_name":"B"}'],
    ['a key repeated in another spelling (S106)', '{"first_name":"A","first\\u005fname":"B"}'],
    ['a repeated key further down (S106)', '{"first_name":{"a":1,"a":2}}'],
  ])('S101: %s is 400 malformed_json', async (_, body) => {
    const answer = await put(body)
    expect([answer.status, answer.body.code]).toEqual([400, 'malformed_json'])
  })

  it('text that looks like repeated keys is text', async () => {
    const tricky = { first_name: 'a":1,"a":1', last_name: '\\', phone_number: '", ":' }
    expect((await put(JSON.stringify(tricky))).body).toMatchObject(tricky)
  })

  it('S101: __proto__ and constructor are unknown fields and pollute nothing', async () => {
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      const answer = await put(`{"${key}":{"polluted":true,"isAdmin":true},"first_name":"A"}`)
      expect([answer.status, Object.entries(answer.body.errors)]).toEqual([400, [[key, ['Unknown field.']]]])
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('wrong types', () => {
  const WRONG = [null, true, 1, [], ['x'], { $ne: null }, undefined]
  const messagesOf = (value: unknown) => {
    if (value === undefined) return ['Missing data for required field.']
    return value === null ? ['Field may not be null.'] : ['Not a valid string.']
  }

  it.each(['email', 'password'])(
    'S28: %s of any other type is refused before any derivation',
    async (field) => {
      forgetDerivations()
      const rest = { first_name: 'A', last_name: 'B', email: 'a@b.example', password: 'torque-wrench-42' }
      for (const value of WRONG) {
        const expected = { [field]: messagesOf(value) }
        const registered = await anonymous().post('/customers', { ...rest, [field]: value })
        expect([registered.status, registered.body.errors]).toEqual([400, expected])
        const { email, password } = rest
        for (const door of ['/customers/login', '/auth/login']) {
          const answer = await anonymous().post(door, { email, password, [field]: value })
          expect([answer.status, answer.body.errors]).toEqual([400, expected])
        }
        if (value === undefined) continue
        for (const changed of [
          await john.put(`/customers/${john.id}`, { [field]: value }),
          await john.patch('/auth/me', { [field]: value }),
        ])
          expect([changed.status, changed.body.errors]).toEqual([400, expected])
      }
      expect(derivations).toEqual([])
    },
  )

  it('S28: the link token, the current password and every field of a ticket have one type', async () => {
    const id = (
      await mike.post('/service-tickets', {
        customer_id: john.id,
        description: 'A',
        service_date: '2026-01-15',
      })
    ).body.id
    for (const value of [null, true, 1, ['x'], { $ne: null }]) {
      const reset = await anonymous().post('/auth/password/reset', {
        token: value,
        password: 'torque-wrench-42',
      })
      expect(reset.body.errors).toEqual({ token: messagesOf(value) })
      const deleted = await john.delete(`/customers/${john.id}`, { current_password: value })
      expect(deleted.body.errors).toEqual({ current_password: messagesOf(value) })
      const changed = await mike.put(`/service-tickets/${id}`, { description: value, service_date: value })
      expect(changed.body.errors).toEqual({ description: messagesOf(value), service_date: messagesOf(value) })
    }
    for (const value of [null, true, '1', 0, -1, 1.5, ['x'], { $gt: 0 }]) {
      const opened = await mike.post('/service-tickets', {
        customer_id: value,
        description: 'A',
        service_date: '2026-01-15',
        mechanic_ids: [value],
      })
      expect([opened.status, Object.keys(opened.body.errors)]).toEqual([
        400,
        ['customer_id', 'mechanic_ids.0'],
      ])
    }
  })

  it('text that storage would change is refused: U+0000 and lone surrogates', async () => {
    for (const first_name of ['a\0b', '\ud800', '\udc00x']) {
      const answer = await john.put(`/customers/${john.id}`, { first_name })
      expect(answer.body.errors).toEqual({ first_name: ['Not a valid string.'] })
    }
    expect((await boss.get('/customers?search=%00')).body.errors).toEqual({ search: ['Not a valid string.'] })
  })
})

const SQL = [
  "' OR '1'='1",
  "'; DROP TABLE accounts;--",
  '(CASE WHEN 1=1 THEN id ELSE email END)',
  'id;--',
  'id,password_hash',
  'password_hash',
  '1 UNION SELECT password_hash FROM accounts',
  'desc;--',
  '*',
  '',
]

describe('the query', () => {
  it.each(SQL)('S105: sort_by, order and status do not take "%s"', async (text) => {
    const value = encodeURIComponent(text)
    for (const path of [
      `/customers?sort_by=${value}`,
      `/customers?order=${value}`,
      `/service-tickets?status=${value}`,
    ]) {
      const answer = await boss.get(path)
      expect([path, answer.status, answer.body.code]).toEqual([path, 400, 'validation_failed'])
    }
  })

  it.each(SQL.filter((text) => text !== ''))(
    'S105: "%s" is a name, a description and a search like any other',
    async (text) => {
      const named = await john.put(`/customers/${john.id}`, { first_name: text })
      expect(named.body.first_name).toBe(text)
      const found = await boss.get(`/customers?search=${encodeURIComponent(text)}`)
      expect(found.body.customers.map(({ id }: Person) => id)).toEqual([john.id])
      const ticket = { customer_id: john.id, description: text, service_date: '2026-01-15' }
      expect((await mike.post('/service-tickets', ticket)).body.description).toBe(text)
    },
  )

  it('S105: %, _ and quotes in a search mean themselves', async () => {
    await john.put(`/customers/${john.id}`, { first_name: "100%_O'Brien", last_name: 'Plain' })
    const totalOf = async (search: string) =>
      (await boss.get(`/customers?search=${encodeURIComponent(search)}`)).body.pagination.total
    expect(await Promise.all(['100%', '%_O', "O'B", '%'].map(totalOf))).toEqual([1, 1, 1, 1])
    expect(await Promise.all(['1%0', '_00%', '%%', "''", '\\%', '*'].map(totalOf))).toEqual([
      0, 0, 0, 0, 0, 0,
    ])
  })

  it('S105: a search holds up to 100 characters of any kind; beyond that it is 400, never 500', async () => {
    for (const [unit, at] of [
      ['a', 100],
      ['é', 100],
      ['🔧', 100],
      ['%', 100],
    ] as const) {
      const fits = await boss.get(`/customers?search=${encodeURIComponent(unit.repeat(at))}`)
      const beyond = await boss.get(`/customers?search=${encodeURIComponent(unit.repeat(at + 1))}`)
      expect([fits.status, beyond.status]).toEqual([200, 400])
      expect(beyond.body.errors).toEqual({ search: ['Longer than maximum length 100.'] })
    }
    expect((await boss.get(`/customers?search=${'a'.repeat(10_000)}`)).status).toBe(400)
    for (const odd of ['%', '%zz', '%FF', '%ED%A0%80', '+', '%2B', '%F0%9F']) {
      expect((await boss.get(`/customers?search=${odd}`)).status).toBe(200)
    }
  })

  it('S106: a parameter sent twice is refused, not chosen from', async () => {
    for (const path of [
      '/customers?page=1&page=2',
      '/customers?per_page=1&per_page=9',
      '/customers?search=a&search=b',
      '/customers?email=a@b.example&email=c@d.example',
      '/customers?sort_by=id&sort_by=email',
      '/customers?order=asc&order=desc',
      '/service-tickets?limit=1&limit=9',
      '/service-tickets?status=open&status=open',
      `/service-tickets?customer_id=${john.id}&customer_id=${boss.id}`,
      '/service-tickets?cursor=a&cursor=b',
    ]) {
      const answer = await boss.get(path)
      expect([path, answer.status, answer.body.code]).toEqual([path, 400, 'validation_failed'])
    }
    const noise = '__proto__=1&constructor=2&toString=3&order[]=desc&sort_by[]=email&page[0]=7'
    expect((await boss.get(`/customers?${noise}`)).body).toMatchObject({
      pagination: { page: 1 },
      filters_applied: { sort_by: 'id', order: 'asc' },
    })
  })
})

it('every answer to hostile input is documented for its operation', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
