/** What the service says of itself: entry, health, readiness, problems, the OpenAPI document. */
import { sql } from 'drizzle-orm'
import * as z from 'zod'
import { openDatabase } from './database.ts'
import { once } from './once.ts'
import {
  ANYONE,
  createRoute,
  createRoutes,
  json,
  later,
  onlyProblems,
  problemCodeSchema,
  problems,
} from './openapi.ts'
import { Problem } from './problem.ts'
import { isProblemCode, PROBLEM_CODES, problemKind } from './problem-catalogue.ts'
import { within } from './time-limit.ts'
import { NEWEST_MIGRATION, SERVICE_NAME, VERSION } from './version.ts'

export const platformRoutes = createRoutes()

const PUBLIC_CACHE = { 'Cache-Control': 'public, max-age=300' }

const entrySchema = once(() =>
  z.object({
    message: z.string(),
    name: z.string(),
    version: z.string(),
    endpoints: z.record(z.string(), z.string()),
  }),
)

const ENTRY = {
  message: 'Welcome to the Mechanic Shop API',
  name: SERVICE_NAME,
  version: VERSION,
  endpoints: {
    register: 'POST /customers/',
    customer_login: 'POST /customers/login',
    login: 'POST /auth/login',
    refresh: 'POST /auth/refresh',
    logout: 'POST /auth/logout',
    me: '/auth/me',
    second_factor: '/auth/mfa',
    api_tokens: '/auth/tokens',
    my_tickets: '/customers/my-tickets',
    customers: '/customers/',
    mechanics: '/mechanics/',
    inventory: '/inventory/',
    service_tickets: '/service-tickets/',
    docs: '/docs',
    openapi: '/openapi.json',
    health: '/health',
    ready: '/ready',
  },
}

const entry = createRoute({
  method: 'get',
  path: '/',
  operationId: 'getEntry',
  tags: ['Service'],
  summary: 'Where to begin',
  description: 'Names the service, its version and its entry points.',
  security: ANYONE,
  responses: later(() => ({ 200: json(entrySchema(), 'The entry points', ENTRY), ...problems() })),
})

platformRoutes.openapi(entry, (c) => c.json(ENTRY, 200, PUBLIC_CACHE))

const HEALTHY = { status: 'healthy', message: 'Mechanic Shop API is running' }

const health = createRoute({
  method: 'get',
  path: '/health',
  operationId: 'getHealth',
  tags: ['Service'],
  summary: 'Whether the Worker runs; touches no storage',
  description: 'Answers without settings and without storage; for a load balancer or a person at night.',
  security: ANYONE,
  responses: later(() => ({
    200: json(z.object({ status: z.string(), message: z.string() }), 'It runs', HEALTHY),
    ...onlyProblems('https_required', 'internal_error'),
  })),
})

platformRoutes.openapi(health, (c) => c.json(HEALTHY, 200))

/** How long /ready waits for a part to answer, in milliseconds. */
const PROBE_MS = 3_000

const READY = { status: 'ready', checks: { database: 'ok', schema: 'ok', kv: 'ok' } }

const ready = createRoute({
  method: 'get',
  path: '/ready',
  operationId: 'getReadiness',
  tags: ['Service'],
  summary: 'Whether the database and KV answer and the schema is current',
  description: 'Asks the database for its newest migration and KV for a key; 503 names what does not answer.',
  security: ANYONE,
  responses: later(() => ({
    200: json(z.object({ status: z.string(), checks: z.record(z.string(), z.string()) }), 'Ready', READY),
    ...problems('not_ready'),
  })),
})

platformRoutes.openapi(ready, async (c) => {
  const [migration, kv] = await Promise.all([
    inTime(newestMigration(c.env.DB)),
    inTime(c.env.KV.get('ready-probe').then(() => 'answers')),
  ])
  const errors = {
    ...(migration === undefined && { database: ['Does not answer.'] }),
    ...(migration !== undefined && migration !== NEWEST_MIGRATION && { schema: ['Migrations are missing.'] }),
    ...(kv === undefined && { kv: ['Does not answer.'] }),
  }
  if (Object.keys(errors).length > 0) {
    throw new Problem('not_ready', { errors, detail: `Not ready: ${Object.keys(errors).join(', ')}` })
  }
  return c.json(READY, 200)
})

/** The name of the newest migration that the database has; '' when it has none. */
async function newestMigration(d1: D1Database): Promise<string> {
  const rows = await openDatabase(d1)
    .all<{ name: string }>(sql`SELECT name FROM d1_migrations ORDER BY id DESC LIMIT 1`)
    .catch((error: unknown) => {
      if (/no such table/.test(String((error as Error).cause ?? error))) return []
      throw error
    })
  return rows[0]?.name ?? ''
}

/** The value, or undefined when it fails or does not come in time. */
function inTime<T>(promise: Promise<T>): Promise<T | undefined> {
  return within(PROBE_MS, promise).catch(() => undefined)
}

const problemDescription = once(() =>
  z.object({
    type: z.string(),
    code: problemCodeSchema,
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    explanation: z.string(),
  }),
)

const explainProblem = createRoute({
  method: 'get',
  path: '/problems/{code}',
  operationId: 'explainProblem',
  tags: ['Service'],
  summary: 'What an error code means',
  description: 'Every `code` of an error answer has an explanation here.',
  security: ANYONE,
  request: {
    params: z.object({ code: z.string().meta({ example: 'invalid_credentials', enum: PROBLEM_CODES }) }),
  },
  responses: later(() => ({
    200: json(problemDescription(), 'The explanation'),
    ...problems('problem_not_found'),
  })),
})

platformRoutes.openapi(explainProblem, (c) => {
  const { code } = c.req.valid('param')
  if (!isProblemCode(code)) throw new Problem('problem_not_found')
  return c.json({ type: `/problems/${code}`, code, ...problemKind(code) }, 200, PUBLIC_CACHE)
})
