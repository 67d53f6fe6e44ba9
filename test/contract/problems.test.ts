/** Every way of saying no: provoked once, compared with its one shape, and explained by the service. */
import { beforeAll, describe, expect, it } from 'vitest'
import { MAX_API_TOKENS } from '../../src/api-tokens/queries.ts'
import { nativeLane } from '../../src/crypto/derivation-queue.ts'
import { utf8 } from '../../src/crypto/encoding.ts'
import { PROBLEM_CODES, PROBLEMS, type ProblemCode } from '../../src/platform/problem-catalogue.ts'
import { challengeOf, guarded, verify, wrongCode } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  mechanic,
  ORIGIN,
  type Person,
  registration,
  send,
  uniqueEmail,
} from '../support/client.ts'
import { mailTo, tokenIn } from '../support/mail-provider.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { kv, logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { uniqueNumber } from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let boss: Person
let mike: Person
let ticketId = 0

beforeAll(async () => {
  ;[john, boss, mike] = await Promise.all([customer(), admin(), mechanic()])
  ticketId = (await mike.post('/service-tickets', ticket())).body.id
})

const ticket = () => ({ customer_id: john.id, description: 'Brakes', service_date: '2026-01-15' })

const apiToken = () => ({ name: 'Till', scopes: ['profile:read'], expires_in_days: 1 })
const aMechanic = async () => {
  const email = uniqueEmail('mechanic')
  return (await boss.post('/mechanics', { name: 'Maria', email })).body.id
}
const anItem = async (item: object) => (await boss.post('/inventory', { price: 1, ...item })).body.id

/** What nobody may ever read, neither in an answer nor in the log. */
const SECRET = 'eyJhbGciOiJIUzI1NiJ9.secret SELECT password_hash FROM accounts'

const throwing = () => {
  throw new Error(`D1_ERROR: ${SECRET}\n    at ${SECRET}`)
}
const brokenDatabase = { prepare: throwing, batch: async () => throwing() }
const login = () => ({ email: john.email, password: john.password })

async function withFullLane<T>(work: () => Promise<T>): Promise<T> {
  const gone = new AbortController()
  const attempt = { waitUntil: () => undefined, signal: gone.signal, arrivals: () => 0 }
  const untilGone = () =>
    new Promise<void>((resolve) => gone.signal.addEventListener('abort', () => resolve()))
  const waiting = Array.from({ length: 51 }, () => nativeLane.run(attempt, untilGone))
  try {
    return await work()
  } finally {
    gone.abort()
    await Promise.all(waiting)
  }
}

const PROVOCATIONS: Record<ProblemCode, () => Promise<Answer>> = {
  malformed_json: () => john.patch('/auth/me', '{'),
  input_missing: () => john.patch('/auth/me', {}),
  validation_failed: () => john.patch('/auth/me', { first_name: '' }),
  email_taken: () => anonymous().post('/customers', registration({ email: john.email.toUpperCase() })),
  link_token_invalid: () =>
    anonymous().post('/auth/password/reset', { token: 'x', password: 'torque-wrench-43' }),
  account_not_found: () => boss.get('/admin/accounts/999999'),
  former_email_taken: async () => {
    const person = await customer()
    await person.patch('/auth/me', { email: uniqueEmail('moved') })
    const token = tokenIn(await mailTo(person.email))
    await anonymous().post('/customers', registration({ email: person.email }))
    return anonymous().post('/auth/email/undo', { token })
  },
  account_unknown: () =>
    boss.post('/admin/access/explain', { account_id: 999_999, method: 'GET', path: '/' }),
  customer_unknown: () => mike.post('/service-tickets', { ...ticket(), customer_id: boss.id }),
  mechanic_unknown: () => mike.post('/service-tickets', { ...ticket(), mechanic_ids: [999] }),
  mechanic_email_taken: async () => {
    const maria = { name: 'Maria', email: 'maria@shop.example' }
    await boss.post('/mechanics', maria)
    return boss.post('/mechanics', { ...maria, email: 'MARIA@SHOP.EXAMPLE' })
  },
  mechanic_already_assigned: async () => {
    const work = `/service-tickets/${ticketId}/assign-mechanic/${await aMechanic()}`
    await mike.put(work)
    return mike.put(work)
  },
  mechanic_not_assigned: async () =>
    mike.put(`/service-tickets/${ticketId}/remove-mechanic/${await aMechanic()}`),
  no_changes_made: () => mike.put(`/service-tickets/${ticketId}/edit`, { add_ids: [999] }),
  inventory_item_unknown: () => mike.post(`/service-tickets/${ticketId}/inventory`, { inventory_id: 999 }),
  part_already_added: async () => {
    const part = { inventory_id: await anItem({ name: 'Spark plug' }) }
    await mike.post(`/service-tickets/${ticketId}/inventory`, part)
    return mike.post(`/service-tickets/${ticketId}/inventory`, part)
  },
  part_not_added: async () =>
    mike.delete(`/service-tickets/${ticketId}/inventory/${await anItem({ name: 'Wiper' })}`),
  stock_exhausted: async () => {
    const inventory_id = await anItem({ name: 'Clutch', quantity: 1 })
    return mike.post(`/service-tickets/${ticketId}/inventory`, { inventory_id, quantity: 2 })
  },
  ticket_full: async () => {
    const { id } = (await mike.post('/service-tickets', ticket())).body
    await testEnv.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50)
       INSERT INTO service_inventory SELECT ?, n + 1000, 'Part', 1, 1 FROM numbers`,
    )
      .bind(id)
      .run()
    const inventory_id = await anItem({ name: 'Gasket' })
    return mike.post(`/service-tickets/${id}/inventory`, { inventory_id })
  },
  nothing_created: () => mike.post('/inventory/bulk', { items: [{}] }),
  sort_field_invalid: () => mike.get('/inventory?sort_by=password_hash'),
  inventory_item_not_found: () => john.get('/inventory/999999'),
  inventory_name_taken: async () => {
    await mike.post('/inventory', { name: 'Oil filter', price: 9.5 })
    return mike.post('/inventory', { name: 'Oil filter', price: 9.5 })
  },
  mechanic_tied: async () => {
    const invited = await boss.post('/admin/accounts', { email: uniqueEmail(), role: 'mechanic' })
    return boss.delete(`/mechanics/${invited.body.mechanic_id}`)
  },
  last_admin_protected: () => boss.patch(`/admin/accounts/${boss.id}`, { role: 'mechanic' }),
  mechanic_not_found: () => mike.get('/mechanics/999999'),
  order_invalid: () => mike.get('/mechanics/by-workload?order=up'),
  token_missing: () => anonymous().get('/auth/me'),
  authorization_header_malformed: () => anonymous().get('/auth/me', { Authorization: 'Bearer' }),
  invalid_token: () => caller('eyJhbGciOiJIUzI1NiJ9.e30.x').get('/auth/me'),
  invalid_refresh_token: () => anonymous().post('/auth/refresh', { refresh_token: 'x' }),
  csrf_failed: () => anonymous().post('/auth/login', login(), { 'X-Auth-Mode': 'cookie' }),
  device_not_found: () => john.delete('/auth/devices/never-seen'),
  message_not_found: () => boss.post('/admin/outbox/never-written/resend'),
  message_not_resendable: async () => {
    await anonymous().post('/auth/password/forgot', { email: john.email })
    await mailTo(john.email)
    const { items } = (await boss.get(`/admin/outbox?account=${john.id}`)).body
    return boss.post(`/admin/outbox/${items[0].id}/resend`)
  },
  api_token_not_found: () => john.delete('/auth/tokens/never-made'),
  api_token_limit_reached: async () => {
    for (let made = 0; made < MAX_API_TOKENS; made++) await boss.post('/auth/tokens', apiToken())
    return boss.post('/auth/tokens', apiToken())
  },
  session_required: async () => {
    const { token } = (await mike.post('/auth/tokens', apiToken())).body
    return caller(token).get('/auth/sessions')
  },
  session_not_found: () => john.delete('/auth/sessions/never-opened'),
  invalid_customer: async () => {
    const gone = await customer()
    await gone.delete(`/customers/${gone.id}`)
    return gone.get('/auth/me')
  },
  invalid_credentials: () => anonymous().post('/auth/login', { ...login(), password: 'wrong' }),
  mfa_required: async () => {
    const { email, password } = await guarded()
    return anonymous().post('/auth/login', { email, password })
  },
  mfa_token_invalid: () => verify('never-issued', '123456'),
  factor_code_missing: async () => {
    const person = await guarded()
    await person.patch('/auth/me', { email: uniqueEmail('moved') })
    const token = tokenIn(await mailTo(person.email, 1, /^Your address/))
    return anonymous().post('/auth/email/undo', { token })
  },
  factor_code_invalid: async () => {
    const person = await guarded()
    return verify(await challengeOf(person), wrongCode(person.secret))
  },
  email_unverified: () => john.post('/auth/mfa/sms', { phone_number: uniqueNumber() }),
  sms_unavailable: async () => {
    const send = await withSettings({ SMS_PROVIDER: 'none' })
    const headers = { Authorization: `Bearer ${john.token}` }
    return send('POST', '/auth/mfa/sms', { phone_number: uniqueNumber() }, headers)
  },
  factor_not_found: () => john.delete('/auth/mfa/totp'),
  reauthentication_required: async () => {
    const stale = await withSettings({ FRESH_AUTH_SECONDS: '0' })
    return stale('DELETE', `/customers/${john.id}`, {}, { Authorization: `Bearer ${john.token}` })
  },
  https_required: () => send(new Request('http://api.example/')),
  forbidden: () => john.get('/customers'),
  account_suspended: async () => {
    const bad = await customer()
    await testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE id = ?").bind(bad.id).run()
    return anonymous().post('/auth/login', { email: bad.email, password: bad.password })
  },
  not_found: () => anonymous().get('/nowhere'),
  customer_not_found: () => boss.get('/customers/999999'),
  ticket_not_found: () => john.get('/service-tickets/999999'),
  problem_not_found: () => anonymous().get('/problems/constructor'),
  method_not_allowed: () => anonymous().delete('/auth/login'),
  ticket_status_conflict: () => mike.put(`/service-tickets/${ticketId}`, { status: 'completed' }),
  payload_too_large: () => anonymous().post('/auth/login', 'x'.repeat(70_000)),
  request_timeout: () =>
    withImpatience(() =>
      send(
        new Request('https://api.mechanic-shop.test/auth/login', {
          method: 'POST',
          body: new ReadableStream({ start: (controller) => controller.enqueue(utf8('{"email":')) }),
        }),
      ),
    ),
  unsupported_media_type: () => anonymous().post('/auth/login', '{}', { 'Content-Type': 'text/xml' }),
  too_many_requests: async () => {
    const shedding = await withSettings({ SIGN_IN_RING: { limit: async () => ({ success: false }) } })
    return shedding('POST', '/auth/login', login())
  },
  internal_error: () => withBrokenSigning(() => anonymous().post('/auth/login', login())),
  misconfigured: async () => (await withSettings({ SECRET_KEY: 'short' }))('GET', '/'),
  unavailable: async () => (await withSettings({ DB: brokenDatabase }))('POST', '/auth/login', login()),
  sign_in_busy: () => withFullLane(() => anonymous().post('/auth/login', login())),
  not_ready: async () => (await withSettings({ DB: brokenDatabase }))('GET', '/ready'),
  // Last, for it moves the clock.
  token_expired: () => {
    passTime(86_400)
    return john.get('/auth/me')
  },
}

/** Patience of seconds lasts a tenth of one. */
async function withImpatience<T>(act: () => Promise<T>): Promise<T> {
  const patient = globalThis.setTimeout
  globalThis.setTimeout = ((callback: () => void, ms = 0) =>
    patient(callback, ms >= 3_000 ? 100 : ms)) as typeof patient
  try {
    return await act()
  } finally {
    globalThis.setTimeout = patient
  }
}

/** A fault that nobody foresaw: WebCrypto throws. */
async function withBrokenSigning<T>(act: () => Promise<T>): Promise<T> {
  const subtle = Object.getPrototypeOf(crypto.subtle)
  const original = subtle.sign
  subtle.sign = throwing
  try {
    return await act()
  } finally {
    subtle.sign = original
  }
}

const CATALOGUE = `
account_not_found 404 Account not found
account_suspended 403 Account suspended
account_unknown 400 Account not found
api_token_limit_reached 409 Too many API tokens
api_token_not_found 404 API token not found
authorization_header_malformed 401 Invalid authorization header format
csrf_failed 403 Cross-site request refused
customer_not_found 404 Customer not found
customer_unknown 400 Customer not found
device_not_found 404 Device not found
email_taken 400 Email already associated with another account
email_unverified 403 E-mail address not verified
factor_code_invalid 401 Code not valid
factor_code_missing 401 Code of the second factor missing
factor_not_found 404 Second factor not found
forbidden 403 Unauthorized
former_email_taken 409 Former address taken
https_required 403 HTTPS required
input_missing 400 No input data provided
internal_error 500 Internal server error
invalid_credentials 401 Invalid credentials
invalid_customer 401 Invalid customer
invalid_refresh_token 401 Invalid refresh token
invalid_token 401 Token validation failed
inventory_item_not_found 404 Inventory item not found
inventory_item_unknown 400 Inventory item not found
inventory_name_taken 409 Inventory item with this name already exists
last_admin_protected 409 Last active admin
link_token_invalid 400 Link not valid
malformed_json 400 Malformed JSON
mechanic_already_assigned 400 Mechanic already assigned to this service ticket
mechanic_email_taken 400 Email already associated with another mechanic
mechanic_not_assigned 400 Mechanic is not assigned to this service ticket
mechanic_not_found 404 Mechanic not found
mechanic_tied 409 Mechanic has an account
mechanic_unknown 400 Mechanic not found
message_not_found 404 Message not found
message_not_resendable 409 Message cannot be sent again
method_not_allowed 405 Method not allowed
mfa_required 401 Second factor required
mfa_token_invalid 401 MFA token not valid
misconfigured 503 Service misconfigured
no_changes_made 400 No mechanic changes made
not_found 404 Not found
not_ready 503 Not ready
nothing_created 400 No inventory item created
order_invalid 400 Invalid order
part_already_added 400 Inventory item already added to this service ticket
part_not_added 400 Inventory item is not assigned to this service ticket
payload_too_large 413 Payload too large
problem_not_found 404 Problem not found
reauthentication_required 401 Fresh authentication required
request_timeout 408 Request timeout
session_not_found 404 Session not found
session_required 403 Session required
sign_in_busy 503 Too many sign-ins at once
sms_unavailable 503 No SMS is sent
sort_field_invalid 400 Invalid sort field
stock_exhausted 409 Not enough in stock
ticket_full 409 Service ticket is full
ticket_not_found 404 Service ticket not found
ticket_status_conflict 409 Status change not possible
token_expired 401 Token validation failed
token_missing 401 Token is missing
too_many_requests 429 Too many requests
unavailable 503 Service unavailable
unsupported_media_type 415 Unsupported media type
validation_failed 400 Validation failed
`

function expectProtected({ headers }: Answer): void {
  const maxAge = /max-age=(\d+)/.exec(headers.get('strict-transport-security') ?? '')?.[1]
  expect(Number(maxAge)).toBeGreaterThanOrEqual(31_536_000)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
  expect(headers.get('x-request-id')).toMatch(/^[A-Za-z0-9_-]{22}$/)
  expect([headers.has('x-powered-by'), headers.has('server')]).toEqual([false, false])
}

/** What has the member `errors`. */
const TELL_ERRORS = [
  'validation_failed',
  'no_changes_made',
  'nothing_created',
  'sort_field_invalid',
  'order_invalid',
  'not_ready',
]

/** What has members of its own. */
const OWN_MEMBERS: Partial<Record<ProblemCode, object>> = {
  nothing_created: { created: [], created_count: 0, error_count: 1 },
  mfa_required: { mfa_token: expect.any(String), methods: ['totp', 'recovery_code'] },
  factor_code_missing: { methods: ['totp', 'recovery_code'] },
}

const CHALLENGED: Partial<Record<ProblemCode, string>> = {
  invalid_token: ', error="invalid_token"',
  token_expired: ', error="invalid_token"',
  invalid_customer: ', error="invalid_token"',
  reauthentication_required: ', error="insufficient_user_authentication", max_age=0',
  forbidden: ', error="insufficient_scope", scope="customers:read"',
}

describe('every problem', () => {
  it.each(Object.entries(PROVOCATIONS))(
    'S103: %s has exactly the documented shape',
    async (code, provoke) => {
      const { status, title } = PROBLEMS[code as ProblemCode]
      const answer = await provoke()
      const { detail, errors } = answer.body
      expect(answer.body).toEqual({
        type: `/problems/${code}`,
        title,
        status,
        code,
        ...('detail' in answer.body && { detail: expect.any(String) }),
        error: title,
        message: detail ?? title,
        ...('errors' in answer.body && { errors }),
        ...OWN_MEMBERS[code as ProblemCode],
        request_id: answer.headers.get('x-request-id'),
      })
      expect(
        Object.values(errors ?? {})
          .flat()
          .every((message) => typeof message === 'string'),
      ).toBe(true)
      expect('errors' in answer.body).toBe(TELL_ERRORS.includes(code))
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.has('retry-after')).toBe([429, 503].includes(status))
      expect(answer.headers.has('allow')).toBe(status === 405)
      const challenge = CHALLENGED[code as ProblemCode]
      const realm = status === 401 || challenge ? `Bearer realm="mechanic-shop"${challenge ?? ''}` : null
      expect(answer.headers.get('www-authenticate')).toBe(realm)
      expect(answer.text).not.toMatch(/eyJ[\w-]{20}|D1_ERROR|SQLITE|SELECT|\$pbkdf2|\.ts\b|\\n/)
      expectProtected(answer)
    },
  )

  it.each(PROBLEM_CODES)('%s is explained at its own address', async (code) => {
    const answer = await anonymous().get(`/problems/${code}`)
    expect([answer.status, answer.body]).toEqual([
      200,
      { type: `/problems/${code}`, code, ...PROBLEMS[code] },
    ])
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
  })

  it('the catalogue of codes, statuses and titles is the permanent one', () => {
    const lines = PROBLEM_CODES.map((code) => `${code} ${PROBLEMS[code].status} ${PROBLEMS[code].title}`)
    expect(`\n${lines.sort().join('\n')}\n`).toBe(CATALOGUE)
  })
})

describe('faults of the platform', () => {
  it('S103: an unknown error tells nothing, neither in the answer nor in the log', async () => {
    const before = logLines.length
    const answer = await PROVOCATIONS.internal_error()
    expect(answer.body.detail).toBe('Something went wrong on our side')
    const lines = logLines.slice(before)
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(['internal_error', 'request'])
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'alert',
      name: 'Error',
      request_id: answer.body.request_id,
    })
    expect(lines.join('\n')).not.toMatch(/eyJ[\w-]{20}|SELECT|D1_ERROR/)
  })

  it('S103: without the database nobody signs in, and nobody signed in gets through', async () => {
    const broken = await withSettings({ DB: brokenDatabase })
    const anna = await customer()
    for (const [method, path, body] of [
      ['POST', '/customers/login', { email: anna.email, password: anna.password }],
      ['POST', '/customers', registration()],
      ['POST', '/auth/password/reset', { token: 'x', password: 'torque-wrench-43' }],
      ['GET', '/auth/me', undefined],
      ['GET', '/customers/my-tickets', undefined],
      ['POST', '/auth/logout', undefined],
    ] as const) {
      const answer = await broken(method, path, body, { Authorization: `Bearer ${anna.token}` })
      expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'unavailable'])
    }
    const noBatch = Object.assign(Object.create(testEnv.DB), {
      prepare: testEnv.DB.prepare.bind(testEnv.DB),
      batch: async () => throwing(),
    })
    const halfBroken = await withSettings({ DB: noBatch })
    const granted = await halfBroken('POST', '/auth/login', { email: anna.email, password: anna.password })
    expect([granted.status, granted.body.token]).toEqual([503, undefined])
  })

  it('S103: without KV everything goes on, and an ended session stays ended', async () => {
    const anna = await customer()
    kv.down = true
    expect((await anna.get('/auth/me')).status).toBe(200)
    expect((await anna.post('/auth/logout')).status).toBe(200)
    expect((await anna.get('/auth/me')).body.code).toBe('invalid_token')
    kv.down = false
  })
})

describe('what the service says of itself', () => {
  it('/health answers without storage and with broken settings', async () => {
    const healthy = { status: 'healthy', message: 'Mechanic Shop API is running' }
    const bare = await withSettings({
      DB: undefined,
      KV: undefined,
      SECRET_KEY: undefined,
      ALLOWED_ORIGINS: '*',
    })
    for (const path of ['/health', '/health/']) {
      const answer = await bare('GET', path)
      expect([answer.status, answer.body]).toEqual([200, healthy])
    }
    expect((await bare('GET', '/')).body.code).toBe('misconfigured')
  })

  it('/ready names what is not ready', async () => {
    const ready = await anonymous().get('/ready')
    expect([ready.status, ready.body]).toEqual([
      200,
      { status: 'ready', checks: { database: 'ok', schema: 'ok', kv: 'ok' } },
    ])
    const down = { get: async () => throwing() }
    const older = {
      prepare: (sql: string) => testEnv.DB.prepare(sql.replace('d1_migrations', 'no_migrations')),
    }
    for (const [overrides, parts] of [
      [{ DB: brokenDatabase }, ['database']],
      [{ KV: down }, ['kv']],
      [{ DB: older }, ['schema']],
      [{ DB: brokenDatabase, KV: down }, ['database', 'kv']],
    ] as const) {
      const answer = await (await withSettings(overrides))('GET', '/ready')
      expect([answer.status, Object.keys(answer.body.errors)]).toEqual([503, parts])
      expect(answer.body.detail).toBe(`Not ready: ${parts.join(', ')}`)
    }
  })

  it('GET / welcomes and names entry points that exist', async () => {
    const { body, headers } = await anonymous().get('/')
    expect(Object.keys(body)).toEqual(['message', 'name', 'version', 'endpoints'])
    expect(body).toMatchObject({ message: 'Welcome to the Mechanic Shop API', name: 'mechanic-shop-api' })
    expect(headers.get('cache-control')).toBe('public, max-age=300')
    for (const endpoint of Object.values<string>(body.endpoints)) {
      const path = endpoint.replace(/^[A-Z]+ /, '')
      expect([path, (await anonymous().get(path)).status]).not.toEqual([path, 404])
    }
  })

  it('S98: successes and preflights are protected like errors, and ids of requests are never taken over', async () => {
    const shop = await withSettings({ ALLOWED_ORIGINS: 'https://shop.example' })
    const answers = [
      await anonymous().get('/'),
      await anonymous().post('/customers', registration()),
      await shop('OPTIONS', '/customers', undefined, { Origin: 'https://shop.example' }),
      await anonymous().get('/health', { 'X-Request-Id': 'AAAAAAAAAAAAAAAAAAAAAA' }),
      await send(new Request(`${ORIGIN}/customers`, { method: 'HEAD' })),
    ]
    for (const answer of answers) expectProtected(answer)
    const ids = answers.map(({ headers }) => headers.get('x-request-id'))
    expect(new Set([...ids, 'AAAAAAAAAAAAAAAAAAAAAA']).size).toBe(answers.length + 1)
  })
})

it('every answer provoked here is documented for its operation', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
