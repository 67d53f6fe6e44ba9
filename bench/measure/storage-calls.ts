/** What each route asks of D1 and KV, counted exactly. */
import { type Ask, send } from '../harness/load.ts'
import type { ServedWorker } from '../harness/served-worker.ts'
import type { StorageCalls } from '../worker/counting.ts'
import { beginGuardedSignIn } from './second-factor.ts'
import { askForTickets, bearer, makeApiToken, PASSWORD, register, registerAdmin, signIn } from './shop.ts'

export interface CountedRoute {
  readonly route: string
  readonly calls: StorageCalls
  /** The most D1 round trips; undefined where section 5 of the architecture names none. */
  readonly maxRoundTrips: number | undefined
  /** Neither ends a session nor changes a password: such a request writes nothing to KV. */
  readonly isOrdinary: boolean
}

interface Step {
  readonly route: string
  readonly ask: Omit<Ask, 'origin'>
  readonly expected: number
  readonly maxRoundTrips?: number
  readonly isOrdinary?: boolean
}

/** Runs the steps in order: later ones end what earlier ones use. */
export async function countStorageCalls(worker: ServedWorker): Promise<CountedRoute[]> {
  const counted: CountedRoute[] = []
  for (const step of await listSteps(worker)) {
    const calls = await countOne({ ...step.ask, origin: worker.origin }, step)
    counted.push({
      route: step.route,
      calls,
      maxRoundTrips: step.maxRoundTrips,
      isOrdinary: step.isOrdinary ?? true,
    })
  }
  return counted
}

/** Asks and reads what the Worker counted. */
export async function countOne(
  ask: Ask,
  step: { readonly route: string; readonly expected: number },
): Promise<StorageCalls> {
  const answer = await send({ ...ask, headers: { ...ask.headers, 'x-bench-count': '1' } })
  if (answer.status !== step.expected) {
    throw new Error(`${step.route} answered ${answer.status}, not ${step.expected}: ${answer.text}`)
  }
  return JSON.parse(String(answer.headers['x-bench-calls']))
}

async function listSteps(worker: ServedWorker): Promise<Step[]> {
  const email = 'counted@shop.test'
  await register(worker, email)
  const admin = await registerAdmin(worker, 'admin@shop.test')
  const person = await signIn(worker, email)
  const apiToken = await makeApiToken(worker, person, ['tickets:read'])
  const leaver = await signIn(worker, email)
  // Ended by another edge, as this isolate sees it: all it can find is the mark.
  const marked = await signIn(worker, email)
  await (await worker.kv()).put(`ended-session:${marked.sessionId}`, 'session_ended')
  const own = `/customers/${person.id}`
  const guarded = 'guarded@shop.test'
  const newcomer = { first_name: 'Nils', last_name: 'Berg', email: 'nils@shop.test', password: PASSWORD }
  return [
    ...readingSteps(askForTickets(worker, person), own, bearer(person), bearer(admin)),
    ...apiTokenSteps({ Authorization: `Bearer ${apiToken}` }),
    ...signInSteps(email),
    ...guardedSteps(guarded, await beginGuardedSignIn(worker, guarded)),
    {
      route: 'POST /customers/ (register)',
      ask: { path: '/customers/', method: 'POST', body: newcomer },
      expected: 201,
    },
    {
      route: 'PUT /customers/{id} (name)',
      ask: { path: own, method: 'PUT', headers: bearer(person), body: { first_name: 'Wera' } },
      expected: 200,
    },
    {
      route: 'POST /auth/refresh',
      ask: { path: '/auth/refresh', method: 'POST', body: { refresh_token: person.refreshToken } },
      expected: 200,
      maxRoundTrips: 2,
    },
    {
      route: 'POST /auth/logout',
      ask: { path: '/auth/logout', method: 'POST', headers: bearer(leaver) },
      expected: 200,
      maxRoundTrips: 2,
      isOrdinary: false,
    },
    ...endedSteps(bearer(leaver), bearer(marked)),
    {
      route: 'DELETE /customers/{id}',
      ask: { path: own, method: 'DELETE', headers: bearer(person) },
      expected: 200,
      isOrdinary: false,
    },
  ]
}

/** A sign-in with a second factor: each half. */
function guardedSteps(email: string, secondHalf: unknown): Step[] {
  return [
    {
      route: 'POST /customers/login, second factor asked for',
      ask: { path: '/customers/login', method: 'POST', body: { email, password: PASSWORD } },
      expected: 401,
      maxRoundTrips: 2,
    },
    {
      route: 'POST /auth/mfa/verify, code of an app',
      ask: { path: '/auth/mfa/verify', method: 'POST', body: secondHalf },
      expected: 200,
      maxRoundTrips: 2,
    },
  ]
}

function signInSteps(email: string): Step[] {
  const login = (body: unknown) => ({ path: '/customers/login', method: 'POST', body })
  return [
    {
      route: 'POST /customers/login',
      ask: login({ email, password: PASSWORD }),
      expected: 200,
      maxRoundTrips: 2,
    },
    {
      route: 'POST /customers/login, wrong password',
      ask: login({ email, password: 'wrong-wrench-42' }),
      expected: 401,
      maxRoundTrips: 2,
    },
    {
      route: 'POST /customers/login, unknown e-mail',
      ask: login({ email: 'nobody@shop.test', password: PASSWORD }),
      expected: 401,
      maxRoundTrips: 2,
    },
  ]
}

type Headers = Record<string, string>

/** What a refusal costs once an edge, or this isolate, knows that the session has ended. */
function endedSteps(left: Headers, marked: Headers): Step[] {
  return [
    {
      route: 'GET /auth/me after it, in the same isolate',
      ask: { path: '/auth/me', headers: left },
      expected: 401,
      maxRoundTrips: 0,
    },
    {
      route: 'GET /auth/me, session marked in KV',
      ask: { path: '/auth/me', headers: marked },
      expected: 401,
      maxRoundTrips: 1,
    },
    {
      route: 'GET /auth/me, session marked in KV, repeated',
      ask: { path: '/auth/me', headers: marked },
      expected: 401,
      maxRoundTrips: 0,
    },
  ]
}

function readingSteps(tickets: Ask, own: string, person: Headers, admin: Headers): Step[] {
  const read = (route: string, path: string, headers: Headers, maxRoundTrips: number): Step => ({
    route,
    ask: { path, headers },
    expected: 200,
    maxRoundTrips,
  })
  return [
    { route: 'GET /customers/my-tickets, first', ask: tickets, expected: 200, maxRoundTrips: 1 },
    { route: 'GET /customers/my-tickets, repeated', ask: tickets, expected: 200, maxRoundTrips: 1 },
    read('GET /auth/me', '/auth/me', person, 1),
    read('GET /customers/{id}, own', own, person, 1),
    read('GET /customers/ as admin', '/customers/', admin, 2),
    read('GET /service-tickets, own', '/service-tickets', person, 2),
    read('GET /service-tickets as admin', '/service-tickets', admin, 2),
    read('GET /service-tickets, 100 as admin', '/service-tickets?limit=100', admin, 2),
  ]
}

/** The first use writes when it was, after the answer. */
function apiTokenSteps(headers: Headers): Step[] {
  const ask = { path: '/customers/my-tickets', headers }
  return [
    { route: 'GET /customers/my-tickets by an API token, its first use', ask, expected: 200 },
    { route: 'GET /customers/my-tickets by an API token', ask, expected: 200, maxRoundTrips: 1 },
  ]
}
