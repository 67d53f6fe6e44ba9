/** What every path has in common: order of checks, methods, bodies, origins, schemes, headers. */
import { createExecutionContext } from 'cloudflare:test'
import { beforeAll, describe, expect, it } from 'vitest'
import { app } from '../../src/app.ts'
import {
  type Answer,
  admin,
  anonymous,
  customer,
  mechanic,
  ORIGIN,
  type Person,
  send,
} from '../support/client.ts'
import { type OpenApiDocument, operationsOf, readDocument, undocumentedAnswers } from '../support/openapi.ts'
import { testEnv } from '../support/test-env.ts'

const SHOP = 'https://shop.example'
const TOO_MUCH = `{"first_name":"${'a'.repeat(70_000)}"}`

let john: Person
let jane: Person
let mike: Person
let boss: Person
let ticketId = 0
let document: OpenApiDocument

beforeAll(async () => {
  ;[john, jane, mike, boss] = await Promise.all([customer(), customer(), mechanic(), admin()])
  const ticket = { customer_id: john.id, description: 'Brakes', service_date: '2026-01-15' }
  ticketId = (await mike.post('/service-tickets', ticket)).body.id
  // Of each kind the first: the ids are alike.
  await boss.post('/mechanics', { name: 'Maria Keller', email: 'maria@shop.example' })
  await boss.post('/inventory', { name: 'Oil filter', price: 9.5 })
  document = await readDocument()
})

/** Any method, body and headers; bodies are JSON unless the headers say otherwise. */
function request(method: string, path: string, body?: BodyInit, headers: HeadersInit = {}): Request {
  const all = new Headers(headers)
  if (body !== undefined && !all.has('Content-Type')) all.set('Content-Type', 'application/json')
  return new Request(path.startsWith('http') ? path : ORIGIN + path, {
    method,
    headers: all,
    ...(body !== undefined && { body }),
  })
}

/** The app under other settings or with other bindings. */
async function under(env: Record<string, unknown>, asked: Request): Promise<Answer> {
  const { status, headers, body } = await app.fetch(asked, env as never, createExecutionContext())
  const text = body === null ? '' : await new Response(body).text()
  return { status, headers, text, body: text === '' ? undefined : JSON.parse(text) }
}

const bearer = (person: Person) => ({ Authorization: `Bearer ${person.token}` })
const PLAIN = { 'Content-Type': 'text/plain' }

describe('the order of checks', () => {
  it.each([
    [
      '404 path before 413, 415 and 401',
      () => request('POST', '/nowhere', TOO_MUCH, PLAIN),
      404,
      'not_found',
    ],
    [
      '405 before 413, 415 and 401',
      () => request('PUT', '/customers', TOO_MUCH, PLAIN),
      405,
      'method_not_allowed',
    ],
    [
      '413 before 415 and 401',
      () => request('PUT', '/customers/1', TOO_MUCH, PLAIN),
      413,
      'payload_too_large',
    ],
    ['415 before 401', () => request('PUT', '/customers/1', '{', PLAIN), 415, 'unsupported_media_type'],
    ['401 before 403, 404 and 400', () => request('PUT', '/customers/999999', '{'), 401, 'token_missing'],
    [
      '403 before 404 and 400',
      () => request('PUT', '/customers/999999', '{', bearer(john)),
      403,
      'forbidden',
    ],
    [
      '404 thing before 400',
      () => request('PUT', '/customers/999999', '{', bearer(boss)),
      404,
      'customer_not_found',
    ],
    [
      '404 ticket before 400',
      () => request('PUT', '/service-tickets/999999', '{', bearer(mike)),
      404,
      'ticket_not_found',
    ],
    [
      '400 before 409',
      () =>
        request(
          'PUT',
          `/service-tickets/${ticketId}`,
          '{"status":"completed","description":""}',
          bearer(mike),
        ),
      400,
      'validation_failed',
    ],
    [
      '409 when nothing else is wrong',
      () => request('PUT', `/service-tickets/${ticketId}`, '{"status":"completed"}', bearer(mike)),
      409,
      'ticket_status_conflict',
    ],
    [
      '413 where no body is expected too',
      () => request('POST', '/auth/logout', TOO_MUCH),
      413,
      'payload_too_large',
    ],
    [
      '415 where no body is expected too',
      () => request('POST', '/auth/logout', '{}', PLAIN),
      415,
      'unsupported_media_type',
    ],
  ])('tells %s', async (_, asked, status, code) => {
    const answer = await send(asked())
    expect([answer.status, answer.body.code]).toEqual([status, code])
  })
})

const concrete = (path: string) => path.replace('{code}', 'forbidden').replace(/\{\w+\}/g, '999999')

describe('paths and methods', () => {
  it('every operation answers alike with and without a trailing slash, and never redirects', async () => {
    for (const { method, path } of operationsOf(document).filter(({ path }) => path !== '/')) {
      const bare = await send(request(method, concrete(path)))
      const slashed = await send(request(method, `${concrete(path)}/`))
      expect([method, path, slashed.status]).toEqual([method, path, bare.status])
      expect(slashed.headers.get('location')).toBeNull()
      expect(slashed.body.code).not.toBe('not_found')
    }
  })

  it('S102: every other method of a path is 405 with an exact Allow', async () => {
    for (const [path, item] of Object.entries<object>(document.paths)) {
      const documented = Object.keys(item).map((method) => method.toUpperCase())
      const allowed = documented.includes('GET') ? [...documented, 'HEAD'] : documented
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'PROPFIND',
      ]) {
        if (allowed.includes(method)) continue
        const answer = await send(request(method, concrete(path), undefined, bearer(boss)))
        expect([method, path, answer.status]).toEqual([method, path, 405])
        expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed.toSorted())
      }
    }
  })

  it('S102: HEAD answers like GET, without a body', async () => {
    for (const path of [
      '/',
      '/health',
      '/customers',
      '/customers/0',
      `/customers/${john.id}`,
      '/problems/nope',
    ]) {
      const [get, head] = await Promise.all(
        ['GET', 'HEAD'].map((method) => send(request(method, path, undefined, bearer(john)))),
      )
      const headersOf = (answer?: Answer) =>
        [...(answer?.headers ?? [])].filter(([name]) => name !== 'x-request-id' && name !== 'content-length')
      expect([path, head?.status, head?.text]).toEqual([path, get?.status, ''])
      expect(headersOf(head)).toEqual(headersOf(get))
    }
  })

  it('S102: method override headers and parameters change nothing', async () => {
    const own = `/customers/${john.id}`
    for (const header of ['X-HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method']) {
      const headers = { ...bearer(john), [header]: 'DELETE' }
      expect((await send(request('POST', own, '{"_method":"DELETE"}', headers))).status).toBe(405)
      expect((await send(request('GET', `${own}?_method=DELETE`, undefined, headers))).body.id).toBe(john.id)
    }
    expect((await john.get(own)).status).toBe(200)
  })

  it.each([
    '0',
    '01',
    '-1',
    '+1',
    '1.5',
    'abc',
    '1e3',
    '1%0A',
    '%EF%BC%91',
    '1%2F',
    '1/x',
    '%',
    '%zz',
    '__proto__',
  ])('the id %s names nothing: 404 as JSON', async (id) => {
    for (const path of [`/customers/${id}`, `/service-tickets/${id}`]) {
      const answer = await boss.get(path)
      expect([path, answer.status, answer.body.status]).toEqual([path, 404, 404])
    }
  })

  it('an id beyond every number is nobody, and one that is merely encoded is the same id', async () => {
    expect((await boss.get('/customers/99999999999999999999')).body.code).toBe('customer_not_found')
    expect((await boss.get('/service-tickets/99999999999999999999')).body.code).toBe('ticket_not_found')
    expect((await john.get('/customers/99999999999999999999')).status).toBe(403)
    const encoded = [...String(john.id)].map((digit) => `%3${digit}`).join('')
    expect((await john.get(`/customers/${encoded}`)).body.id).toBe(john.id)
    expect((await jane.get(`/customers/${encoded}`)).status).toBe(403)
  })

  it('S108: there are no debug, test or documentation routes beside the documented ones', async () => {
    const guesses = [
      '/test',
      '/debug',
      '/__test/clock',
      '/outbox',
      '/admin',
      '/.env',
      '/.git/config',
      '/metrics',
      '/cdn-cgi/x',
    ]
    for (const path of guesses) expect([path, (await boss.get(path)).status]).toEqual([path, 404])
  })
})

describe('requests without much in them', () => {
  it('a request without a body is never refused for its type', async () => {
    for (const type of ['text/plain', 'application/xml']) {
      const headers = { ...bearer(john), 'Content-Type': type }
      expect((await send(request('PUT', `/customers/${john.id}`, undefined, headers))).body.code).toBe(
        'input_missing',
      )
      expect((await send(request('PUT', `/customers/${john.id}`, '', headers))).body.code).toBe(
        'input_missing',
      )
      expect((await send(request('GET', '/auth/me', undefined, headers))).status).toBe(200)
    }
  })

  it('an empty body and an empty object are "No input data provided" wherever fields are needed', async () => {
    for (const { method, path, description } of operationsOf(document)) {
      if (!description.requestBody?.required) continue
      const isForAdmins = path.startsWith('/admin') || path === '/auth/introspect'
      const target = path.replace('{id}', String(path.startsWith('/customers') ? john.id : ticketId))
      const isForStaff = /^\/(?:service-tickets|mechanics|inventory)/.test(path)
      const who = isForAdmins || isForStaff ? boss : john
      for (const body of [undefined, '', '{}']) {
        const headers = { ...bearer(who), 'CF-Connecting-IP': anonymous().address }
        const { status, body: problem } = await send(request(method, target, body, headers))
        expect([method, path, status, problem.error]).toEqual([method, path, 400, 'No input data provided'])
      }
    }
  })

  it('S106: a header sent twice is not two chances', async () => {
    const headers = new Headers(bearer(john))
    headers.append('Authorization', `Bearer ${jane.token}`)
    expect((await send(request('GET', '/auth/me', undefined, headers))).body.code).toBe('invalid_token')
  })

  it('S44: a token in the query or the body is no token', async () => {
    const path = `/auth/me?access_token=${john.token}&token=${john.token}`
    expect((await anonymous().get(path)).body.code).toBe('token_missing')
    expect((await anonymous().patch('/auth/me', { token: john.token })).body.code).toBe('token_missing')
  })
})

describe('other origins', () => {
  const env = { ...testEnv, ALLOWED_ORIGINS: `${SHOP}, https://app.shop.example` }
  const from = (origin: string, method: string, path: string) =>
    under(env, request(method, path, undefined, { Origin: origin, 'Access-Control-Request-Method': 'GET' }))
  const corsHeaders = (answer: Answer) =>
    [...answer.headers.keys()].filter((name) => name.startsWith('access-control'))

  it('a preflight of an allowed origin is answered, without credentials', async () => {
    const answer = await from(SHOP, 'OPTIONS', '/customers')
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP)
    expect(answer.headers.get('access-control-allow-methods')?.split(',')).toContain('DELETE')
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
  })

  it('an allowed origin can read every answer, errors too, never with credentials', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/customers'],
      ['GET', '/nowhere'],
      ['PUT', '/customers'],
      ['POST', '/auth/login'],
    ] as const) {
      const answer = await from(SHOP, method, path)
      expect([path, answer.headers.get('access-control-allow-origin')]).toEqual([path, SHOP])
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
      expect(answer.headers.get('vary')).toContain('Origin')
    }
  })

  it.each([
    'https://evil.example',
    'null',
    'http://shop.example',
    `${SHOP}.evil.example`,
    'https://SHOP.example',
    `${SHOP}:8443`,
    `${SHOP}/`,
  ])('the origin %s gets no CORS header', async (origin) => {
    const preflight = await from(origin, 'OPTIONS', '/customers')
    const read = await from(origin, 'GET', '/customers')
    expect([preflight.status, corsHeaders(preflight), corsHeaders(read)]).toEqual([405, [], []])
    expect(read.headers.get('vary')).toContain('Origin')
  })

  it('no origin is allowed unless one is configured', async () => {
    const answer = await under({ ...testEnv }, request('GET', '/', undefined, { Origin: SHOP }))
    expect([answer.status, corsHeaders(answer)]).toEqual([200, []])
  })
})

describe('plain http', () => {
  it.each([
    'http://api.mechanic-shop.test',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://10.0.0.1',
    'http://[::2]',
  ])('%s is refused before any work, without a redirect', async (origin) => {
    const forbidden = new Proxy({}, { get: () => expect.fail('storage was touched') })
    const asked = request('POST', `${origin}/auth/login`, '{"email":"a@b.example","password":"secret"}')
    const answer = await under({ ...testEnv, DB: forbidden, KV: forbidden, SIGN_IN_RING: forbidden }, asked)
    expect([answer.status, answer.body.code]).toEqual([403, 'https_required'])
    expect([answer.headers.get('location'), asked.bodyUsed]).toEqual([null, false])
  })

  it.each([
    'http://localhost:8787',
    'http://shop.localhost',
    'http://127.0.0.1:8787',
    'http://127.1.2.3',
    'http://[::1]:8787',
  ])('%s is loopback and answered', async (origin) =>
    expect((await send(request('GET', `${origin}/`))).status).toBe(200),
  )
})

it('every answer seen here is documented for its operation', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
