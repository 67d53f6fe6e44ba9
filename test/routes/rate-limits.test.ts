/** What limited routes answer and announce, the marks in KV, and what is left behind. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forgetBlocks } from '../../src/limits/block-mark.ts'
import {
  type Answer,
  anonymous,
  type Caller,
  caller,
  customer,
  issueLinkToken,
  ORIGIN,
  PASSWORD,
  registration,
  uniqueEmail,
} from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import {
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

const WRONG = 'not-the-password'
const fails = () => {
  throw new Error('D1_ERROR: Network connection lost')
}

let addresses = 0
/** A caller whose address nothing else has used. */
const newcomer = () => caller(undefined, `198.18.0.${++addresses}`)

const guess = (from: Caller, email = uniqueEmail('nobody'), headers = {}) =>
  from.post('/auth/login', { email, password: WRONG }, headers)

/** An address that has failed twenty times, the oldest of them a few seconds ago. */
async function blockedAddress(from = newcomer(), limit = 'login'): Promise<Caller> {
  const now = Math.floor(Date.now() / 1000)
  for (let i = 0; i < 20; i++) {
    await testEnv.DB.prepare('INSERT INTO throttle_attempts VALUES (?, ?, NULL, ?, 1)')
      .bind(crypto.randomUUID(), `${limit} ${from.address}`, now - 20 + i)
      .run()
  }
  return from
}

/** As in another isolate, at a place that KV has not served yet. */
function elsewhere(): void {
  forgetBlocks()
  dropKvCache()
}

/** A structured field (RFC 9651) of one item: a string with integers as parameters. */
function parseField(value: string | null): { name: string; [parameter: string]: string | number } {
  const [, name = '', parameters = ''] =
    /^"([a-z]+)"((?:;[a-z]=(?:0|[1-9]\d{0,14}))+)$/.exec(value ?? '') ?? []
  if (name === '') throw new Error(`not a structured field: ${value}`)
  const pairs = parameters.slice(1).split(';')
  return { name, ...Object.fromEntries(pairs.map((pair) => [pair[0], Number(pair.slice(2))])) }
}

const announced = ({ headers }: Answer) => ({
  policy: parseField(headers.get('ratelimit-policy')),
  standing: parseField(headers.get('ratelimit')),
})

beforeEach(forgetDerivations)
afterEach(() => {
  d1.before = undefined
  kv.down = false
  kv.hanging = false
})

describe('S104: what is announced', () => {
  it('S104: at a sign-in falls by one with each failure, and Retry-After is no less than t', async () => {
    const person = await customer()
    for (const email of [person.email, uniqueEmail('nobody')]) {
      const answers: Answer[] = []
      for (let i = 0; i < 6; i++) answers.push(await guess(anonymous(), email))
      expect(answers.map((answer) => announced(answer).standing['r'])).toEqual([4, 3, 2, 1, 0, 0])
      for (const answer of answers) {
        expect(announced(answer).policy).toEqual({ name: 'login', q: 5, w: 60 })
        expect(announced(answer).standing.name).toBe('login')
        expect(answer.headers.has('retry-after')).toBe(answer.status === 429)
      }
      const refused = answers.at(-1) as Answer
      expect([refused.status, refused.body.code]).toEqual([429, 'too_many_requests'])
      expect(Number(refused.headers.get('retry-after'))).toBe(announced(refused).standing['t'])
      expect(announced(refused).standing['t']).toBeGreaterThan(50)
    }
  })

  it('S104: is what the address has left, where that is less', async () => {
    const from = newcomer()
    await blockedAddress(from)
    await testEnv.DB.prepare(
      'DELETE FROM throttle_attempts WHERE id IN (SELECT id FROM throttle_attempts WHERE address = ? LIMIT 3)',
    )
      .bind(`login ${from.address}`)
      .run()
    const left: unknown[] = []
    for (let i = 0; i < 4; i++) left.push(announced(await guess(from)).standing['r'])
    expect(left).toEqual([2, 1, 0, 0])
  })

  it('S104: at a registration counts each, at a reset each wrong token, at a refresh there is a policy only', async () => {
    const from = newcomer()
    const registered = await from.post('/customers', registration())
    expect(announced(registered)).toEqual({
      policy: { name: 'register', q: 5, w: 60 },
      standing: { name: 'register', r: 4, t: 60 },
    })
    const reset = await from.post('/auth/password/reset', { token: 'x', password: PASSWORD })
    expect(announced(reset)).toEqual({
      policy: { name: 'reset', q: 20, w: 300 },
      standing: { name: 'reset', r: 19, t: 300 },
    })
    const refreshed = await from.post('/auth/refresh', { refresh_token: 'x' })
    expect(parseField(refreshed.headers.get('ratelimit-policy'))).toEqual({ name: 'refresh', q: 30, w: 60 })
    expect(refreshed.headers.has('ratelimit')).toBe(false)
  })

  it('S104: stands on answers to a bad body too, and not on those of other routes', async () => {
    const answer = await newcomer().post('/auth/login', {})
    expect([answer.status, announcedPolicy(answer)]).toEqual([400, '"login";q=5;w=60'])
    expect(announcedPolicy(await anonymous().get('/'))).toBeNull()
  })

  it('S104: can be read by the origins that may call', async () => {
    const send = await withSettings({ ALLOWED_ORIGINS: 'https://shop.test' })
    const answer = await send('POST', '/auth/login', {}, { Origin: 'https://shop.test' })
    const exposed = answer.headers.get('access-control-expose-headers')?.split(',')
    expect(exposed).toEqual(expect.arrayContaining(['RateLimit', 'RateLimit-Policy', 'Retry-After']))
  })

  const announcedPolicy = ({ headers }: Answer) => headers.get('ratelimit-policy')
})

describe('S24: what is refused before a place is taken', () => {
  it.each([
    ['a body that is too large', 413, 'x'.repeat(70_000)],
    ['a body that is no JSON', 400, '{'],
    ['a body without a password', 400, { email: 'a@example.net' }],
    ['an address of mail that is none', 400, { email: 'a b', password: WRONG }],
    ['a password that is too long', 400, { email: 'a@example.net', password: 'x'.repeat(1_025) }],
  ])('S24: %s costs %i, no derivation, no place and no round trip', async (_, status, body) => {
    const from = newcomer()
    for (const path of ['/auth/login', '/customers/login', '/customers', '/auth/password/reset']) {
      const { calls } = d1
      expect([path, (await from.post(path, body)).status, d1.calls - calls]).toEqual([path, status, 0])
    }
    expect(derivations).toEqual([])
  })
})

describe('POST /customers', () => {
  it('S24: takes five a minute from one address, whatever came of them, and refuses the sixth unhashed', async () => {
    const from = newcomer()
    const person = registration()
    expect((await from.post('/customers', person)).status).toBe(201)
    for (let i = 0; i < 4; i++) expect((await from.post('/customers', person)).body.code).toBe('email_taken')
    forgetDerivations()
    const sixth = await from.post('/customers', registration())
    expect([sixth.status, derivations]).toEqual([429, []])
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(50)
    expect((await newcomer().post('/customers', registration())).status).toBe(201)
    passTime(60)
    expect((await from.post('/customers', registration())).status).toBe(201)
  })

  it('has five winners among ten at once', async () => {
    const from = newcomer()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => from.post('/customers', registration())),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5)
  })

  it('counts nothing for a body that is refused, nor when the database does not answer', async () => {
    const from = newcomer()
    await from.post('/customers', { ...registration(), password: 'x' })
    d1.before = fails
    expect((await from.post('/customers', registration())).status).toBe(503)
    d1.before = undefined
    expect(announced(await from.post('/customers', registration())).standing['r']).toBe(4)
  })
})

describe('POST /auth/password/reset', () => {
  it('S24: refuses an address after twenty wrong tokens, even with a right one, and hashes nothing', async () => {
    const person = await customer()
    const token = await issueLinkToken(person.email)
    const from = newcomer()
    const reset = (sent: string) =>
      from.post('/auth/password/reset', { token: sent, password: 'camshaft-lobe-profile' })
    forgetDerivations()
    for (let i = 0; i < 20; i++) expect((await reset(`guess-${i}`)).body.code).toBe('link_token_invalid')
    const refused = await reset(token)
    expect([refused.status, derivations]).toEqual([429, []])
    expect((await guess(from)).status).toBe(401)
    passTime(301)
    const done = await reset(token)
    expect([done.status, done.headers.get('ratelimit')]).toEqual([200, '"reset";r=20;t=300'])
  })
})

describe('the settings', () => {
  it('decide the limits', async () => {
    const send = await withSettings({
      SIGN_IN_ACCOUNT_FAILURES: '2',
      SIGN_IN_WAIT_MINUTES: '3',
      SIGN_IN_ADDRESS_FAILURES: '3',
      REGISTRATIONS_PER_MINUTE: '1',
    })
    const headers = { 'CF-Connecting-IP': newcomer().address }
    const email = uniqueEmail('nobody')
    const login = (of = email) => send('POST', '/auth/login', { email: of, password: WRONG }, headers)
    await login()
    expect((await login()).headers.get('ratelimit')).toBe('"login";r=0;t=180')
    const refused = await login()
    expect([refused.status, refused.headers.get('ratelimit-policy')]).toEqual([429, '"login";q=2;w=180'])
    expect((await login(uniqueEmail('nobody'))).status).toBe(401)
    expect((await login(uniqueEmail('nobody'))).status).toBe(429)
    expect((await send('POST', '/customers', registration(), headers)).status).toBe(201)
    expect((await send('POST', '/customers', registration(), headers)).status).toBe(429)
  })
})

describe('a mark in KV', () => {
  it('is written when an address turns out to be blocked, once, and never by a request that is let through', async () => {
    const from = newcomer()
    const writes = kv.writes
    for (let i = 0; i < 20; i++) await guess(from)
    expect(kv.writes).toBe(writes)
    const refused = await Promise.all(Array.from({ length: 5 }, () => guess(from)))
    expect(refused.map(({ status }) => status)).toEqual(Array(5).fill(429))
    expect((await guess(from)).status).toBe(429)
    expect(kv.writes).toBe(writes + 1)
    dropKvCache()
    const until = Number(await testEnv.KV.get(`blocked:login ${from.address}`))
    const now = Math.floor(Date.now() / 1000)
    expect(until - now).toBeGreaterThan(200)
    expect(until - now).toBeLessThanOrEqual(300)
  })

  it('refuses elsewhere without the database, also when that is down', async () => {
    const from = await blockedAddress()
    expect((await guess(from)).status).toBe(429)
    elsewhere()
    d1.before = fails
    const answer = await guess(from)
    expect([answer.status, answer.body.code]).toEqual([429, 'too_many_requests'])
    expect(Number(answer.headers.get('retry-after'))).toBe(announced(answer).standing['t'])
    expect((await guess(newcomer())).status).toBe(503)
  })

  it('refuses no longer than the database would', async () => {
    const from = await blockedAddress()
    const refused = await guess(from)
    passTime(Number(refused.headers.get('retry-after')))
    expect((await guess(from)).status).toBe(401)
  })

  it('does not hold up who sends a device token; the database decides', async () => {
    const from = await blockedAddress()
    await guess(from)
    d1.before = fails
    for (const headers of [{ 'Device-Token': 'x' }, { Cookie: 'a=b; __Host-device_token=x' }]) {
      expect((await guess(from, undefined, headers)).status).toBe(503)
    }
    d1.before = undefined
    expect((await guess(from, undefined, { 'Device-Token': 'x' })).status).toBe(429)
  })

  it('is of one limit: a blocked reset is no blocked sign-in', async () => {
    const from = await blockedAddress(newcomer(), 'reset')
    expect((await from.post('/auth/password/reset', { token: 'x', password: PASSWORD })).status).toBe(429)
    elsewhere()
    expect((await guess(from)).status).toBe(401)
  })

  it.each(['down', 'hanging', 'stale'] as const)(
    'changes nothing while KV is %s: the database refuses',
    async (state) => {
      const from = newcomer()
      await guess(from)
      await blockedAddress(from)
      forgetBlocks()
      if (state !== 'stale') kv[state] = true
      expect((await guess(from)).status).toBe(429)
      expect((await guess(newcomer())).status).toBe(401)
    },
  )

  it('that holds anything else is none', async () => {
    const from = newcomer()
    for (const value of ['soon', '', '-1', '1e99', '9007199254740993']) {
      await testEnv.KV.put(`blocked:login ${from.address}`, value)
      elsewhere()
      expect((await guess(from)).status).toBe(401)
      passTime(2)
    }
  })
})

describe('S109: a refusal', () => {
  const rowsOf = async (from: Caller) =>
    (
      await testEnv.DB.prepare(
        `SELECT subject_id, outcome, details, count FROM audit_events
         LEFT JOIN audit_repeats USING (group_key) WHERE event = 'limit.exceeded' AND address = ?`,
      )
        .bind(from.address)
        .all<{ subject_id: number | null; outcome: string; details: string; count: number }>()
    ).results

  /** Off the request's path: waits until it has been written. */
  async function settled(): Promise<void> {
    for (let i = 0; i < 20; i++) await scheduler.wait(5)
  }

  it('S109: is one row per address, limit and five minutes, and a count', async () => {
    // Five minutes begin with the next test's clock only if this one does not cross into them.
    passTime(300 - (Math.floor(Date.now() / 1000) % 300))
    const from = await blockedAddress()
    for (let i = 0; i < 4; i++) await guess(from)
    await settled()
    expect(await rowsOf(from)).toEqual([
      { subject_id: null, outcome: 'refused', details: '{"limit":"login","by":"address"}', count: 4 },
    ])
  })

  it('S109: names the account whose attempts are used up, and writes ever more seldom in a flood', async () => {
    passTime(300 - (Math.floor(Date.now() / 1000) % 300))
    const person = await customer()
    const [first] = [newcomer()]
    for (let i = 0; i < 5; i++) await guess(anonymous(), person.email)
    await guess(first, person.email)
    for (let i = 0; i < 20; i++) await guess(anonymous(), person.email)
    await settled()
    expect(await rowsOf(first)).toEqual([
      { subject_id: person.id, outcome: 'refused', details: '{"limit":"login","by":"account"}', count: 16 },
    ])
  })

  it('S110: neither row nor mark nor log holds an e-mail address', async () => {
    const email = uniqueEmail('canary')
    for (let i = 0; i < 7; i++) await guess(anonymous(), email)
    await settled()
    const tables = ['throttles', 'throttle_attempts', 'audit_events', 'audit_repeats']
    const rows = await Promise.all(tables.map((table) => testEnv.DB.prepare(`SELECT * FROM ${table}`).all()))
    const marks = await testEnv.KV.list({ prefix: 'blocked:' })
    const written = JSON.stringify([rows.map(({ results }) => results), marks]) + logLines.join('\n')
    expect(written).toContain('email:')
    expect(written).not.toContain('canary')
  })
})

describe('the cron', () => {
  it('removes attempts that no limit counts any more, and old counts that are not of an account', async () => {
    const person = await customer()
    await guess(anonymous(), person.email)
    await guess(anonymous())
    await person.post('/auth/step-up', { password: 'wrong-wrench-9' })
    const attempts = () =>
      testEnv.DB.prepare('SELECT count(*) AS n FROM throttle_attempts').first<number>('n')
    const strays = () =>
      testEnv.DB.prepare("SELECT count(*) AS n FROM throttles WHERE key NOT LIKE 'account:%'").first('n')
    await runCron()
    expect(await attempts()).toBeGreaterThan(0)
    passTime(301)
    await runCron()
    expect([await attempts(), Number(await strays()) > 0]).toEqual([0, true])
    passTime(180 * 86_400)
    await runCron()
    const kept = await testEnv.DB.prepare('SELECT failures FROM throttles WHERE key = ?')
      .bind(`account:${person.id}`)
      .first('failures')
    // One failed sign-in and one failed check.
    expect([await strays(), kept]).toEqual([0, 2])
    const line = JSON.parse(logLines.findLast((one) => one.includes('"housekeeping"')) ?? '{}')
    expect(line.throttles).toBeGreaterThan(0)
    expect(line).toHaveProperty('throttle_attempts')
  })
})

describe('the cron after a flood', () => {
  it('removes old counts of addresses without an account as fast as attempts, ten thousand a run', async () => {
    await testEnv.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
       INSERT INTO throttles SELECT 'email:flood-' || i, NULL, 1, 1 FROM n`,
    ).run()
    await runCron()
    const left = await testEnv.DB.prepare(
      "SELECT count(*) AS n FROM throttles WHERE key LIKE 'email:flood-%'",
    ).first('n')
    expect(left).toBe(0)
  })
})

describe('the path of a refused request', () => {
  it('is the usual one: no cross-site reading, no store, the problem explained', async () => {
    const answer = await guess(await blockedAddress())
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect((await caller().get(new URL(answer.body.type, ORIGIN).pathname)).status).toBe(200)
  })
})
