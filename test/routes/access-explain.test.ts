/** /admin/access/explain: which rule allows or denies, and what is missing. */
import { beforeAll, describe, expect, it } from 'vitest'
import { admin, customer, mechanic, type Person, program } from '../support/client.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let mike: Person
let boss: Person

beforeAll(async () => {
  ;[john, mike, boss] = await Promise.all([customer(), mechanic(), admin()])
})

const ask = async (person: Person, method: string, path: string) => {
  const { status, body } = await boss.post('/admin/access/explain', { account_id: person.id, method, path })
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body
}

describe('POST /admin/access/explain', () => {
  it('says what a role lacks', async () => {
    expect(await ask(mike, 'DELETE', `/customers/${john.id}`)).toEqual({
      allowed: false,
      reason: 'role',
      explanation: 'The role does not have the permission.',
      account: { id: mike.id, role: 'mechanic', status: 'active' },
      operation: 'DELETE /customers/{id}',
      rule: 'profile:write for oneself, customers:write for others',
      permission: 'customers:write',
      reach: null,
      needs_session: true,
      missing: ['customers:write'],
    })
  })

  it('says what allows, and how far it reaches', async () => {
    expect(await ask(john, 'GET', '/customers/my-tickets')).toMatchObject({
      allowed: true,
      reason: 'granted',
      rule: 'tickets:read',
      permission: 'tickets:read',
      reach: 'own',
      needs_session: false,
      missing: [],
    })
    expect(await ask(boss, 'GET', '/service-tickets/1')).toMatchObject({ allowed: true, reach: 'any' })
  })

  it('tells the own id from another', async () => {
    const [own, other] = [
      await ask(john, 'PUT', `/customers/${john.id}`),
      await ask(john, 'PUT', `/customers/${mike.id}`),
    ]
    expect([own.allowed, own.permission, own.missing]).toEqual([true, 'profile:write', []])
    expect([other.allowed, other.permission, other.missing]).toEqual([
      false,
      'customers:write',
      ['customers:write'],
    ])
  })

  it('tells what is open to anyone, and what is no operation', async () => {
    expect(await ask(john, 'POST', '/auth/login')).toMatchObject({
      allowed: true,
      reason: 'open',
      operation: 'POST /auth/login',
      rule: null,
      permission: null,
    })
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['DELETE', '/auth/login'],
      ['GET', '/customers/0'],
      ['GET', '/customers/x'],
    ] as const) {
      const { allowed, reason, operation } = await ask(boss, method, path)
      expect([path, allowed, reason, operation]).toEqual([path, false, 'no_operation', null])
    }
  })

  it('reads paths as a request would: HEAD as GET, with or without a slash at the end', async () => {
    for (const [method, path] of [
      ['HEAD', '/customers'],
      ['GET', '/customers/'],
    ] as const) {
      expect(await ask(mike, method, path)).toMatchObject({ allowed: true, operation: 'GET /customers' })
    }
    expect((await ask(john, 'GET', '/')).operation).toBe('GET /')
  })

  it('is about the account as it is now', async () => {
    const anna = await mechanic()
    expect((await ask(anna, 'GET', '/customers')).allowed).toBe(true)
    await testEnv.DB.prepare("UPDATE accounts SET role = 'customer' WHERE id = ?").bind(anna.id).run()
    expect((await ask(anna, 'GET', '/customers')).missing).toEqual(['customers:read'])
    await testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE id = ?").bind(anna.id).run()
    expect(await ask(anna, 'GET', '/auth/me')).toMatchObject({
      allowed: false,
      reason: 'account_suspended',
      missing: [],
    })
  })

  it('does nothing of what it is asked about', async () => {
    const before = await testEnv.DB.prepare('SELECT * FROM accounts ORDER BY id').all()
    await ask(boss, 'DELETE', `/customers/${john.id}`)
    expect((await testEnv.DB.prepare('SELECT * FROM accounts ORDER BY id').all()).results).toEqual(
      before.results,
    )
  })

  it.each([
    ['a query', { path: '/customers?search=a' }, 'path'],
    ['no slash', { path: 'customers' }, 'path'],
    ['a very long path', { path: `/${'x'.repeat(1_024)}` }, 'path'],
    ['another method', { method: 'TRACE' }, 'method'],
    ['an id of zero', { account_id: 0 }, 'account_id'],
    ['one field more', { role: 'admin' }, 'role'],
  ])('refuses %s', async (_, overrides, field) => {
    const question = { account_id: john.id, method: 'GET', path: '/', ...overrides }
    const { status, body } = await boss.post('/admin/access/explain', question)
    expect([status, Object.keys(body.errors)]).toEqual([400, [field]])
  })

  it('is for admins, and for their programs with accounts:admin', async () => {
    const question = { account_id: john.id, method: 'GET', path: '/' }
    for (const person of [john, mike, await program(boss, 'audit:read')]) {
      expect((await person.post('/admin/access/explain', question)).status).toBe(403)
    }
    const office = await program(boss, 'accounts:admin')
    expect((await office.post('/admin/access/explain', question)).status).toBe(200)
  })
})
