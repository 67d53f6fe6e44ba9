/** The published document against the app: nothing missing, nothing invented, and every example true. */
import { beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { documentedPath } from '../../src/access/declared.ts'
import { PERMISSIONS } from '../../src/access/roles.ts'
import { app } from '../../src/app.ts'
import { isProblemCode, PROBLEM_CODES } from '../../src/platform/problem-catalogue.ts'
import { PAGES } from '../../src/web/routes.ts'
import { challengeOf, verify } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  mechanic,
  ORIGIN,
  registration,
  send,
  uniqueEmail,
} from '../support/client.ts'
import { mailProvider, mailTo, tokenIn, unsentMessageOf } from '../support/mail-provider.ts'
import { codeOf } from '../support/one-time-code.ts'
import {
  type OpenApiDocument,
  type Operation,
  operationsOf,
  readDocument,
  resolveSchema,
  type Schema,
} from '../support/openapi.ts'
import { withSettings } from '../support/settings.ts'
import { askForCode, codeTo, uniqueNumber, verifyEmail } from '../support/sms-provider.ts'

let document: OpenApiDocument
let operations: Operation[]

beforeAll(async () => {
  document = await readDocument()
  operations = operationsOf(document)
})

const nameOf = ({ method, path }: Operation) => `${method} ${path}`

/** A validator for a schema of the document. */
function validatorOf(schema: object): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas })
  return z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')))
}

/** Every object of the document, with the way to it. */
function* walk(value: unknown, way = ''): Generator<[string, any]> {
  if (typeof value !== 'object' || value === null) return
  yield [way, value]
  for (const [key, inner] of Object.entries(value)) yield* walk(inner, `${way}/${key}`)
}

describe('the document', () => {
  it('is OpenAPI 3.1, public, and the same at each reading', async () => {
    const answer = await anonymous().get('/openapi.json/')
    expect(answer.body.openapi).toMatch(/^3\.1\.\d+$/)
    expect(answer.body).toEqual(document)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(Object.keys(document)).toEqual(expect.arrayContaining(['info', 'paths', 'components', 'servers']))
    expect(document.info).toMatchObject({ title: 'mechanic-shop-api', version: expect.any(String) })
  })

  it('describes the routes of the app, all of them and no others', () => {
    const routes = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${documentedPath(path)}`)
    expect([...operations.map(nameOf), ...PAGES].sort()).toEqual([...new Set(routes)].sort())
    expect(operations.length).toBeGreaterThanOrEqual(20)
  })

  it('has plain paths, each parameter declared once and required', () => {
    for (const { path, description } of operations) {
      expect(path).toMatch(/^\/$|^(?:\/(?:[a-z-]+(?:\.json)?|\{[a-z_]+\}))+$/)
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (description.parameters ?? []).filter((one) => one.in === 'path')
      expect(declared.map(({ name }) => name)).toEqual(named)
      expect(declared.every(({ required }) => required)).toBe(true)
    }
  })

  it('names, sums up and tags every operation', () => {
    const ids = operations.map(({ description }) => description.operationId)
    expect(new Set(ids).size).toBe(operations.length)
    for (const { description } of operations) {
      expect(description.operationId).toMatch(/^[a-z][A-Za-z]+$/)
      expect(description.summary.length).toBeGreaterThan(5)
      expect(description.tags).toHaveLength(1)
    }
  })

  it('has no reference into nothing and no pattern that JavaScript alone understands', () => {
    for (const [way, value] of walk(document)) {
      if (typeof value.$ref === 'string') {
        const name = value.$ref.replace('#/components/schemas/', '')
        expect([way, Object.keys(document.components.schemas)]).toEqual([way, expect.arrayContaining([name])])
      }
      if (typeof value.pattern === 'string')
        expect([way, value.pattern]).toEqual([way, expect.stringMatching(/\$$/)])
    }
    const pattern = document.components.schemas['NewServiceTicket']?.properties?.['vin']?.pattern ?? 'none'
    for (const vin of ['WBA3A5C50CF256651', 'wba3a5c50cf256651'])
      expect(new RegExp(pattern, 'u').test(vin)).toBe(true)
  })

  it('names what a client decides by: every problem code, and each list of values that several schemas hold', () => {
    expect(document.components.schemas['Problem']?.properties?.['code']).toEqual({
      $ref: '#/components/schemas/ProblemCode',
    })
    expect(document.components.schemas['ProblemCode']?.enum).toEqual(PROBLEM_CODES)
    const lists = [...walk(document)]
      .filter(([way, { enum: values }]) => values?.length > 2 && !way.includes('/parameters/'))
      .map(([, value]) => value.enum.join(' '))
    expect(lists.filter((list, place) => lists.indexOf(list) !== place)).toEqual([])
  })

  it('S107: takes no secret in a path or a query', () => {
    const names = operations.flatMap(({ path, description }) =>
      (description.parameters ?? [])
        .filter(({ in: place }) => place !== 'header')
        .map(({ name }) => `${path} ${name}`),
    )
    expect(names).toContain('/service-tickets cursor')
    const suspicious = names.filter((name) =>
      /token|key|secret|password|code|auth|session/i.test(name.split(' ')[1] ?? ''),
    )
    expect(suspicious).toEqual(['/problems/{code} code'])
  })
})

describe('S101: what is sent', () => {
  it('is bounded: every string in length, every number in size, every list in items', async () => {
    const document = await readDocument()
    const inputs = operationsOf(document).flatMap(({ method, path, description }) => [
      ...(description.parameters ?? []).map((one) => [`${method} ${path} ${one.name}`, one.schema] as const),
      [`${method} ${path} body`, description.requestBody?.content['application/json']?.schema] as const,
    ])
    expect(inputs.length).toBeGreaterThan(20)
    expect(inputs.flatMap(([name, schema]) => unbounded(document, name, schema))).toEqual([])
  })
})

/** The places in a schema where a client could send any amount. */
function unbounded(document: OpenApiDocument, name: string, schema: Schema | undefined): string[] {
  if (!schema) return []
  if (schema.$ref) return unbounded(document, name, resolveSchema(document, schema))
  const inner = [
    ...Object.entries(schema.properties ?? {}).map(([key, one]) => [`${name}.${key}`, one] as const),
    ...(schema.items ? [[`${name}[]`, schema.items] as const] : []),
  ].flatMap(([place, one]) => unbounded(document, place, one))
  const types = [schema.type].flat()
  const isOpen =
    (types.includes('string') && !schema.enum && schema.maxLength === undefined) ||
    (types.includes('integer') && schema.maximum === undefined) ||
    (types.includes('array') && schema.maxItems === undefined) ||
    (types.includes('object') && schema.additionalProperties !== false)
  return isOpen ? [name, ...inner] : inner
}

describe('guards', () => {
  it('security and x-permission stand where a token is asked for, and nowhere else', async () => {
    expect(document.components.securitySchemes['bearer']).toMatchObject({ type: 'http', scheme: 'bearer' })
    for (const operation of operations) {
      const { method, path, description } = operation
      const concrete = path.replace('{code}', 'forbidden').replace(/\{\w+\}/g, '1')
      const answer = await send(new Request(ORIGIN + concrete, { method }))
      const isGuarded = answer.body?.code === 'token_missing'
      expect([nameOf(operation), description.security.length > 0]).toEqual([nameOf(operation), isGuarded])
      if (!isGuarded) {
        expect(description['x-permission']).toBeUndefined()
        continue
      }
      const scopes = description.security[0]?.bearer ?? []
      expect(scopes.length).toBeGreaterThan(0)
      for (const scope of scopes) {
        expect(PERMISSIONS).toContain(scope)
        expect(description['x-permission']).toContain(scope)
      }
      // By header alone, or by cookie; and a change by cookie needs the CSRF token as well.
      const alternatives = description.security.map((each) => Object.keys(each).sort())
      expect([nameOf(operation), alternatives]).toEqual([
        nameOf(operation),
        [['bearer'], method === 'GET' ? ['cookie'] : ['cookie', 'csrf']],
      ])
      expect(Object.keys(description.responses)).toEqual(expect.arrayContaining(['401', '403', '503']))
    }
  })
})

/** What is done only in part, and what is done later. */
const OTHER_SUCCESSES: Record<string, string[]> = {
  'PUT /service-tickets/{id}/edit': ['200', '207'],
  'POST /auth/password/forgot': ['202'],
  'POST /auth/email/resend': ['202'],
  // Where registration is private, it does not say whether it has created anything.
  'POST /customers': ['201', '202'],
  'POST /auth/mfa/challenge': ['202'],
  'POST /auth/step-up/challenge': ['202'],
}

describe('answers', () => {
  it('every error has the problem schema and an example of each code', () => {
    const problem = validatorOf({ $ref: '#/components/schemas/Problem' })
    for (const operation of operations) {
      const { description } = operation
      expect(Object.keys(description.responses)).toEqual(expect.arrayContaining(['403', '500']))
      // Health is the one route that answers whatever the settings are.
      expect('503' in description.responses).toBe(operation.path !== '/health')
      if (description.requestBody) {
        expect(Object.keys(description.responses)).toEqual(expect.arrayContaining(['400', '413', '415']))
      }
      for (const [status, answer] of Object.entries(description.responses)) {
        expect(answer.description.length).toBeGreaterThan(0)
        if (Number(status) < 400) continue
        expect(Object.keys(answer.content)).toEqual(['application/problem+json'])
        const { schema, examples = {} } = answer.content['application/problem+json'] ?? {}
        expect(schema).toEqual({ $ref: '#/components/schemas/Problem' })
        expect(Object.keys(examples).length).toBeGreaterThan(0)
        for (const [code, { value }] of Object.entries(examples)) {
          expect([nameOf(operation), value.code, value.status]).toEqual([
            nameOf(operation),
            code,
            Number(status),
          ])
          expect(isProblemCode(code)).toBe(true)
          problem.parse(value)
        }
      }
    }
  })

  it('a status that comes with a header says so', () => {
    for (const { description } of operations) {
      const headersOf = (status: string) => Object.keys(description.responses[status]?.headers ?? {})
      const ofLimit = '429' in description.responses ? ['RateLimit', 'RateLimit-Policy'] : []
      if ('429' in description.responses) expect(headersOf('429')).toEqual(['Retry-After', ...ofLimit])
      if ('503' in description.responses) expect(headersOf('503')).toEqual(['Retry-After'])
      if ('401' in description.responses) expect(headersOf('401')).toEqual(['WWW-Authenticate', ...ofLimit])
    }
  })

  it('has one success each, 201 for what creates', () => {
    for (const operation of operations) {
      const successes = Object.keys(operation.description.responses).filter((status) => Number(status) < 400)
      const creates = CREATE.includes(nameOf(operation))
      const done = OTHER_SUCCESSES[nameOf(operation)] ?? ['200']
      expect([nameOf(operation), successes]).toEqual([nameOf(operation), creates ? ['201'] : done])
    }
  })

  it('every example of a request, an answer or a parameter validates', () => {
    let checked = 0
    for (const [way, { schema, example }] of walk(document.paths)) {
      if (typeof schema !== 'object') continue
      const given = example ?? schema.example
      if (given === undefined) continue
      expect([way, validatorOf(schema).safeParse(given).error?.issues]).toEqual([way, undefined])
      checked++
    }
    expect(checked).toBeGreaterThan(25)
  })

  it('real answers are what the document says, without a member more', async () => {
    const john = await customer()
    const mike = await mechanic()
    const boss = await admin()
    const victim = await customer()
    const credentials = { email: john.email, password: john.password }
    const ticket = {
      customer_id: john.id,
      description: 'Brakes',
      service_date: '2026-01-15',
      vin: 'WBA3A5C50CF256651',
    }
    const id = (await mike.post('/service-tickets', ticket)).body.id
    const wanted = { name: 'Till', scopes: ['profile:read'], expires_in_days: 1 }
    const made = await john.post('/auth/tokens', wanted)
    const question = (path: string) => ({ account_id: john.id, method: 'GET', path })
    const { customer_id: _, ...own } = ticket
    const pads = { name: 'Brake pads', price: 49.9, quantity: 2 }
    const maria = { name: 'Maria', email: 'maria@shop.example', salary: 52_000.5 }
    mailProvider.mood = 'down'
    const forgotten = await anonymous().post('/auth/password/forgot', { email: john.email })
    const unsent = await unsentMessageOf(john.id)
    mailProvider.mood = 'up'
    const offered = await mike.post('/auth/mfa/totp')
    const confirmed = await mike.post('/auth/mfa/totp/confirm', { code: codeOf(offered.body.secret) })
    await verifyEmail(mike)
    const number = uniqueNumber()
    const smsOffered = await mike.post('/auth/mfa/sms', { phone_number: number })
    const smsConfirmed = await mike.post('/auth/mfa/sms/confirm', { code: await codeTo(number) })
    const [first = '', second = ''] = smsConfirmed.body.recovery_codes
    const byCode = { method: 'recovery_code', trust_device: true }
    const mona = await customer()
    const moved = uniqueEmail('moved')
    await mona.patch('/auth/me', { email: moved, password: 'camshaft-lobe-profile' })
    const verifying = tokenIn(await mailTo(moved, 1, /^Confirm/))
    const undoing = tokenIn(await mailTo(mona.email, 1, /^Your address/))
    const disowning = tokenIn(await mailTo(mona.email, 1, /^Your password/))
    const real: [string, string, Answer][] = [
      ['/auth/mfa/totp', 'post', offered],
      ['/admin/accounts/{id}/reset-mfa', 'post', await boss.post(`/admin/accounts/${john.id}/reset-mfa`)],
      ['/auth/mfa/totp/confirm', 'post', confirmed],
      ['/auth/mfa/verify', 'post', await verify(await challengeOf(mike), first, byCode)],
      ['/auth/step-up', 'post', await mike.post('/auth/step-up', { method: 'recovery_code', code: second })],
      ['/auth/mfa/sms', 'post', smsOffered],
      ['/auth/mfa/sms/confirm', 'post', smsConfirmed],
      ['/auth/mfa/challenge', 'post', await askForCode(await challengeOf(mike))],
      ['/auth/step-up/challenge', 'post', await mike.post('/auth/step-up/challenge', { method: 'sms' })],
      ['/auth/mfa', 'get', await mike.get('/auth/mfa')],
      ['/auth/mfa/sms', 'delete', await mike.delete('/auth/mfa/sms')],
      ['/auth/mfa/trusted-devices', 'get', await mike.get('/auth/mfa/trusted-devices')],
      ['/auth/mfa/recovery-codes', 'post', await mike.post('/auth/mfa/recovery-codes')],
      ['/auth/mfa/totp', 'delete', await mike.delete('/auth/mfa/totp')],
      ['/', 'get', await anonymous().get('/')],
      ['/health', 'get', await anonymous().get('/health')],
      ['/ready', 'get', await anonymous().get('/ready')],
      ['/problems/{code}', 'get', await anonymous().get('/problems/not_found')],
      [
        '/customers',
        'post',
        await anonymous().post('/customers', { ...registration(), phone_number: undefined }),
      ],
      ['/customers/login', 'post', await anonymous().post('/customers/login', credentials)],
      ['/auth/login', 'post', await anonymous().post('/auth/login', credentials)],
      [
        '/auth/refresh',
        'post',
        await anonymous().post('/auth/refresh', { refresh_token: john.refreshToken }),
      ],
      ['/auth/password/forgot', 'post', forgotten],
      [
        '/customers',
        'post',
        await (await withSettings({ REGISTRATION: 'private' }))('POST', '/customers', registration()),
      ],
      ['/auth/email/resend', 'post', await john.post('/auth/email/resend')],
      ['/auth/email/verify', 'post', await anonymous().post('/auth/email/verify', { token: verifying })],
      ['/auth/not-me', 'post', await anonymous().post('/auth/not-me', { token: disowning })],
      ['/auth/email/undo', 'post', await anonymous().post('/auth/email/undo', { token: undoing })],
      [
        '/auth/password/change',
        'post',
        await mike.post('/auth/password/change', {
          current_password: mike.password,
          password: mike.password,
        }),
      ],
      ['/admin/outbox', 'get', await boss.get('/admin/outbox')],
      ['/admin/outbox/{id}/resend', 'post', await boss.post(`/admin/outbox/${unsent}/resend`)],
      ['/auth/step-up', 'post', await john.post('/auth/step-up', { password: john.password })],
      ['/auth/sessions', 'get', await john.get('/auth/sessions')],
      ['/auth/tokens', 'post', made],
      ['/auth/tokens', 'get', await john.get('/auth/tokens')],
      ['/auth/me', 'get', await caller(made.body.token).get('/auth/me')],
      ['/auth/introspect', 'post', await boss.post('/auth/introspect', { token: made.body.token })],
      ['/auth/introspect', 'post', await boss.post('/auth/introspect', { token: 'x' })],
      [
        '/admin/accounts',
        'post',
        await boss.post('/admin/accounts', { email: uniqueEmail(), role: 'admin' }),
      ],
      ['/admin/accounts', 'get', await boss.get('/admin/accounts?limit=1')],
      ['/admin/accounts/{id}', 'get', await boss.get(`/admin/accounts/${mike.id}`)],
      ['/admin/accounts/{id}', 'patch', await boss.patch(`/admin/accounts/${victim.id}`, { role: 'admin' })],
      [
        '/admin/accounts/{id}/revoke-sessions',
        'post',
        await boss.post(`/admin/accounts/${victim.id}/revoke-sessions`),
      ],
      ['/admin/accounts/{id}', 'delete', await boss.delete(`/admin/accounts/${victim.id}`)],
      ['/admin/access/explain', 'post', await boss.post('/admin/access/explain', question('/nowhere'))],
      ['/admin/access/explain', 'post', await boss.post('/admin/access/explain', question('/customers/1'))],
      ['/auth/tokens/{id}', 'delete', await john.delete(`/auth/tokens/${made.body.id}`)],
      ['/auth/sessions', 'delete', await john.delete('/auth/sessions')],
      ['/auth/me', 'get', await john.get('/auth/me')],
      ['/auth/export', 'get', await john.get('/auth/export')],
      ['/auth/me', 'patch', await john.patch('/auth/me', { last_name: 'L' })],
      ['/customers', 'get', await mike.get('/customers?search=v')],
      ['/customers/{id}', 'get', await john.get(`/customers/${john.id}`)],
      ['/customers/{id}', 'put', await john.put(`/customers/${john.id}`, { phone_number: null })],
      ['/customers/my-tickets', 'get', await john.get('/customers/my-tickets')],
      ['/mechanics', 'post', await boss.post('/mechanics', maria)],
      ['/mechanics', 'post', await boss.post('/mechanics', { ...maria, email: 'sam@shop.example' })],
      ['/mechanics', 'get', await mike.get('/mechanics?limit=1')],
      ['/mechanics/by-workload', 'get', await boss.get('/mechanics/by-workload?order=asc')],
      ['/mechanics/{id}', 'get', await mike.get('/mechanics/1')],
      ['/mechanics/{id}', 'put', await boss.put('/mechanics/1', { phone: null })],
      ['/mechanics/{id}', 'delete', await boss.delete('/mechanics/1')],
      ['/inventory', 'post', await mike.post('/inventory', { name: 'Oil filter', price: 9.5 })],
      ['/inventory', 'get', await mike.get('/inventory?sort_by=price')],
      ['/inventory', 'get', await john.get('/inventory')],
      ['/inventory/bulk', 'post', await mike.post('/inventory/bulk', { items: [pads, {}] })],
      ['/inventory/{id}', 'get', await john.get('/inventory/1')],
      ['/inventory/{id}', 'put', await boss.put('/inventory/1', { quantity: 4 })],
      ['/inventory/{id}', 'delete', await boss.delete('/inventory/1')],
      ['/service-tickets', 'post', await mike.post('/service-tickets', ticket)],
      ['/service-tickets', 'get', await mike.get('/service-tickets?limit=1')],
      ['/service-tickets/{id}', 'get', await john.get(`/service-tickets/${id}`)],
      ['/service-tickets/{id}', 'put', await mike.put(`/service-tickets/${id}`, { status: 'in_progress' })],
      ['/service-tickets', 'post', await john.post('/service-tickets', own)],
      [
        '/service-tickets/{id}/assign-mechanic/{mechanic_id}',
        'put',
        await mike.put(`/service-tickets/${id}/assign-mechanic/2`),
      ],
      [
        '/service-tickets/{id}/edit',
        'put',
        await mike.put(`/service-tickets/${id}/edit`, { remove_ids: [9, 2] }),
      ],
      ['/service-tickets/{id}/edit', 'put', await mike.put(`/service-tickets/${id}/edit`, { add_ids: [2] })],
      [
        '/service-tickets/{id}/remove-mechanic/{mechanic_id}',
        'put',
        await mike.put(`/service-tickets/${id}/remove-mechanic/2`),
      ],
      [
        '/service-tickets/{id}/inventory',
        'post',
        await mike.post(`/service-tickets/${id}/inventory`, { inventory_id: 2 }),
      ],
      ['/customers/my-tickets', 'get', await john.get('/customers/my-tickets')],
      [
        '/service-tickets/{id}/inventory/{part_id}',
        'delete',
        await mike.delete(`/service-tickets/${id}/inventory/2`),
      ],
      ['/customers/{id}', 'delete', await john.delete(`/customers/${john.id}`)],
      ['/service-tickets/{id}', 'get', await mike.get(`/service-tickets/${id}`)],
      ['/admin/audit-events', 'get', await boss.get('/admin/audit-events?event=account.registered')],
      ['/admin/audit-events/verify', 'get', await boss.get('/admin/audit-events/verify')],
      ['/service-tickets/{id}', 'delete', await mike.delete(`/service-tickets/${id}`)],
      ['/auth/logout', 'post', await mike.post('/auth/logout')],
    ]
    for (const [path, method, { status, body, headers }] of real) {
      const schema = document.paths[path]?.[method]?.responses[status]?.content['application/json']?.schema
      if (!schema) throw new Error(`${method} ${path} does not describe ${status}`)
      expect([path, method, headers.get('content-type')]).toEqual([path, method, 'application/json'])
      const { data, error } = validatorOf(schema).safeParse(body)
      expect([path, method, error?.issues]).toEqual([path, method, undefined])
      expect(data).toEqual(body)
      expect(membersBeyond(schema, body)).toEqual([])
    }
  })
})

const CREATE = [
  'POST /mechanics',
  'POST /inventory',
  'POST /inventory/bulk',
  'POST /service-tickets',
  'POST /auth/tokens',
  'POST /admin/accounts',
  'POST /auth/mfa/totp',
  'POST /auth/mfa/sms',
  'POST /auth/mfa/recovery-codes',
]

/** Names in an answer that its schema does not list. */
function membersBeyond(schema: Schema, value: unknown, way = ''): string[] {
  const known = resolveSchema(document, schema)
  const nullable = known.anyOf ?? known.oneOf
  if (nullable) {
    return value === null ? [] : membersBeyond(nullable.find(({ type }) => type !== 'null') ?? {}, value, way)
  }
  if (Array.isArray(value)) return value.flatMap((one) => membersBeyond(known.items ?? {}, one, `${way}[]`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const beyond = known.additionalProperties
    const own = known.properties?.[name] ?? (beyond === true ? {} : beyond || undefined)
    return own ? membersBeyond(own, inner, `${way}.${name}`) : [`${way}.${name}`]
  })
}
