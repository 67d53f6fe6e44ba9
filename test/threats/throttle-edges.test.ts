/** The edges of the limits: settings that contradict each other or change, rivals between two round trips, floods. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashToken } from '../../src/crypto/digest.ts'
import { base64url } from '../../src/crypto/encoding.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import {
  type Answer,
  admin,
  anonymous,
  type Caller,
  caller,
  customer,
  PASSWORD,
  type Person,
  uniqueEmail,
} from '../support/client.ts'
import {
  beforeRoundTrip,
  d1,
  derivations,
  forgetDerivations,
  passTime,
} from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const WRONG = 'not-the-password'
const ONE_PASSWORD = 12

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()

const signIn = (email: string, password: string, from: Caller = anonymous(), headers = {}) =>
  from.post('/auth/login', { email, password }, headers)

const countOf = (answers: Answer[], status: number) =>
  answers.filter((answer) => answer.status === status).length

const fromAnywhere = () => ({ 'CF-Connecting-IP': anonymous().address })

/** As if so many attempts in a row had failed, the last one long ago. */
async function hasFailed(person: Person, failures: number, key = `account:${person.id}`): Promise<void> {
  await sql(
    'INSERT INTO throttles VALUES (?1, ?2, ?3, 1) ON CONFLICT (key) DO UPDATE SET failures = ?3, failed_at = 1',
    key,
    person.id,
    failures,
  )
}

/** A device from which the person has signed in; gives its token. */
async function deviceOf(person: Person): Promise<{ id: string; headers: { 'Device-Token': string } }> {
  const [id, token] = [crypto.randomUUID(), base64url(randomBytes(32))]
  const now = Math.floor(Date.now() / 1000)
  await sql(
    'INSERT INTO devices (id, account_id, token_hash, first_seen_at, last_seen_at) VALUES (?, ?, ?, 1, ?)',
    id,
    person.id,
    await hashToken(token),
    now,
  )
  return { id, headers: { 'Device-Token': token } }
}

async function countEvents(event: string, subjectId: number | null): Promise<number> {
  const row = await testEnv.DB.prepare(
    'SELECT count(*) AS n FROM audit_events WHERE event = ? AND subject_id IS ?',
  )
    .bind(event, subjectId)
    .first<number>('n')
  return row ?? 0
}

/** Off the requests' path: waits until it has been written. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await scheduler.wait(5)
}

beforeEach(forgetDerivations)
afterEach(() => {
  d1.before = undefined
})

/** What anybody sees of an answer; waits go on between two requests. */
const observable = ({ status, headers, body }: Answer) => {
  const { request_id: _, ...rest } = body
  const seen = [...headers].filter(([name]) => name !== 'x-request-id' && name !== 'retry-after')
  return {
    status,
    body: rest,
    headers: seen.map(([name, value]) => [name, value.replace(/(?<=r=0;t=)\d+/, '')]),
  }
}

describe('S17, S18: whoever it is', () => {
  const TABLES = ['throttles', 'throttle_attempts', 'sessions', 'devices']

  const rowsWritten = async () =>
    Promise.all(
      TABLES.map((table) => testEnv.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>('n')),
    )

  async function look(path: string, email: string, password: string) {
    forgetDerivations()
    const [calls, rows] = [d1.calls, await rowsWritten()]
    const headers = { 'Device-Token': await someTokenOfOthers }
    const answer = await anonymous().post(path, { email, password }, headers)
    const now = await rowsWritten()
    return {
      ...observable(answer),
      // Without those that counted the rows. A refusal is recorded off the request's path, and not each.
      trips: answer.status === 429 ? 1 : d1.calls - calls - 2 * TABLES.length,
      work: derivations.length,
      rows: now.map((n, i) => (n ?? 0) - (rows[i] ?? 0)),
    }
  }

  let someTokenOfOthers: Promise<string>

  it('S17, S18: gets one answer, after one work and with as many rows, at any count of failures', async () => {
    someTokenOfOthers = customer()
      .then(deviceOf)
      .then(({ headers }) => headers['Device-Token'])
    const [known, suspended, invited, boss] = [
      await customer(),
      await customer(),
      await admin(),
      await admin(),
    ]
    await sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", suspended.id)
    await sql('UPDATE accounts SET password_hash = NULL WHERE id = ?', invited.id)
    const people: [string, string, string][] = [
      ['/auth/login', uniqueEmail('nobody'), PASSWORD],
      ['/auth/login', known.email, WRONG],
      ['/auth/login', suspended.email, WRONG],
      ['/auth/login', invited.email, PASSWORD],
      ['/auth/login', boss.email, WRONG],
      // At the customers' door the right password is none.
      ['/customers/login', uniqueEmail('nobody'), PASSWORD],
    ]
    const lookAtAll = async () => {
      const seen: unknown[] = []
      for (const [path, email, password] of people) seen.push(await look(path, email, password))
      for (const one of seen) expect(one).toEqual(seen[0])
      const { status } = seen[0] as { status: number }
      if (status === 429) await settled()
      return status
    }
    const statuses: number[] = []
    for (let i = 0; i < 7; i++) statuses.push(await lookAtAll())
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
    for (const failures of [6, 9, 42, 94, 95, 98, 99, 100, 101, 500]) {
      await sql('UPDATE throttles SET failures = ?, failed_at = 1', failures)
      await sql('DELETE FROM throttle_attempts')
      expect([await lookAtAll(), await lookAtAll()]).toEqual([401, 429])
    }
    // Disabled: the right password is one of them, also of a suspended person and of staff at the wrong door.
    people.length = 0
    people.push(
      ['/auth/login', known.email, PASSWORD],
      ['/auth/login', suspended.email, PASSWORD],
      ['/customers/login', boss.email, PASSWORD],
    )
    await sql('UPDATE throttles SET failures = 100, failed_at = 1')
    expect([await lookAtAll(), await lookAtAll()]).toEqual([401, 429])
  })
})

describe('S21: settings that contradict each other', () => {
  it('S21: more free attempts than disable a password are as many as disable it, also all at once', async () => {
    const person = await customer()
    const send = await withSettings({ SIGN_IN_ACCOUNT_FAILURES: '1000', PASSWORD_MAX_FAILURES: '7' })
    const guess = (password = WRONG) =>
      send('POST', '/auth/login', { email: person.email, password }, fromAnywhere())
    forgetDerivations()
    const answers = await Promise.all(Array.from({ length: 20 }, () => guess()))
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([7, 13])
    expect(derivations).toHaveLength(7 * ONE_PASSWORD)
    passTime(901)
    expect((await guess(PASSWORD)).status).toBe(401)
    expect(await countEvents('password.disabled', person.id)).toBe(1)
  })

  it('S09: more free attempts than end a session are as many as end it, also all at once', async () => {
    const person = await customer()
    const send = await withSettings({ SIGN_IN_ACCOUNT_FAILURES: '1000' })
    forgetDerivations()
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        send(
          'POST',
          '/auth/step-up',
          { password: WRONG },
          { ...fromAnywhere(), Authorization: `Bearer ${person.token}` },
        ),
      ),
    )
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([20, 10])
    expect(derivations).toHaveLength(20 * ONE_PASSWORD)
    expect((await person.get('/auth/me')).status).toBe(401)
  })

  it('S21: one failure disables a password, and one a device, where they say so', async () => {
    const person = await customer()
    const { headers } = await deviceOf(person)
    const send = await withSettings({
      PASSWORD_MAX_FAILURES: '1',
      DEVICE_MAX_FAILURES: '1',
      SIGN_IN_ACCOUNT_FAILURES: '1',
      SIGN_IN_WAIT_MINUTES: '1',
    })
    const login = (password: string, more = {}) =>
      send('POST', '/auth/login', { email: person.email, password }, { ...fromAnywhere(), ...more })
    expect((await login(WRONG)).headers.get('ratelimit')).toBe('"login";r=0;t=60')
    expect((await login(PASSWORD)).status).toBe(429)
    passTime(60)
    expect((await login(PASSWORD)).status).toBe(401)
    expect((await login(PASSWORD, headers)).status).toBe(200)
    expect((await login(WRONG, headers)).status).toBe(401)
    expect(await countEvents('device.distrusted', person.id)).toBe(1)
    expect((await login(PASSWORD, headers)).status).toBe(200)
  })

  it('S22: a device that has failed oftener than a lowered setting allows is one that is not known', async () => {
    const person = await customer()
    const { id, headers } = await deviceOf(person)
    await hasFailed(person, 10, `device:${id}`)
    const send = await withSettings({ DEVICE_MAX_FAILURES: '5' })
    const answer = await send(
      'POST',
      '/auth/login',
      { email: person.email, password: PASSWORD },
      { ...fromAnywhere(), ...headers },
    )
    expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([200, '"login";q=5;w=60'])
  })
})

describe('what a rival does between two round trips', () => {
  it('S21: the failure that disables a password is an event, whoever counted those before it meanwhile', async () => {
    const person = await customer()
    await hasFailed(person, 90)
    beforeRoundTrip(2, () => hasFailed(person, 99))
    expect((await signIn(person.email, WRONG)).status).toBe(401)
    expect(await countEvents('password.disabled', person.id)).toBe(1)
  })

  it('S22: an address that goes to another account meanwhile opens none of the two', async () => {
    const [person, other] = [await customer(), await customer()]
    const { id, headers } = await deviceOf(person)
    beforeRoundTrip(2, async () => {
      await sql(
        'UPDATE accounts SET email_canonical = ?, password_hash = NULL WHERE id = ?',
        'gone',
        person.id,
      )
      await sql('UPDATE accounts SET email_canonical = lower(?) WHERE id = ?', person.email, other.id)
    })
    expect((await signIn(person.email, PASSWORD, anonymous(), headers)).status).toBe(401)
    const sessions = await testEnv.DB.prepare('SELECT count(*) AS n FROM sessions WHERE device_id = ?')
      .bind(id)
      .first('n')
    const token = await testEnv.DB.prepare('SELECT token_hash FROM devices WHERE id = ?')
      .bind(id)
      .first('token_hash')
    expect([sessions, token]).toEqual([0, await hashToken(headers['Device-Token'])])
  })

  it('a sign-in that loses removes no device either', async () => {
    const person = await customer()
    for (let i = 0; i < 55; i++) await deviceOf(person)
    const devices = () =>
      testEnv.DB.prepare('SELECT count(*) AS n FROM devices WHERE account_id = ?').bind(person.id).first('n')
    beforeRoundTrip(2, () => sql('UPDATE accounts SET password_hash = NULL WHERE id = ?', person.id))
    expect((await signIn(person.email, PASSWORD)).status).toBe(401)
    expect(await devices()).toBe(56)
  })
})

describe('S09: an outage while the current password is checked', () => {
  it.each([
    ['PATCH', '/auth/me', { first_name: 'Ada', email: 'outage@example.net' }],
    ['POST', '/auth/step-up', undefined],
    ['DELETE', '/customers/self', {}],
  ] as const)('S09: at %s %s answers alike to a right and a wrong one', async (method, path, body) => {
    const person = await customer()
    const answers: Answer[] = []
    for (const password of [PASSWORD, WRONG]) {
      // After the guard's read and that of the hash.
      beforeRoundTrip(3, () => {
        throw new Error('D1_ERROR: Network connection lost')
      })
      const proof = body === undefined ? { password } : { ...body, current_password: password }
      const call = method.toLowerCase() as 'patch' | 'post' | 'delete'
      answers.push(await person[call](path.replace('self', String(person.id)), proof))
    }
    expect(answers.map(({ status }) => status)).toEqual([503, 503])
    expect(answers.map(({ headers }) => headers.get('ratelimit'))).toEqual([null, null])
  })
})

describe('S42, S17: a rotation of DATA_KEY', () => {
  it('S42, S17: begins no count anew, neither of an account nor of an address without one', async () => {
    const person = await customer()
    const send = await withSettings({ DATA_KEY_2: base64url(randomBytes(32)) })
    for (const email of [person.email, uniqueEmail('nobody')]) {
      const login = () => send('POST', '/auth/login', { email, password: WRONG }, fromAnywhere())
      for (let i = 0; i < 3; i++) await signIn(email, WRONG)
      expect((await login()).headers.get('ratelimit')).toBe('"login";r=1;t=60')
      expect((await login()).headers.get('ratelimit')).toBe('"login";r=0;t=60')
      expect([(await login()).status, (await signIn(email, WRONG)).status]).toEqual([429, 429])
    }
  })
})

describe('a flood of refusals', () => {
  it('S109: of one person, known or not, is one row however many addresses it comes from', async () => {
    passTime(300 - (Math.floor(Date.now() / 1000) % 300))
    const person = await customer()
    for (const [email, subject] of [
      [person.email, person.id],
      [uniqueEmail('nobody'), null],
    ] as const) {
      for (let i = 0; i < 5; i++) await signIn(email, WRONG)
      const before = await countEvents('limit.exceeded', subject)
      for (let i = 0; i < 16; i++) {
        const answer = await signIn(email, WRONG, caller(undefined, `2001:db8:${i}:${subject ?? 0}::1`))
        expect(answer.status).toBe(429)
      }
      await settled()
      expect((await countEvents('limit.exceeded', subject)) - before).toBe(1)
    }
  })
})
