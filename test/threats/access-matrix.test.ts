/** Who may do what: one table over every documented operation, and what no table row may let through. */
import { beforeAll, describe, expect, it } from 'vitest'
import { challengeOf, enrol, type Guarded, verify } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  type Caller,
  caller,
  customer,
  mechanic,
  type Person,
  type Program,
  program,
  registration,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { codeOf } from '../support/one-time-code.ts'
import { operationsOf, readDocument, undocumentedAnswers } from '../support/openapi.ts'
import { logLines } from '../support/production-limits.ts'
import { uniqueNumber, verifyEmail } from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

const COLUMNS = [
  'nobody',
  'customer',
  'other customer',
  'mechanic',
  'admin',
  'ended session',
  // Of the admin, with the one scope `tickets:read`.
  'narrow API token',
  // Whose password was right and whose second factor is awaited: what the mfa_token opens as a bearer token.
  'MFA pending',
] as const
type Column = (typeof COLUMNS)[number]
type Statuses = [number, number, number, number, number, number, number, number]

/** `{id}` is the customer's own id, or that of the customer's own session, device, token or ticket, of a mechanic, of an item. In the order of COLUMNS. */
const MATRIX: Record<string, Statuses> = {
  'GET /': [200, 200, 200, 200, 200, 200, 200, 200],
  'GET /health': [200, 200, 200, 200, 200, 200, 200, 200],
  'GET /ready': [200, 200, 200, 200, 200, 200, 200, 200],
  'GET /openapi.json': [200, 200, 200, 200, 200, 200, 200, 200],
  'GET /problems/{code}': [200, 200, 200, 200, 200, 200, 200, 200],
  'POST /customers': [201, 201, 201, 201, 201, 201, 201, 201],
  'POST /customers/login': [200, 200, 200, 401, 401, 200, 401, 200],
  'POST /auth/login': [200, 200, 200, 200, 200, 200, 200, 200],
  'POST /auth/refresh': [401, 401, 401, 401, 401, 401, 401, 401],
  'GET /auth/sessions': [401, 200, 200, 200, 200, 401, 403, 401],
  'DELETE /auth/sessions': [401, 200, 200, 200, 200, 401, 403, 401],
  'DELETE /auth/sessions/{id}': [401, 200, 404, 404, 404, 401, 403, 401],
  'GET /auth/csrf': [401, 200, 200, 200, 200, 401, 403, 401],
  'GET /auth/devices': [401, 200, 200, 200, 200, 401, 403, 401],
  'PATCH /auth/devices/{id}': [401, 200, 404, 404, 404, 401, 403, 401],
  'DELETE /auth/devices/{id}': [401, 200, 404, 404, 404, 401, 403, 401],
  'POST /auth/step-up': [401, 200, 200, 200, 200, 401, 403, 401],
  'POST /auth/mfa/verify': [401, 401, 401, 401, 401, 401, 401, 401],
  'POST /auth/mfa/challenge': [401, 401, 401, 401, 401, 401, 401, 401],
  'POST /auth/step-up/challenge': [401, 404, 404, 404, 404, 401, 403, 401],
  'POST /auth/mfa/sms': [401, 201, 403, 201, 201, 401, 403, 401],
  'POST /auth/mfa/sms/confirm': [401, 401, 404, 401, 401, 401, 403, 401],
  'DELETE /auth/mfa/sms': [401, 404, 404, 404, 404, 401, 403, 401],
  'GET /auth/mfa': [401, 200, 200, 200, 200, 401, 403, 401],
  'POST /auth/mfa/totp': [401, 201, 201, 201, 201, 401, 403, 401],
  'POST /auth/mfa/totp/confirm': [401, 401, 401, 401, 401, 401, 403, 401],
  'DELETE /auth/mfa/totp': [401, 404, 404, 404, 404, 401, 403, 401],
  'POST /auth/mfa/recovery-codes': [401, 404, 404, 404, 404, 401, 403, 401],
  'GET /auth/mfa/trusted-devices': [401, 200, 200, 200, 200, 401, 403, 401],
  'DELETE /auth/mfa/trusted-devices/{id}': [401, 404, 404, 404, 404, 401, 403, 401],
  'POST /auth/logout': [401, 200, 200, 200, 200, 401, 403, 401],
  'POST /auth/password/reset': [400, 400, 400, 400, 400, 400, 400, 400],
  'POST /auth/password/forgot': [202, 202, 202, 202, 202, 202, 202, 202],
  'POST /auth/tokens': [401, 201, 201, 201, 201, 401, 403, 401],
  'GET /auth/tokens': [401, 200, 200, 200, 200, 401, 403, 401],
  'DELETE /auth/tokens/{id}': [401, 200, 404, 404, 404, 401, 403, 401],
  'POST /auth/introspect': [401, 403, 403, 403, 200, 401, 403, 401],
  'GET /auth/export': [401, 200, 200, 200, 200, 401, 403, 401],
  'GET /auth/me': [401, 200, 200, 200, 200, 401, 403, 401],
  'PATCH /auth/me': [401, 200, 200, 200, 200, 401, 403, 401],
  'GET /customers': [401, 403, 403, 200, 200, 401, 403, 401],
  'GET /customers/my-tickets': [401, 200, 200, 200, 200, 401, 200, 401],
  'GET /customers/{id}': [401, 200, 403, 200, 200, 401, 403, 401],
  'PUT /customers/{id}': [401, 200, 403, 403, 200, 401, 403, 401],
  'DELETE /customers/{id}': [401, 200, 403, 403, 200, 401, 403, 401],
  'POST /service-tickets': [401, 201, 403, 201, 201, 401, 403, 401],
  'GET /service-tickets': [401, 200, 200, 200, 200, 401, 200, 401],
  'GET /service-tickets/{id}': [401, 200, 404, 200, 200, 401, 200, 401],
  'PUT /service-tickets/{id}': [401, 403, 403, 200, 200, 401, 403, 401],
  'GET /admin/accounts': [401, 403, 403, 403, 200, 401, 403, 401],
  'POST /admin/accounts': [401, 403, 403, 403, 201, 401, 403, 401],
  'GET /admin/accounts/{id}': [401, 403, 403, 403, 200, 401, 403, 401],
  'PATCH /admin/accounts/{id}': [401, 403, 403, 403, 200, 401, 403, 401],
  'DELETE /admin/accounts/{id}': [401, 403, 403, 403, 200, 401, 403, 401],
  'POST /admin/accounts/{id}/reset-mfa': [401, 403, 403, 403, 200, 401, 403, 401],
  'POST /admin/accounts/{id}/revoke-sessions': [401, 403, 403, 403, 200, 401, 403, 401],
  'POST /admin/access/explain': [401, 403, 403, 403, 200, 401, 403, 401],
  'GET /admin/audit-events': [401, 403, 403, 403, 200, 401, 403, 401],
  'GET /admin/audit-events/export': [401, 403, 403, 403, 200, 401, 403, 401],
  'GET /admin/audit-events/verify': [401, 403, 403, 403, 200, 401, 403, 401],
  'GET /admin/outbox': [401, 403, 403, 403, 200, 401, 403, 401],
  'POST /admin/outbox/{id}/resend': [401, 403, 403, 403, 404, 401, 403, 401],
  'GET /mechanics': [401, 403, 403, 200, 200, 401, 403, 401],
  'POST /mechanics': [401, 403, 403, 403, 201, 401, 403, 401],
  'GET /mechanics/by-workload': [401, 403, 403, 200, 200, 401, 403, 401],
  'GET /mechanics/{id}': [401, 403, 403, 200, 200, 401, 403, 401],
  'PUT /mechanics/{id}': [401, 403, 403, 403, 200, 401, 403, 401],
  'DELETE /mechanics/{id}': [401, 403, 403, 403, 200, 401, 403, 401],
  'GET /inventory': [401, 200, 200, 200, 200, 401, 403, 401],
  'POST /inventory': [401, 403, 403, 201, 201, 401, 403, 401],
  'POST /inventory/bulk': [401, 403, 403, 201, 201, 401, 403, 401],
  'GET /inventory/{id}': [401, 200, 200, 200, 200, 401, 403, 401],
  'PUT /inventory/{id}': [401, 403, 403, 200, 200, 401, 403, 401],
  'DELETE /inventory/{id}': [401, 403, 403, 200, 200, 401, 403, 401],
  'DELETE /service-tickets/{id}': [401, 403, 403, 200, 200, 401, 403, 401],
  'PUT /service-tickets/{id}/edit': [401, 403, 403, 200, 200, 401, 403, 401],
  'PUT /service-tickets/{id}/assign-mechanic/{mechanic_id}': [401, 403, 403, 200, 200, 401, 403, 401],
  'PUT /service-tickets/{id}/remove-mechanic/{mechanic_id}': [401, 403, 403, 400, 400, 401, 403, 401],
  'POST /service-tickets/{id}/inventory': [401, 403, 403, 200, 200, 401, 403, 401],
  'DELETE /service-tickets/{id}/inventory/{part_id}': [401, 403, 403, 400, 400, 401, 403, 401],
  'POST /auth/password/change': [401, 200, 200, 200, 200, 401, 403, 401],
  'POST /auth/email/verify': [400, 400, 400, 400, 400, 400, 400, 400],
  'POST /auth/email/resend': [401, 202, 202, 202, 202, 401, 403, 401],
  'POST /auth/email/undo': [400, 400, 400, 400, 400, 400, 400, 400],
  'POST /auth/not-me': [400, 400, 400, 400, 400, 400, 400, 400],
}

let john: Person
let jane: Person
let mike: Person
let boss: Person
let ended: Person
let till: Program
let pending: Guarded
let mfaToken = ''
let ticketId = 0
let mechanicId = 0
let itemId = 0
let operations: string[] = []
const answers: Answer[] = []

const newItem = () => ({ name: uniqueEmail('part'), price: 9.5, quantity: 100 })
const newMechanic = () => ({ name: 'Maria Keller', email: uniqueEmail('maria') })
const newTicket = () => ({ customer_id: john.id, description: 'Brakes', service_date: '2026-01-15' })

beforeAll(async () => {
  ;[john, jane, mike, boss] = await Promise.all([customer(), customer(), mechanic(), admin()])
  // Jane has not verified her address.
  for (const person of [john, mike, boss]) await verifyEmail(person)
  ended = await freshlyEnded(john)
  till = await program(boss, 'tickets:read')
  pending = await enrol(await admin())
  mfaToken = await challengeOf(pending)
  ticketId = (await mike.post('/service-tickets', newTicket())).body.id
  mechanicId = (await boss.post('/mechanics', newMechanic())).body.id
  itemId = (await boss.post('/inventory', newItem())).body.id
  operations = operationsOf(await readDocument()).map(({ method, path }) => `${method} ${path}`)
})

/** The person through a session that has been logged out. */
async function freshlyEnded(person: Person): Promise<Person> {
  const session = await signedIn(person.email, person.password)
  expect((await session.post('/auth/logout')).status).toBe(200)
  return session
}

function personOf(column: Column): Person | undefined {
  if (column === 'narrow API token') return { ...boss, ...till }
  // Not the person: what is asked for in the body is the customer's, as for nobody.
  if (column === 'MFA pending') return { ...john, ...caller(mfaToken), token: mfaToken }
  return {
    nobody: undefined,
    customer: john,
    'other customer': jane,
    mechanic: mike,
    admin: boss,
    'ended session': ended,
  }[column]
}

const BODIES: Record<string, (person: Person | undefined) => unknown> = {
  'POST /customers': () => registration(),
  'POST /customers/login': (person) => ({ email: (person ?? john).email, password: john.password }),
  'POST /auth/login': (person) => ({ email: (person ?? john).email, password: john.password }),
  'POST /auth/password/reset': () => ({ token: 'never-issued', password: 'torque-wrench-43' }),
  'POST /auth/password/forgot': (person) => ({ email: (person ?? john).email }),
  'POST /auth/mfa/verify': () => ({ mfa_token: 'never-issued', method: 'totp', code: '123456' }),
  'POST /auth/mfa/challenge': () => ({ mfa_token: 'never-issued', method: 'sms' }),
  'POST /auth/step-up/challenge': () => ({ method: 'sms' }),
  'POST /auth/mfa/sms': () => ({ phone_number: uniqueNumber() }),
  'POST /auth/mfa/sms/confirm': () => ({ code: '000000' }),
  'POST /auth/mfa/totp/confirm': () => ({ code: '000000' }),
  'POST /auth/password/change': (person) => {
    const { password } = person ?? john
    return { current_password: password, password }
  },
  'POST /auth/email/verify': () => ({ token: 'never-issued' }),
  'POST /auth/email/undo': () => ({ token: 'never-issued' }),
  'POST /auth/not-me': () => ({ token: 'never-issued' }),
  'POST /auth/step-up': (person) => ({ password: (person ?? john).password }),
  'POST /auth/tokens': () => ({ name: 'Till', scopes: ['profile:read'], expires_in_days: 1 }),
  'POST /admin/accounts': () => ({ email: uniqueEmail('invited'), role: 'admin' }),
  'PATCH /admin/accounts/{id}': () => ({ status: 'suspended' }),
  'POST /admin/access/explain': () => ({ account_id: john.id, method: 'GET', path: '/customers' }),
  'POST /auth/introspect': () => ({ token: 'never-issued' }),
  'POST /auth/refresh': () => ({ refresh_token: 'never-issued' }),
  'PATCH /auth/devices/{id}': () => ({ name: 'Changed' }),
  'PATCH /auth/me': () => ({ last_name: 'Changed' }),
  'PUT /customers/{id}': () => ({ last_name: 'Changed' }),
  'POST /mechanics': () => newMechanic(),
  'PUT /mechanics/{id}': () => ({ name: 'Changed' }),
  'POST /inventory': () => newItem(),
  'POST /inventory/bulk': () => ({ items: [newItem()] }),
  'PUT /inventory/{id}': () => ({ price: 1 }),
  'POST /service-tickets': newTicket,
  'POST /service-tickets/{id}/inventory': () => ({ inventory_id: itemId }),
  'PUT /service-tickets/{id}': () => ({ description: 'Brakes and oil' }),
}

function idOf(pattern: string): number {
  if (pattern.startsWith('/mechanics')) return mechanicId
  if (pattern.startsWith('/inventory')) return itemId
  return pattern.startsWith('/service-tickets') ? ticketId : john.id
}

function pathOf(pattern: string, id: number | string): string {
  return pattern
    .replace('{id}', String(id))
    .replace('{mechanic_id}', String(mechanicId))
    .replace('{part_id}', String(itemId))
    .replace('{code}', 'forbidden')
}

/** Things of the customer, by their path; each stands until one of the columns is allowed to end it. */
const ownThings = new Map<string, string>()

async function idOfOwn(kind: string): Promise<string> {
  const id = ownThings.get(kind) ?? (await makeOwn(kind))
  ownThings.set(kind, id)
  return id
}

async function makeOwn(kind: string): Promise<string> {
  if (kind === 'tokens') return (await program(john, 'profile:read')).tokenId
  const session = await signedIn(john.email, john.password)
  const { items } = (await session.get('/auth/sessions')).body
  const { id, device } = items.find(({ current }: { current: boolean }) => current)
  return kind === 'devices' ? device.id : id
}

/** Calls an operation as one of the columns; what would end a persona is done to a person of its own. */
async function callAs(column: Column, operation: string): Promise<Answer> {
  const [method = '', pattern = ''] = operation.split(' ')
  let person = personOf(column)
  let id: number | string = idOf(pattern)
  const [, kindOfOwn] = /^\/auth\/(sessions|devices|tokens)\/\{id\}$/.exec(pattern) ?? []
  if (kindOfOwn) id = await idOfOwn(kindOfOwn)
  if (operation === 'DELETE /customers/{id}') {
    const victim = await customer()
    id = victim.id
    if (column === 'customer') person = victim
    if (column === 'ended session') person = await freshlyEnded(victim)
  }
  const isAlone = column !== 'narrow API token' && column !== 'MFA pending'
  // What each does once, it does to a ticket of its own.
  if (pattern.startsWith('/service-tickets/{id}/') || operation === 'DELETE /service-tickets/{id}')
    id = (await mike.post('/service-tickets', newTicket())).body.id
  if (operation === 'DELETE /inventory/{id}') id = (await boss.post('/inventory', newItem())).body.id
  if (operation === 'DELETE /mechanics/{id}') id = (await boss.post('/mechanics', newMechanic())).body.id
  // What an admin does to an account, to one that nobody here uses.
  if (pattern.startsWith('/admin/accounts/{id}')) id = (await customer()).id
  if (operation === 'DELETE /auth/sessions' && person && person !== ended && isAlone)
    person = await (column === 'mechanic' ? mechanic() : column === 'admin' ? admin() : customer())
  if (operation === 'POST /auth/logout' && person && person !== ended && isAlone)
    person = await signedIn(person.email, person.password)
  const by: Caller = caller(person?.token)
  const path = pathOf(pattern, id)
  const call = by[method.toLowerCase() as 'post' | 'put' | 'patch' | 'delete']
  const answer = await (method === 'GET' ? by.get(path) : call(path, BODIES[operation]?.(person)))
  if (kindOfOwn && method === 'DELETE' && answer.status === 200) ownThings.delete(kindOfOwn)
  answers.push(answer)
  return answer
}

/** Open to anyone who sends the right thing in the body. */
const OPEN_TO_PROOFS = ['POST /auth/refresh', 'POST /auth/mfa/verify', 'POST /auth/mfa/challenge']

/**
 * Whose ticket a customer opens, that a code is wrong, or an address not verified, is in the body or the account, of which
 * an explanation knows nothing.
 */
const DECIDED_BY_MORE = [
  'POST /service-tickets',
  'POST /auth/mfa/totp/confirm',
  'POST /auth/mfa/sms',
  'POST /auth/mfa/sms/confirm',
]

describe('S88: role and operation', () => {
  it('the table has every documented operation and no other', () => {
    expect(Object.keys(MATRIX).sort()).toEqual(operations.toSorted())
  })

  it.each(Object.entries(MATRIX))('%s', async (operation, expected) => {
    const statuses: [Column, number][] = []
    for (const column of COLUMNS) statuses.push([column, (await callAs(column, operation)).status])
    expect(statuses).toEqual(COLUMNS.map((column, index) => [column, expected[index]]))
  })

  it('S88: an explanation says of every operation and person what really happens', async () => {
    for (const [operation, expected] of Object.entries(MATRIX)) {
      const [method = '', pattern = ''] = operation.split(' ')
      const id = idOf(pattern)
      const path = pathOf(pattern, id)
      for (const [index, person] of [john, jane, mike, boss].entries()) {
        const question = { account_id: person.id, method, path }
        const {
          allowed,
          reason,
          operation: named,
        } = (await boss.post('/admin/access/explain', question)).body
        // What anyone may call can say no for reasons of its own.
        const isOpen = expected[0] !== 401 || OPEN_TO_PROOFS.includes(operation)
        const isLetIn = DECIDED_BY_MORE.includes(operation) || ![401, 403].includes(expected[index + 1] ?? 0)
        expect([operation, person.id, named, reason === 'open', allowed]).toEqual([
          operation,
          person.id,
          operation,
          isOpen,
          isOpen || isLetIn,
        ])
      }
    }
  })

  it('S64: what awaits its second factor opens nothing, whatever is asked for, and is good for its sign-in afterwards', async () => {
    const by = caller(mfaToken)
    for (const operation of operations.filter((one) => MATRIX[one]?.[0] === 401)) {
      const answer = await callAs('MFA pending', operation)
      const isOpen = OPEN_TO_PROOFS.includes(operation)
      expect([operation, answer.status, isOpen || answer.body.code]).toEqual([
        operation,
        401,
        isOpen || 'invalid_token',
      ])
    }
    const asRefreshToken = await by.post('/auth/refresh', { refresh_token: mfaToken })
    expect(asRefreshToken.body.code).toBe('invalid_refresh_token')
    const asLink = await by.post('/auth/password/reset', { token: mfaToken, password: 'torque-wrench-43' })
    expect(asLink.body.code).toBe('link_token_invalid')
    const asked = await boss.post('/auth/introspect', { token: mfaToken })
    expect(asked.body).toEqual({ active: false })
    expect((await verify(mfaToken, codeOf(pending.secret))).status).toBe(200)
    expect((await verify(mfaToken, codeOf(pending.secret))).body.code).toBe('mfa_token_invalid')
  })

  it('S92: a program with every scope is refused all that is documented to need a session', async () => {
    const all = await program(boss, ...(await boss.get('/auth/me')).body.permissions)
    // These need one for what they change of credentials alone.
    const sometimes = ['PATCH /auth/me', 'PUT /customers/{id}']
    const needing = operationsOf(await readDocument())
      .filter(({ description }) =>
        JSON.stringify(description.responses['403'] ?? {}).includes('session_required'),
      )
      .map(({ method, path }) => `${method} ${path}`)
    expect(needing.length).toBeGreaterThan(20)
    for (const operation of needing.filter((one) => !sometimes.includes(one))) {
      const [method = '', pattern = ''] = operation.split(' ')
      const path = pathOf(pattern, pattern.startsWith('/auth/') ? 'none' : idOf(pattern))
      const call = all[method.toLowerCase() as 'post' | 'put' | 'patch' | 'delete']
      const { status, body } = await (method === 'GET' ? all.get(path) : call(path, {}))
      expect([operation, status, body.code]).toEqual([operation, 403, 'session_required'])
    }
  })

  it('S99: what is for one person is never stored on the way', async () => {
    for (const operation of operations.filter((one) => MATRIX[one]?.[0] === 401)) {
      const answer = await callAs('admin', operation)
      expect([operation, answer.headers.get('cache-control')]).toEqual([operation, 'no-store'])
    }
  })

  it('S44: a missing permission is named in the challenge', async () => {
    const challenged = async (answer: Promise<Answer>) => (await answer).headers.get('www-authenticate')
    const missing = (scope: string) =>
      `Bearer realm="mechanic-shop", error="insufficient_scope", scope="${scope}"`
    expect(await challenged(john.get('/customers'))).toBe(missing('customers:read'))
    expect(await challenged(john.get(`/customers/${jane.id}`))).toBe(missing('customers:read'))
    expect(await challenged(mike.put(`/customers/${john.id}`, { last_name: 'X' }))).toBe(
      missing('customers:write'),
    )
    expect(await challenged(jane.post('/service-tickets', newTicket()))).toBe(missing('tickets:write'))
    expect(await challenged(john.put(`/service-tickets/${ticketId}`, {}))).toBe(missing('tickets:write'))
  })
})

const accountRow = (id: number) => testEnv.DB.prepare('SELECT * FROM accounts WHERE id = ?').bind(id).first()
const ticketRow = (id: number) =>
  testEnv.DB.prepare('SELECT * FROM service_tickets WHERE id = ?').bind(id).first()

describe('S89: other people', () => {
  it('nothing that a customer sends to another one changes anything', async () => {
    const before = [await accountRow(jane.id), await ticketRow(ticketId)]
    const own = `/customers/${jane.id}`
    const refused = [
      await john.get(own),
      await john.put(own, {
        first_name: 'Mallory',
        password: 'torque-wrench-43',
        current_password: john.password,
      }),
      await john.put(own, {}),
      await john.delete(own, { current_password: john.password }),
      await jane.put(`/service-tickets/${ticketId}`, { status: 'cancelled' }),
      await jane.delete(`/service-tickets/${ticketId}`),
      await jane.put(`/service-tickets/${ticketId}/edit`, { add_ids: [mechanicId] }),
      await jane.put(`/service-tickets/${ticketId}/assign-mechanic/${mechanicId}`),
      await jane.post(`/service-tickets/${ticketId}/inventory`, { inventory_id: itemId }),
      await jane.post('/service-tickets', newTicket()),
    ]
    expect(refused.map(({ status }) => status)).toEqual(Array(refused.length).fill(403))
    expect([await accountRow(jane.id), await ticketRow(ticketId)]).toEqual(before)
  })

  it('an id that is somebody and one that is nobody get the same answer', async () => {
    for (const [method, body] of [
      ['get', undefined],
      ['put', { first_name: 'M' }],
      ['delete', undefined],
    ] as const) {
      const ask = async (id: number) => {
        const { status, body: problem } = await (method === 'get'
          ? john.get(`/customers/${id}`)
          : john[method](`/customers/${id}`, body))
        return { status, ...problem, request_id: '' }
      }
      expect(await ask(jane.id)).toEqual(await ask(999_999))
      expect(await ask(boss.id)).toEqual(await ask(999_999))
    }
    const strip = ({ status, body }: Answer) => ({ status, ...body, request_id: '' })
    expect(strip(await jane.get(`/service-tickets/${ticketId}`))).toEqual(
      strip(await jane.get('/service-tickets/999999')),
    )
  })

  it('a customer lists own tickets only, whatever the query says', async () => {
    await mike.post('/service-tickets', { ...newTicket(), customer_id: jane.id })
    for (const query of ['', `?customer_id=${john.id}`, '?limit=100', '?status=open']) {
      const { items } = (await jane.get(`/service-tickets${query}`)).body
      expect(items.map((one: { customer_id: number }) => one.customer_id)).toEqual([jane.id])
    }
  })
})

const EXTRA = {
  role: 'admin',
  isAdmin: true,
  id: 1,
  email_verified: true,
  email_verified_at: 1,
  password_hash: 'x',
  passwordHash: 'x',
  customer_id: 1,
  account_id: 1,
  status: 'suspended',
  created_at: '2020-01-01T00:00:00Z',
  permissions: ['accounts:admin'],
}

describe('S90: fields that are nobody’s to set', () => {
  it('are refused on registration, each by name, and nobody is registered', async () => {
    const person = registration()
    const answer = await anonymous().post('/customers', { ...person, ...EXTRA })
    const errors = Object.fromEntries(Object.keys(EXTRA).map((field) => [field, ['Unknown field.']]))
    expect([answer.status, answer.body.errors]).toEqual([400, errors])
    const row = await testEnv.DB.prepare('SELECT id FROM accounts WHERE email = ?').bind(person.email).first()
    expect(row).toBeNull()
  })

  it('are refused in a change of a profile, also beside good fields and for an admin', async () => {
    const before = await accountRow(jane.id)
    for (const [field, value] of Object.entries(EXTRA)) {
      for (const answer of [
        await jane.patch('/auth/me', { first_name: 'Changed', [field]: value }),
        await jane.put(`/customers/${jane.id}`, { first_name: 'Changed', [field]: value }),
        await boss.put(`/customers/${jane.id}`, { first_name: 'Changed', [field]: value }),
      ])
        expect([answer.status, answer.body.errors]).toEqual([400, { [field]: ['Unknown field.'] }])
    }
    expect(await accountRow(jane.id)).toEqual(before)
  })

  it('are refused in a sign-in, a reset and a ticket', async () => {
    const before = await ticketRow(ticketId)
    const login = { email: john.email, password: john.password, role: 'admin' }
    const reset = { token: 'x', password: 'torque-wrench-43', account_id: 1 }
    expect((await anonymous().post('/auth/login', login)).body.errors).toEqual({ role: ['Unknown field.'] })
    expect((await anonymous().post('/auth/password/reset', reset)).body.errors).toEqual({
      account_id: ['Unknown field.'],
    })
    for (const field of ['id', 'status', 'created_at', 'updated_at', 'parts', 'customer']) {
      const answer = await mike.post('/service-tickets', { ...newTicket(), [field]: 1 })
      expect([answer.status, answer.body.errors]).toEqual([400, { [field]: ['Unknown field.'] }])
    }
    for (const field of ['id', 'customer_id', 'created_at', 'updated_at', 'mechanic_ids']) {
      const answer = await mike.put(`/service-tickets/${ticketId}`, { description: 'Changed', [field]: 1 })
      expect([answer.status, answer.body.errors]).toEqual([400, { [field]: ['Unknown field.'] }])
    }
    expect(await ticketRow(ticketId)).toEqual(before)
  })
})

it('S90: no answer of the table and no line of the log holds a hash or a secret', async () => {
  const { results } = await testEnv.DB.prepare(
    'SELECT password_hash AS secret FROM accounts WHERE password_hash IS NOT NULL',
  ).all()
  const secrets = [
    ...results.map(({ secret }) => String(secret)),
    String(testEnv['SECRET_KEY']),
    String(testEnv['DATA_KEY']),
  ]
  expect(secrets.length).toBeGreaterThan(8)
  const told = answers.filter(({ body }) => !body?.openapi).map(({ text }) => text)
  expect(told.length).toBeGreaterThan(100)
  // The secret of an app is told once, by the offer.
  for (const text of told.filter((one) => !one.startsWith('{"factor_id":')))
    expect(text).not.toMatch(
      /"(?!password_changed_at")[^"]*(?:hash|secret|salt|pepper|password)[^"]*":|\$pbkdf2/i,
    )
  const all = [...told, ...logLines].join('\n')
  for (const secret of secrets) expect(all).not.toContain(secret)
})

it('every answer of the table is documented for its operation', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
