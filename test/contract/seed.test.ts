/** The old service's document, line by line: its curls, its endpoint table, its security results. */
import { describe, expect, it } from 'vitest'
import { admin, anonymous, caller, customer, registration, signedIn } from '../support/client.ts'
import { logLines } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const JOHN = {
  first_name: 'John',
  last_name: 'Doe',
  email: 'john@example.com',
  phone_number: '555-0123',
  password: 'securepassword123',
}
const JOHN_SHOWN = {
  id: 1,
  first_name: 'John',
  last_name: 'Doe',
  email: 'john@example.com',
  phone_number: '555-0123',
}

describe('the usage examples, in order, on an empty database', () => {
  let token = ''

  it('1. registers John, who gets id 1', async () => {
    const answer = await anonymous().post('/customers/', JOHN)
    expect(answer.status).toBe(201)
    expect(answer.body).toEqual(JOHN_SHOWN)
  })

  it('2. signs John in with the documented answer', async () => {
    const answer = await anonymous().post('/customers/login', { email: JOHN.email, password: JOHN.password })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ message: 'Login successful', customer: JOHN_SHOWN })
    token = answer.body.token
    expect(token).toMatch(/^eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCI/)
  })

  it('3. reads the own tickets', async () => {
    const answer = await caller(token).get('/customers/my-tickets')
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ message: 'Found 0 service tickets', tickets: [] })
  })

  it('4. changes the first name', async () => {
    const answer = await caller(token).put('/customers/1', { first_name: 'Johnny' })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ ...JOHN_SHOWN, first_name: 'Johnny' })
  })
})

describe("the shop's own journey", () => {
  it('goes from registration to deletion and leaves the ticket to the shop', async () => {
    const john = await customer({ first_name: 'John' })
    const wrong = await anonymous().post('/customers/login', { email: john.email, password: 'not-this-one' })
    expect([wrong.status, wrong.body.error]).toEqual([401, 'Invalid credentials'])
    expect((await anonymous().get('/customers/my-tickets')).status).toBe(401)
    const jane = await customer({ first_name: 'Jane' })
    const crossed = await john.get(`/customers/${jane.id}`)
    expect(crossed.status).toBe(403)

    const boss = await admin()
    const opened = await boss.post('/service-tickets/', {
      customer_id: john.id,
      description: 'Brakes squeal',
      service_date: '2026-01-15T10:00:00',
    })
    expect(opened.status).toBe(201)
    const mine = await john.get('/customers/my-tickets')
    expect(mine.body.message).toBe('Found 1 service tickets')
    expect(mine.body.tickets[0]).toMatchObject({
      id: opened.body.id,
      customer_id: john.id,
      description: 'Brakes squeal',
    })

    const deleted = await john.delete(`/customers/${john.id}`)
    expect([deleted.status, deleted.body]).toEqual([200, { message: 'Customer deleted successfully' }])
    const after = await john.get('/customers/my-tickets')
    expect([after.status, after.body.error, after.body.message]).toEqual([
      401,
      'Invalid customer',
      'Customer associated with token not found',
    ])
    const kept = await boss.get(`/service-tickets/${opened.body.id}`)
    expect(kept.body).toMatchObject({ customer_id: null, customer: null, description: 'Brakes squeal' })

    const neighbour = await customer()
    expect(neighbour.id).toBeGreaterThan(jane.id)
    expect(neighbour.id).not.toBe(john.id)
  })
})

describe('the endpoint table', () => {
  it('POST /customers/login needs neither token nor role', async () => {
    const john = await customer()
    expect(
      (await anonymous().post('/customers/login', { email: john.email, password: john.password })).status,
    ).toBe(200)
  })

  it('GET /customers/my-tickets is for the owner of the token alone', async () => {
    const [john, jane, boss] = await Promise.all([customer(), customer(), admin()])
    await boss.post('/service-tickets/', {
      customer_id: jane.id,
      description: 'Oil',
      service_date: '2026-01-15',
    })
    expect((await john.get('/customers/my-tickets')).body.tickets).toEqual([])
    expect((await jane.get('/customers/my-tickets')).body.tickets).toHaveLength(1)
    expect((await anonymous().get('/customers/my-tickets')).status).toBe(401)
  })

  it.each([
    ['PUT', 'You can only update your own information'],
    ['DELETE', 'You can only delete your own account'],
  ] as const)('%s /customers/{id} needs a token and is for oneself alone', async (method, message) => {
    const [john, jane] = await Promise.all([customer(), customer()])
    const call = method === 'PUT' ? ('put' as const) : ('delete' as const)
    const body = method === 'PUT' ? { first_name: 'Mallory' } : undefined
    expect((await anonymous()[call](`/customers/${jane.id}`, body)).status).toBe(401)
    const crossed = await john[call](`/customers/${jane.id}`, body)
    expect([crossed.status, crossed.body.error, crossed.body.message]).toEqual([403, 'Unauthorized', message])
    expect((await jane[call](`/customers/${jane.id}`, body)).status).toBe(200)
  })
})

describe('the security testing results', () => {
  it('registers customers with a password hash and never shows it', async () => {
    const answer = await anonymous().post('/customers/', registration())
    expect(Object.keys(answer.body).sort()).toEqual([
      'email',
      'first_name',
      'id',
      'last_name',
      'phone_number',
    ])
    const row = await testEnv.DB.prepare('SELECT password_hash FROM accounts WHERE id = ?')
      .bind(answer.body.id)
      .first()
    expect(row?.['password_hash']).toMatch(/^\$pbkdf2-sha256-chain\$v=1\$i=50000,n=12,/)
  })

  it('signs in with correct credentials and refuses incorrect ones', async () => {
    const john = await customer()
    expect((await signedIn(john.email, john.password)).id).toBe(john.id)
    const refused = await anonymous().post('/customers/login', { email: john.email, password: 'wrong' })
    expect(refused.body).toMatchObject({
      error: 'Invalid credentials',
      message: 'Email or password is incorrect',
      status: 401,
    })
  })

  it.each([
    ['no header', undefined, 'Token is missing', 'Please provide a valid authorization token'],
    ['Bearer alone', 'Bearer', 'Invalid authorization header format', 'Expected format: Bearer <token>'],
    ['two blanks', 'Bearer  abc', 'Token is missing', 'Please provide a valid authorization token'],
    ['another scheme', 'Basic am9objpwdw==', 'Token validation failed', 'Invalid token'],
    ['no token', 'Bearer not.a.token', 'Token validation failed', 'Invalid token'],
    ['text after the token', 'Bearer a.b.c d', 'Token validation failed', 'Invalid token'],
  ])('refuses a protected route with %s', async (_, header, error, message) => {
    const answer = await anonymous().get(
      '/customers/my-tickets',
      header === undefined ? {} : { Authorization: header },
    )
    expect([answer.status, answer.body.error, answer.body.message]).toEqual([401, error, message])
  })

  it('accepts a valid Bearer token, the scheme in any letter case', async () => {
    const john = await customer()
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const answer = await anonymous().get('/customers/my-tickets', {
        Authorization: `${scheme} ${john.token}`,
      })
      expect(answer.status).toBe(200)
    }
  })

  it('leaks nothing in errors or logs', async () => {
    const john = await customer()
    const broken = `${john.token.slice(0, -4)}AAAA`
    const answer = await caller(broken).get('/customers/my-tickets')
    expect(answer.text).not.toContain(broken)
    expect(logLines.join('\n')).not.toContain(john.token)
    expect(logLines.join('\n')).not.toContain(john.email)
  })
})
