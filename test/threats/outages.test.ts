/** D1, KV and the rate limit binding fail or never answer: 503 or the usual answer, never a sign-in, never a leak. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import { guarded } from '../support/authenticator.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  PASSWORD,
  type Person,
  registration,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { mailTo, tokenIn } from '../support/mail-provider.ts'
import { readDocument } from '../support/openapi.ts'
import {
  beforeRoundTrip,
  d1,
  derivations,
  dropKvCache,
  forgetDerivations,
  kv,
  logLines,
  passTime,
} from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'left-hand-thread-9-mm'

const fails = () => {
  throw new Error('D1_ERROR: Network connection lost: SQLITE_BUSY')
}
const hangs = () => new Promise<never>(() => undefined)
const FAULTS: [string, () => unknown][] = [
  ['fails', fails],
  ['hangs', hangs],
]

/** Patience of seconds lasts a fifth of one; whatever waits for less is left alone. */
const realTimeout = globalThis.setTimeout
const realWait = scheduler.wait
function hurry(): void {
  const shorten = (ms: number | undefined) => (ms !== undefined && ms >= 3_000 ? 200 : ms)
  const impatient = (act: () => void, ms?: number) => realTimeout(act, shorten(ms))
  globalThis.setTimeout = impatient as typeof setTimeout
  scheduler.wait = (ms, options) => realWait.call(scheduler, shorten(ms) ?? 0, options)
}

function calm(): void {
  globalThis.setTimeout = realTimeout
  scheduler.wait = realWait
}

let john: Person
let boss: Person

beforeAll(async () => {
  john = await customer()
  boss = await admin()
})

afterEach(() => {
  calm()
  d1.before = undefined
  kv.down = false
  kv.hanging = false
})

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()
const again = (person: Person) => signedIn(person.email, person.password)

async function sessionsOf(person: Person): Promise<unknown[]> {
  return (await sql('SELECT id FROM sessions WHERE account_id = ?', person.id)).results
}

const LEAK = /D1_ERROR|D1_TYPE|SQLITE|Network|eyJ[\w-]{20}|\$pbkdf2|@|select |insert |update |\n\s*at |\.ts/i

function expectUnavailable(answer: Answer, what: string): void {
  expect([answer.status, answer.body.code, answer.headers.get('retry-after')], what).toEqual([
    503,
    'unavailable',
    '5',
  ])
  expect(answer.text, what).not.toMatch(LEAK)
  expect(answer.headers.get('content-type'), what).toBe('application/problem+json')
  expect(Object.keys(answer.body).sort(), what).toEqual([
    'code',
    'detail',
    'error',
    'message',
    'request_id',
    'status',
    'title',
    'type',
  ])
}

interface Operation {
  readonly name: string
  readonly needsDatabase: boolean
  readonly ask: () => Promise<Answer>
}

/** Every documented operation, asked as an admin where it needs a token, with its documented example or a genuine token. */
async function operations(): Promise<Operation[]> {
  const { paths } = await readDocument()
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const json = operation.requestBody?.content['application/json']
      const unavailable =
        operation.responses['503']?.content['application/problem+json']?.examples?.['unavailable']
      const person = operation.security.length > 0 ? boss : anonymous()
      const call = person[method as 'get'] as Person['post']
      const url = path.replace(/\{[^}]+\}/g, '1')
      const example = json?.example ?? json?.schema.example
      const body = path === '/auth/refresh' ? { refresh_token: boss.refreshToken } : example
      return {
        name: `${method} ${path}`,
        needsDatabase: unavailable !== undefined,
        ask: () => (method === 'get' ? call(url) : call(url, body)),
      }
    }),
  )
}

describe('S103: D1 gives no answer', () => {
  it.each(FAULTS)(
    'S103: every operation that needs D1 answers 503 when it %s, the others as ever',
    async (_, fault) => {
      const all = await operations()
      expect(all.filter(({ needsDatabase }) => needsDatabase).length).toBeGreaterThan(12)
      hurry()
      d1.before = fault
      for (const { name, needsDatabase, ask } of all.filter(({ name }) => name !== 'get /ready')) {
        const calls = d1.calls
        const answer = await ask()
        if (needsDatabase) expectUnavailable(answer, name)
        else expect([answer.status < 500, d1.calls], name).toEqual([true, calls])
      }
    },
  )

  it.each(FAULTS)('S103: /ready names the database when it %s', async (_, fault) => {
    hurry()
    d1.before = fault
    const answer = await anonymous().get('/ready')
    expect([answer.status, answer.body.code, Object.keys(answer.body.errors)]).toEqual([
      503,
      'not_ready',
      ['database'],
    ])
    expect(answer.text).not.toMatch(LEAK)
  })

  it('S103: /ready names KV when it fails, and both when both hang', async () => {
    kv.down = true
    expect(Object.keys((await anonymous().get('/ready')).body.errors)).toEqual(['kv'])
    kv.hanging = true
    d1.before = hangs
    hurry()
    expect(Object.keys((await anonymous().get('/ready')).body.errors)).toEqual(['database', 'kv'])
  })

  it('S103: a real error of the database says nothing of itself, nor of the person, in answer or log', async () => {
    const logged = logLines.length
    await sql('ALTER TABLE accounts RENAME TO hidden')
    const answers = [
      await john.get('/customers/my-tickets'),
      await anonymous().post('/auth/login', { email: john.email, password: PASSWORD }),
      await anonymous().post('/customers/', registration()),
    ]
    await sql('ALTER TABLE hidden RENAME TO accounts')
    for (const [i, answer] of answers.entries()) expectUnavailable(answer, String(i))
    const lines = logLines.slice(logged).join('\n')
    expect(lines).toContain('no such table')
    expect(lines).not.toMatch(/@|eyJ[\w-]{20}|\$pbkdf2|select |insert |from "|\\n|\bat \S+:\d/i)
    expect((await john.get('/auth/me')).status).toBe(200)
  })
})

describe.each(FAULTS)('S103: D1 %s between two round trips', (fault, act) => {
  it(`S103: a sign-in grants nothing when D1 ${fault} as the session is opened`, async () => {
    const before = await sessionsOf(john)
    for (const path of ['/auth/login', '/customers/login']) {
      for (const password of [PASSWORD, 'not-the-password']) {
        hurry()
        beforeRoundTrip(2, act)
        expectUnavailable(await anonymous().post(path, { email: john.email, password }), path)
        // Its place lapses.
        passTime(30)
      }
    }
    expect(await sessionsOf(john)).toEqual(before)
  })

  it(`S103: no password is hashed when D1 ${fault} at once`, async () => {
    hurry()
    d1.before = act
    forgetDerivations()
    expectUnavailable(
      await anonymous().post('/auth/login', { email: john.email, password: PASSWORD }),
      'sign-in',
    )
    expect(derivations).toEqual([])
  })

  it(`S103: a registration leaves nothing behind when D1 ${fault} on its way`, async () => {
    const person = registration()
    for (const nth of [1, 2]) {
      hurry()
      beforeRoundTrip(nth, act)
      expectUnavailable(await anonymous().post('/customers/', person), `round trip ${nth}`)
      expect((await sql('SELECT id FROM accounts WHERE email = ?', person.email)).results).toEqual([])
    }
    calm()
    expect((await anonymous().post('/customers/', person)).status).toBe(201)
  })

  it(`S103: a reset uses up no link and sets no password when D1 ${fault} on its way`, async () => {
    const person = await customer()
    const reset = { token: await issueLinkToken(person.email), password: NEW_PASSWORD }
    for (const nth of [1, 2]) {
      hurry()
      beforeRoundTrip(nth, act)
      expectUnavailable(await anonymous().post('/auth/password/reset', reset), `round trip ${nth}`)
    }
    calm()
    expect((await person.get('/auth/me')).status).toBe(200)
    expect((await again(person)).id).toBe(person.id)
    expect((await anonymous().post('/auth/password/reset', reset)).status).toBe(200)
  })

  it(`S103: links of mails are not used up and change nothing when D1 ${fault} on their way`, async () => {
    const person = await customer()
    const confirming = tokenIn(await mailTo(person.email, 1, /^Confirm/))
    await person.patch('/auth/me', { password: NEW_PASSWORD })
    const disowning = tokenIn(await mailTo(person.email, 1, /^Your password/))
    const other = await customer()
    await other.patch('/auth/me', { email: uniqueEmail('moved') })
    const links = [
      ['/auth/email/verify', confirming],
      ['/auth/not-me', disowning],
      ['/auth/email/undo', tokenIn(await mailTo(other.email))],
    ] as const
    for (const [path, token] of links) {
      for (const nth of [1, 2]) {
        hurry()
        beforeRoundTrip(nth, act)
        expectUnavailable(await anonymous().post(path, { token }), `${path}, round trip ${nth}`)
      }
      calm()
      expect((await other.get('/auth/me')).status, path).toBe(200)
      expect((await anonymous().post(path, { token })).status, path).toBe(200)
    }
  })

  it(`S103: an undo with a code uses up neither the link nor the code when D1 ${fault} on its way`, async () => {
    const person = await guarded()
    await person.patch('/auth/me', { email: uniqueEmail('moved') })
    const token = tokenIn(await mailTo(person.email, 1, /^Your address/))
    const sent = { token, method: 'recovery_code', code: person.recoveryCodes[0] }
    for (const nth of [1, 2, 3]) {
      hurry()
      beforeRoundTrip(nth, act)
      expectUnavailable(await anonymous().post('/auth/email/undo', sent), `round trip ${nth}`)
    }
    calm()
    expect((await person.get('/auth/me')).status).toBe(200)
    expect((await anonymous().post('/auth/email/undo', sent)).status).toBe(200)
  })

  it(`S103: logout, change and deletion change nothing when D1 ${fault} on their way`, async () => {
    const session = await again(john)
    const before = (await sql('SELECT * FROM accounts WHERE id = ?', john.id)).results
    const calls: [string, number, () => Promise<Answer>][] = [
      ['logout', 2, () => session.post('/auth/logout')],
      ['password', 2, () => session.patch('/auth/me', { password: NEW_PASSWORD })],
      ['e-mail', 2, () => session.put(`/customers/${john.id}`, { email: 'other@example.net' })],
      [
        'current password',
        2,
        () => session.patch('/auth/me', { password: NEW_PASSWORD, current_password: PASSWORD }),
      ],
      [
        'checked password',
        3,
        () => session.patch('/auth/me', { password: NEW_PASSWORD, current_password: PASSWORD }),
      ],
      ['deletion', 2, () => session.delete(`/customers/${john.id}`)],
      ['refusal', 2, () => session.get('/customers')],
    ]
    for (const [name, nth, call] of calls) {
      hurry()
      beforeRoundTrip(nth, act)
      expectUnavailable(await call(), name)
    }
    expect((await sql('SELECT * FROM accounts WHERE id = ?', john.id)).results).toEqual(before)
    calm()
    expect((await session.get('/auth/me')).status).toBe(200)
    expect((await john.get('/auth/me')).status).toBe(200)
  })
})

describe.each(['down', 'hanging'] as const)('KV is %s', (state) => {
  it(`no answer changes while KV is ${state}, nor waits for it`, async () => {
    const [one, two] = [await again(john), await again(john)]
    forgetMarks()
    dropKvCache()
    kv[state] = true
    expect((await one.get('/customers/my-tickets')).status).toBe(200)
    expect((await two.get('/auth/me')).body.account.id).toBe(john.id)
    expect((await again(john)).id).toBe(john.id)
    expect((await one.patch('/auth/me', { first_name: `Vera ${state}` })).status).toBe(200)
    expect((await one.post('/auth/logout')).status).toBe(200)
    for (const isolate of ['the same', 'another']) {
      expect((await one.get('/auth/me')).body.code, isolate).toBe('invalid_token')
      forgetMarks()
    }
    expect((await two.get('/auth/me')).status).toBe(200)
  })

  it.each(FAULTS)(`S103: with KV ${state}, D1 that %s still is 503`, async (_, fault) => {
    const session = await again(john)
    forgetMarks()
    dropKvCache()
    hurry()
    kv[state] = true
    d1.before = fault
    expectUnavailable(await session.get('/auth/me'), state)
  })
})

describe('S103: the rate limit binding fails', () => {
  it('S103: whatever is limited answers 503 and does nothing', async () => {
    const ring = { limit: () => Promise.reject(new Error('internal error; reference = eyJ@10.0.0.1')) }
    const send = await withSettings({ SIGN_IN_RING: ring, REGISTRATION_RING: ring })
    const headers = { 'CF-Connecting-IP': caller().address }
    const calls = d1.calls
    const logged = logLines.length
    for (const [path, body] of [
      ['/auth/login', { email: john.email, password: PASSWORD }],
      ['/customers/login', { email: john.email, password: PASSWORD }],
      ['/customers', registration()],
      ['/auth/password/reset', { token: 'a', password: NEW_PASSWORD }],
    ] as const) {
      expectUnavailable(await send('POST', path, body, headers), path)
    }
    expect(d1.calls).toBe(calls)
    const session = await again(john)
    const authorized = { ...headers, Authorization: `Bearer ${session.token}` }
    const change = { password: NEW_PASSWORD, current_password: PASSWORD }
    expectUnavailable(await send('PATCH', '/auth/me', change, authorized), 'current password')
    expect((await send('GET', '/auth/me', undefined, authorized)).status).toBe(200)
    expect(logLines.slice(logged).join('\n')).not.toMatch(/reference|@/)
  })
})

describe('S103: the log of this file', () => {
  it('S103: holds no SQL, no stack, no token, no hash and no e-mail address', () => {
    expect(logLines.filter((line) => line.includes('unavailable')).length).toBeGreaterThan(50)
    expect(logLines.join('\n')).not.toMatch(
      /select |insert |update |from "|eyJ[\w-]{20}|\$pbkdf2|@example|\\n|\bat \S+:\d/i,
    )
    for (const secret of [john.token, john.email, boss.email, PASSWORD, NEW_PASSWORD]) {
      expect(logLines.join('\n')).not.toContain(secret)
    }
  })
})
