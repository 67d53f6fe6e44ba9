/** What each request costs, counted: calls of D1 and KV, and key derivations, which must not tell accounts apart. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import { MAX_DEVICES } from '../../src/sessions/device-queries.ts'
import { MAX_SESSIONS } from '../../src/sessions/queries.ts'
import { guarded } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  customer,
  insertAccount,
  issueLinkToken,
  mechanic,
  PASSWORD,
  type Person,
  program,
  registration,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { codeOf } from '../support/one-time-code.ts'
import { d1, derivations, dropKvCache, forgetDerivations, kv } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let boss: Person
let worker: Person
let suspended: Person

beforeAll(async () => {
  // What is sent after the answer is not what the answer costs.
  testEnv.EMAIL = undefined
  john = await customer()
  boss = await admin()
  worker = await mechanic()
  suspended = await customer()
  await testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE id = ?").bind(suspended.id).run()
  await boss.post('/inventory', { name: 'Oil filter', price: 9.5 })
  await boss.post('/mechanics', { name: 'Maria Keller', email: 'maria@shop.example' })
  await boss.post('/service-tickets', {
    customer_id: john.id,
    description: 'Clutch slips',
    service_date: '2026-01-15T10:00:00',
  })
})

interface Cost {
  readonly answer: Answer
  readonly d1: number
  readonly kvReads: number
  readonly kvWrites: number
  /** Iterations of each derivation. */
  readonly work: number[]
}

async function costOf(call: () => Promise<Answer>): Promise<Cost> {
  forgetDerivations()
  const before = [d1.calls, kv.reads, kv.writes] as const
  const answer = await call()
  return {
    answer,
    d1: d1.calls - before[0],
    kvReads: kv.reads - before[1],
    kvWrites: kv.writes - before[2],
    work: derivations.map(({ iterations }) => iterations),
  }
}

const ONE_PASSWORD = Array(12).fill(50_000)

describe('an ordinary request', () => {
  beforeEach(() => {
    forgetMarks()
    dropKvCache()
  })

  const ROUTES: [string, () => Person, number][] = [
    ['/customers/my-tickets', () => john, 1],
    ['/auth/me', () => john, 1],
    ['/customers/{own id}', () => john, 1],
    ['/auth/sessions', () => john, 2],
    ['/auth/export', () => john, 2],
    ['/service-tickets', () => john, 2],
    ['/service-tickets/1', () => john, 2],
    ['/customers', () => boss, 2],
    ['/customers/{another id}', () => boss, 2],
    ['/service-tickets?status=open&limit=5', () => worker, 2],
    ['/admin/accounts', () => boss, 2],
    ['/admin/accounts?search=e&sort_by=email&status=active', () => boss, 2],
    ['/admin/accounts/{another id}', () => boss, 2],
    ['/inventory', () => john, 2],
    ['/inventory/1', () => john, 2],
    ['/mechanics', () => worker, 2],
    ['/mechanics/1', () => worker, 2],
    ['/mechanics/by-workload', () => worker, 2],
  ]

  it.each(ROUTES)(
    'GET %s costs its round trips and one KV read, repeated none, and no KV write',
    async (route, who, d1Calls) => {
      const path = route.replace(/\{.*\}/, String(john.id))
      const { answer, ...first } = await costOf(() => who().get(path))
      expect(answer.status).toBe(200)
      expect(first).toEqual({ d1: d1Calls, kvReads: 1, kvWrites: 0, work: [] })
      const { answer: _, ...second } = await costOf(() => who().get(path))
      expect(second).toEqual({ d1: d1Calls, kvReads: 0, kvWrites: 0, work: [] })
    },
  )

  it('S92: by an API token it costs the same round trips, and no KV at all; the first use writes when it was', async () => {
    const scopes = ['tickets:read', 'profile:read', 'customers:read']
    const [till, office] = [
      await program(john, 'tickets:read', 'profile:read'),
      await program(boss, ...scopes),
    ]
    for (const one of [till, office]) await one.get('/auth/me')
    for (const [path, who, d1Calls] of [
      ['/customers/my-tickets', till, 1],
      ['/auth/me', till, 1],
      ['/service-tickets', till, 2],
      ['/customers', office, 2],
    ] as const) {
      const { answer, ...cost } = await costOf(() => who.get(path))
      expect([path, answer.status, cost]).toEqual([
        path,
        200,
        { d1: d1Calls, kvReads: 0, kvWrites: 0, work: [] },
      ])
    }
    const { answer } = await costOf(() => till.get('/customers/my-tickets'))
    expect(answer.body.tickets).toMatchObject([{ customer_id: john.id, description: 'Clutch slips' }])
  })

  it('GET /customers/my-tickets has the data in its one round trip', async () => {
    const { answer } = await costOf(() => john.get('/customers/my-tickets'))
    expect(answer.body.tickets).toMatchObject([{ customer_id: john.id, description: 'Clutch slips' }])
  })

  it('a request without a token, or for what needs none, costs nothing', async () => {
    for (const path of [
      '/customers/my-tickets',
      '/',
      '/health',
      '/openapi.json',
      '/nowhere',
      '/problems/forbidden',
    ]) {
      const { answer, ...cost } = await costOf(() => anonymous().get(path))
      expect(answer.status, path).toBeLessThan(500)
      expect(cost, path).toEqual({ d1: 0, kvReads: 0, kvWrites: 0, work: [] })
    }
  })
})

describe('requests that change something', () => {
  it('sign-in costs two D1 calls, one KV read and one derivation, at both doors, repeated no KV read', async () => {
    for (const path of ['/auth/login', '/customers/login']) {
      const visitor = anonymous()
      for (const kvReads of [1, 0]) {
        const login = { email: john.email, password: PASSWORD }
        const { answer, ...cost } = await costOf(() => visitor.post(path, login))
        expect(answer.status).toBe(200)
        expect(cost).toEqual({ d1: 2, kvReads, kvWrites: 0, work: ONE_PASSWORD })
      }
    }
  })

  it('S55: sign-in costs no more where it ends the oldest of 20 sessions and the oldest of 50 devices', async () => {
    const person = await customer()
    const fill = (row: string) =>
      testEnv.DB.prepare(
        row.replace(
          'SELECT',
          'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) SELECT',
        ),
      ).bind(person.id, String(person.id))
    await testEnv.DB.batch([
      fill(`INSERT INTO devices (id, account_id, first_seen_at, last_seen_at)
        SELECT 'd-' || ?2 || '-' || i, ?1, i, i FROM n`),
      fill(`INSERT INTO sessions (id, account_id, created_at, authenticated_at, expires_at)
        SELECT 's-' || ?2 || '-' || i, ?1, i, i, 9999999999 FROM n`),
    ])
    const login = { email: person.email, password: PASSWORD }
    const { answer, d1: calls } = await costOf(() => anonymous().post('/auth/login', login))
    expect([answer.status, calls]).toEqual([200, 2])
    const left = await testEnv.DB.prepare(
      `SELECT (SELECT count(*) FROM sessions WHERE account_id = ?1) AS sessions,
        (SELECT count(*) FROM devices WHERE account_id = ?1) AS devices`,
    )
      .bind(person.id)
      .first()
    expect(left).toEqual({ sessions: MAX_SESSIONS, devices: MAX_DEVICES })
  })

  it('a sign-in with a second factor costs two D1 calls a half, and one derivation in all', async () => {
    const jane = await guarded()
    const visitor = anonymous()
    const login = { email: jane.email, password: PASSWORD }
    const first = await costOf(() => visitor.post('/auth/login', login))
    expect([first.answer.body.code, first.d1, first.kvWrites, first.work]).toEqual([
      'mfa_required',
      2,
      0,
      ONE_PASSWORD,
    ])
    const { mfa_token } = first.answer.body
    const code = codeOf(jane.secret)
    const second = await costOf(() => visitor.post('/auth/mfa/verify', { mfa_token, method: 'totp', code }))
    expect([second.answer.status, second.d1, second.kvWrites, second.work]).toEqual([200, 2, 0, []])
  })

  it('a refresh costs two D1 calls, as does a repeat within the grace time', async () => {
    const signedInto = await anonymous().post('/auth/login', { email: john.email, password: PASSWORD })
    for (let time = 0; time < 2; time++) {
      const { answer, ...cost } = await costOf(() =>
        anonymous().post('/auth/refresh', { refresh_token: signedInto.body.refresh_token }),
      )
      expect(answer.status).toBe(200)
      expect(cost).toEqual({ d1: 2, kvReads: 0, kvWrites: 0, work: [] })
    }
  })

  it('what is done to a ticket costs three D1 calls', async () => {
    const work: [string, () => Promise<Answer>][] = [
      ['assign', () => worker.put('/service-tickets/1/assign-mechanic/1')],
      ['edit', () => worker.put('/service-tickets/1/edit', { remove_ids: [1], add_ids: [1] })],
      ['remove', () => worker.put('/service-tickets/1/remove-mechanic/1')],
      ['add a part', () => worker.post('/service-tickets/1/inventory', { inventory_id: 1 })],
      ['take a part off', () => worker.delete('/service-tickets/1/inventory/1')],
      ['delete', () => worker.delete('/service-tickets/1')],
    ]
    for (const [what, ask] of work) {
      const { answer, d1 } = await costOf(ask)
      expect([what, answer.status, d1]).toEqual([what, 200, 3])
    }
  })

  it('what is done to an account costs three D1 calls, an invitation four, and ending sessions a KV write each', async () => {
    const invitation = { email: uniqueEmail('invited'), role: 'admin' }
    const invited = await costOf(() => boss.post('/admin/accounts', invitation))
    expect([invited.answer.status, invited.work]).toEqual([201, []])
    // Its mail leaves beside the answer, and is leased and marked in two calls of its own.
    expect(invited.d1).toBeGreaterThanOrEqual(4)
    expect(invited.d1).toBeLessThanOrEqual(6)
    const person = await customer()
    const path = `/admin/accounts/${person.id}`
    const ended = await costOf(() => boss.post(`${path}/revoke-sessions`))
    expect([ended.answer.body.revoked, ended.d1, ended.kvWrites]).toEqual([1, 3, 1])
    await signedIn(person.email, person.password)
    const suspended = await costOf(() => boss.patch(path, { status: 'suspended' }))
    expect([suspended.answer.status, suspended.d1, suspended.kvWrites]).toEqual([200, 3, 1])
    const deleted = await costOf(() => boss.delete(path))
    expect([deleted.answer.status, deleted.d1, deleted.kvWrites]).toEqual([200, 3, 0])
  })

  it('logout costs two D1 calls and one KV write', async () => {
    const session = await signedIn(john.email, john.password)
    const { answer, ...cost } = await costOf(() => session.post('/auth/logout'))
    expect(answer.status).toBe(200)
    expect(cost).toEqual({ d1: 2, kvReads: 1, kvWrites: 1, work: [] })
  })

  it('registration, a reset and a change of the profile cost two D1 calls each', async () => {
    const person = registration()
    const registered = await costOf(() => anonymous().post('/customers', person))
    expect([registered.answer.status, registered.d1, registered.kvWrites]).toEqual([201, 2, 0])
    expect(registered.work).toEqual(ONE_PASSWORD)
    const token = await issueLinkToken(person.email)
    const reset = await costOf(() => anonymous().post('/auth/password/reset', { token, password: PASSWORD }))
    expect([reset.answer.status, reset.d1]).toEqual([200, 2])
    const changed = await costOf(() => john.patch('/auth/me', { first_name: 'Veronika' }))
    expect([changed.answer.status, changed.d1, changed.work]).toEqual([200, 2, []])
  })
})

describe('S17, S18: a refused sign-in tells nothing', () => {
  const WRONG = 'not-the-password'
  /** The header and the member that differ between any two answers. */
  const comparable = ({ status, headers, body }: Answer) => {
    const { request_id: _, ...rest } = body
    return { status, headers: [...headers].filter(([name]) => name !== 'x-request-id'), body: rest }
  }

  const CASES: [string, string, () => Promise<[email: string, password: string]>][] = [
    ['/customers/login', 'an active account', async () => [john.email, WRONG]],
    ['/customers/login', 'a suspended account', async () => [suspended.email, WRONG]],
    ['/customers/login', 'an account without a password', async () => [await withoutPassword(), WRONG]],
    ['/customers/login', 'a staff account', async () => [worker.email, WRONG]],
    ['/customers/login', 'a staff account and its right password', async () => [worker.email, PASSWORD]],
    ['/customers/login', 'a very long password', async () => [john.email, 'x'.repeat(1_024)]],
    ['/auth/login', 'an active account', async () => [john.email, WRONG]],
    ['/auth/login', 'a suspended account', async () => [suspended.email, WRONG]],
    ['/auth/login', 'an account without a password', async () => [await withoutPassword('mechanic'), WRONG]],
    ['/auth/login', 'a staff account', async () => [boss.email, WRONG]],
    [
      '/auth/login',
      'a suspended account without a password',
      async () => [await withoutPassword('admin', 'suspended'), WRONG],
    ],
  ]

  async function withoutPassword(role = 'customer', status = 'active'): Promise<string> {
    const email = uniqueEmail('invited')
    await insertAccount(email, { role, status })
    return email
  }

  it.each(CASES)(
    'S17, S18: %s answers %s as it answers an unknown address, after the same work',
    async (path, _, attempt) => {
      const [email, password] = await attempt()
      // Other cases have failed at the same accounts.
      await testEnv.DB.prepare('DELETE FROM throttles').run()
      const unknown = await costOf(() =>
        anonymous().post(path, { email: uniqueEmail('nobody'), password: WRONG }),
      )
      expect([unknown.answer.status, unknown.d1, unknown.kvReads, unknown.kvWrites]).toEqual([401, 2, 1, 0])
      expect(unknown.answer.body).toMatchObject({
        error: 'Invalid credentials',
        message: 'Email or password is incorrect',
      })
      expect(unknown.work).toEqual(ONE_PASSWORD)

      const refused = await costOf(() => anonymous().post(path, { email, password }))
      expect(comparable(refused.answer)).toEqual(comparable(unknown.answer))
      expect({ ...refused, answer: undefined }).toEqual({ ...unknown, answer: undefined })
    },
  )

  it('S18: a suspension is told to whoever knows the password, and to nobody else', async () => {
    const told = await anonymous().post('/auth/login', { email: suspended.email, password: PASSWORD })
    expect([told.status, told.body.code, told.body.token]).toEqual([403, 'account_suspended', undefined])
  })
})
