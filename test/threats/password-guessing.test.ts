/** Guessing a password: at one account, at many, from one address or many, and with a stolen token. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { app } from '../../src/app.ts'
import { hashToken } from '../../src/crypto/digest.ts'
import { base64url, hex, utf8 } from '../../src/crypto/encoding.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import {
  type Answer,
  anonymous,
  type Caller,
  caller,
  customer,
  issueLinkToken,
  ORIGIN,
  PASSWORD,
  type Person,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import {
  beforeRoundTrip,
  d1,
  derivations,
  forgetDerivations,
  logLines,
  passTime,
} from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const WRONG = 'not-the-password'
const NEW_PASSWORD = 'camshaft-lobe-profile'
const ONE_PASSWORD = 12

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()

const signIn = (email: string, password: string, from: Caller = anonymous(), headers = {}) =>
  from.post('/auth/login', { email, password }, headers)

const statuses = (answers: Answer[]) => answers.map(({ status }) => status)

/** How many of a status there are among answers. */
const countOf = (answers: Answer[], status: number) =>
  statuses(answers).filter((one) => one === status).length

async function failuresOf(key: string): Promise<number> {
  return (
    (await testEnv.DB.prepare('SELECT failures FROM throttles WHERE key = ?').bind(key).first('failures')) ??
    0
  )
}

/** As if so many sign-ins in a row had failed, the last one long ago. */
async function hasFailed(person: Person, failures: number): Promise<void> {
  await sql(
    'INSERT INTO throttles VALUES (?1, ?2, ?3, 1) ON CONFLICT (key) DO UPDATE SET failures = ?3, failed_at = 1',
    `account:${person.id}`,
    person.id,
    failures,
  )
}

let devices = 0

/** A device from which the person has signed in; gives its token. */
async function deviceOf(
  person: Person,
  lastSeenAgo = 0,
): Promise<{ id: string; headers: { 'Device-Token': string } }> {
  const [id, token] = [`device-${++devices}`, base64url(randomBytes(32))]
  const now = Math.floor(Date.now() / 1000)
  await sql(
    'INSERT INTO devices (id, account_id, token_hash, first_seen_at, last_seen_at) VALUES (?, ?, ?, 1, ?)',
    id,
    person.id,
    await hashToken(token),
    now - lastSeenAgo,
  )
  return { id, headers: { 'Device-Token': token } }
}

async function eventsOf(
  person: Person,
  event: string,
): Promise<{ details: string; reason: string | null }[]> {
  const rows = await testEnv.DB.prepare(
    'SELECT details, reason FROM audit_events WHERE event = ? AND subject_id = ?',
  )
    .bind(event, person.id)
    .all<{ details: string; reason: string | null }>()
  return rows.results
}

/** The seconds of a wait, which go on between two requests, and what differs between any two answers are left out. */
const observable = ({ status, headers, body }: Answer) => {
  const { request_id: _, ...rest } = body
  const comparable = [...headers].filter(([name]) => name !== 'x-request-id' && name !== 'retry-after')
  const waits = (value: string) => value.replace(/(?<=r=0;t=)\d+/, 'wait')
  return { status, headers: comparable.map(([name, value]) => [name, waits(value)]), body: rest }
}

const waitOf = ({ headers }: Answer) => Number(headers.get('retry-after') ?? 0)

beforeEach(forgetDerivations)
afterEach(() => {
  d1.before = undefined
})

describe('S22: guessing at one account', () => {
  it('S22: waits 1, 2, 4, 8 and 15 minutes from the fifth failure on, 429 and no derivation meanwhile', async () => {
    const person = await customer()
    for (let i = 0; i < 5; i++) expect((await signIn(person.email, WRONG)).status).toBe(401)
    for (const minutes of [1, 2, 4, 8, 15, 15]) {
      passTime(minutes * 60 - 5)
      forgetDerivations()
      const early = await signIn(person.email, PASSWORD)
      expect([early.status, early.body.code, derivations]).toEqual([429, 'too_many_requests', []])
      const retryAfter = Number(early.headers.get('retry-after'))
      expect(retryAfter).toBeGreaterThan(0)
      expect(retryAfter).toBeLessThanOrEqual(5)
      passTime(5)
      expect((await signIn(person.email, WRONG)).status).toBe(401)
    }
    passTime(900)
    expect((await signIn(person.email, PASSWORD)).status).toBe(200)
    expect(await failuresOf(`account:${person.id}`)).toBe(0)
    expect((await signIn(person.email, WRONG)).status).toBe(401)
  })

  it('S24: 200 at once from 200 addresses, each under another name, are at most five derivations', async () => {
    const person = await customer()
    forgetDerivations()
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        signIn(person.email, WRONG, anonymous(), { 'X-Forwarded-For': `198.51.100.${i}` }),
      ),
    )
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([5, 195])
    expect(derivations).toHaveLength(5 * ONE_PASSWORD)
    expect(await failuresOf(`account:${person.id}`)).toBe(5)
  })

  it('S22: the last place, and the one after a wait, have one winner among twenty', async () => {
    const person = await customer()
    for (const failures of [4, 5, 40]) {
      await hasFailed(person, failures)
      forgetDerivations()
      const answers = await Promise.all(Array.from({ length: 20 }, () => signIn(person.email, WRONG)))
      expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([1, 19])
      expect(derivations).toHaveLength(ONE_PASSWORD)
    }
  })

  it('S22: the count is of the account, under any spelling of its address and after a change of it', async () => {
    const person = await customer()
    for (let i = 0; i < 5; i++) await signIn(i % 2 ? person.email.toUpperCase() : person.email, WRONG)
    const email = uniqueEmail('moved')
    expect((await person.patch('/auth/me', { email })).status).toBe(200)
    expect((await signIn(email, PASSWORD)).status).toBe(429)
  })

  it('S22: a success, at either door, ends the count', async () => {
    const person = await customer()
    for (const path of ['/auth/login', '/customers/login']) {
      for (let i = 0; i < 4; i++) await signIn(person.email, WRONG)
      expect(await failuresOf(`account:${person.id}`)).toBe(4)
      const answer = await anonymous().post(path, { email: person.email, password: PASSWORD })
      expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, '"login";r=5;t=60'])
      expect(await failuresOf(`account:${person.id}`)).toBe(0)
    }
    expect(
      (
        await sql(
          'SELECT id FROM throttle_attempts WHERE subject = ? AND is_counted = 0',
          `account:${person.id}`,
        )
      ).results,
    ).toEqual([])
  })
})

describe('S21: a hundred failures in a row', () => {
  it('S21: disable the password until it is reset, though every window has passed', async () => {
    const person = await customer()
    for (let i = 0; i < 100; i++) {
      passTime(901)
      expect((await signIn(person.email, WRONG)).status).toBe(401)
    }
    for (const seconds of [901, 400 * 86_400]) {
      passTime(seconds)
      const right = await signIn(person.email, PASSWORD)
      expect([right.status, right.body.code]).toEqual([401, 'invalid_credentials'])
    }
    expect((await eventsOf(person, 'sign_in.failed')).at(-1)?.reason).toBe('password_disabled')
    expect(await eventsOf(person, 'password.disabled')).toEqual([
      { details: '{"failures":100}', reason: null },
    ])
    const alerts = logLines.filter((line) => line.includes('"throttle_ceiling"'))
    expect(alerts.map((line) => JSON.parse(line).account_id)).toEqual([person.id])

    const token = await issueLinkToken(person.email)
    const reset = await anonymous().post('/auth/password/reset', { token, password: NEW_PASSWORD })
    expect(reset.status).toBe(200)
    expect((await signIn(person.email, NEW_PASSWORD)).status).toBe(200)
  }, 180_000)

  it('S21: ninety-nine do not, and the right password ends the count', async () => {
    const person = await customer()
    await hasFailed(person, 99)
    expect((await signIn(person.email, PASSWORD)).status).toBe(200)
    expect(await failuresOf(`account:${person.id}`)).toBe(0)
  })

  it('S21, S17: an address without an account answers alike, in body, headers and work, all the way', async () => {
    const person = await customer()
    const nobody = uniqueEmail('nobody')
    const same = async () => {
      forgetDerivations()
      const known = await signIn(person.email, WRONG)
      const work = derivations.length
      forgetDerivations()
      const unknown = await signIn(nobody, WRONG)
      expect(observable(unknown)).toEqual(observable(known))
      expect(Math.abs(waitOf(unknown) - waitOf(known))).toBeLessThanOrEqual(2)
      expect(derivations).toHaveLength(work)
      return known.status
    }
    const seen: number[] = []
    for (let i = 0; i < 7; i++) seen.push(await same())
    expect(seen).toEqual([401, 401, 401, 401, 401, 429, 429])
    await sql('UPDATE throttles SET failures = 98')
    for (let i = 0; i < 3; i++) {
      passTime(900)
      expect(await same()).toBe(401)
      expect(await same()).toBe(429)
    }
  })

  it('S21: the right password takes no more work than a wrong one, though its hash would be made anew', async () => {
    const person = await customer()
    await sql('UPDATE accounts SET password_hash = ? WHERE id = ?', await importedHash(), person.id)
    await hasFailed(person, 100)
    forgetDerivations()
    expect((await signIn(person.email, PASSWORD)).status).toBe(401)
    const work = derivations.length
    await hasFailed(person, 100)
    forgetDerivations()
    expect((await signIn(person.email, WRONG)).status).toBe(401)
    expect(derivations).toHaveLength(work)
  })

  it('S21: twenty at once with one failure missing are one event', async () => {
    const person = await customer()
    await hasFailed(person, 99)
    await Promise.all(Array.from({ length: 20 }, () => signIn(person.email, WRONG)))
    passTime(901)
    await signIn(person.email, WRONG)
    expect(await eventsOf(person, 'password.disabled')).toHaveLength(1)
  })

  it('S21: a new password by its owner, who is still signed in, ends the count', async () => {
    const person = await customer()
    await hasFailed(person, 100)
    expect((await person.patch('/auth/me', { password: NEW_PASSWORD })).status).toBe(200)
    expect((await signIn(person.email, NEW_PASSWORD)).status).toBe(200)
  })
})

/** PASSWORD as the old service hashed it. */
async function importedHash(): Promise<string> {
  const salt = 'oldsalt'
  const key = await crypto.subtle.importKey('raw', utf8(PASSWORD), 'PBKDF2', false, ['deriveBits'])
  const params = { name: 'PBKDF2', hash: 'SHA-256', salt: utf8(salt), iterations: 1_000 }
  const bits = new Uint8Array(await crypto.subtle.deriveBits(params, key, 256))
  return `pbkdf2:sha256:1000$${salt}$${hex(bits)}`
}

describe('S22: a known device', () => {
  it("S22: signs in while others' failures hold up everybody else, and from their address", async () => {
    const person = await customer()
    const { headers } = await deviceOf(person)
    const cafe = caller(undefined, '192.0.2.44')
    for (let i = 0; i < 20; i++) await signIn(i < 5 ? person.email : uniqueEmail('nobody'), WRONG, cafe)
    expect((await signIn(person.email, PASSWORD)).status).toBe(429)
    // More than the ring lets through, and enough for a mark.
    for (let i = 0; i < 15; i++) expect((await signIn(person.email, PASSWORD, cafe)).status).toBe(429)
    const known = await signIn(person.email, PASSWORD, cafe, headers)
    expect([known.status, known.headers.get('ratelimit-policy')]).toEqual([200, '"login";q=20;w=60'])
    expect((await signIn(person.email, PASSWORD)).status).toBe(200)
  })

  it('S22: signs in though the password is disabled, which ends that', async () => {
    const person = await customer()
    const { headers } = await deviceOf(person)
    await hasFailed(person, 100)
    expect((await signIn(person.email, PASSWORD)).status).toBe(401)
    expect((await signIn(person.email, PASSWORD, anonymous(), headers)).status).toBe(200)
    expect((await signIn(person.email, PASSWORD)).status).toBe(200)
  })

  it('S22: is known no more after twenty failures of its own, which nobody else pays for', async () => {
    const person = await customer()
    const { id, headers } = await deviceOf(person)
    const thief = caller(undefined, '192.0.2.45')
    const guesses: Answer[] = []
    for (let i = 0; i < 20; i++) guesses.push(await signIn(person.email, WRONG, thief, headers))
    expect(countOf(guesses, 401)).toBe(20)
    expect(guesses.map(({ headers }) => headers.get('ratelimit')).slice(-2)).toEqual([
      '"login";r=1;t=60',
      '"login";r=0;t=30',
    ])
    expect(await eventsOf(person, 'device.distrusted')).toEqual([
      { details: `{"device_id":"${id}","failures":20}`, reason: null },
    ])
    const row = await testEnv.DB.prepare('SELECT token_hash, previous_token_hash FROM devices WHERE id = ?')
      .bind(id)
      .first()
    expect(row).toEqual({ token_hash: null, previous_token_hash: null })
    expect([await failuresOf(`device:${id}`), await failuresOf(`account:${person.id}`)]).toEqual([0, 0])
    for (let i = 0; i < 5; i++) await signIn(person.email, WRONG, thief, headers)
    expect(await failuresOf(`account:${person.id}`)).toBe(5)
    expect((await signIn(person.email, PASSWORD, thief, headers)).status).toBe(429)
  })

  it('S22: loses its trust once, and derives twenty times at most, among sixty guesses at once', async () => {
    const person = await customer()
    const { headers } = await deviceOf(person)
    forgetDerivations()
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => signIn(person.email, WRONG, anonymous(), headers)),
    )
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([20, 40])
    expect(derivations).toHaveLength(20 * ONE_PASSWORD)
    expect(await eventsOf(person, 'device.distrusted')).toHaveLength(1)
  })

  it('S22: is known by the token before the last, for its own account only, and for 180 days', async () => {
    const [person, other] = [await customer(), await customer()]
    const { id, headers } = await deviceOf(person)
    await sql('UPDATE devices SET previous_token_hash = token_hash, token_hash = NULL WHERE id = ?', id)
    const strangers = await deviceOf(other)
    const old = await deviceOf(person, 180 * 86_400)
    await hasFailed(person, 100)
    for (const unknown of [strangers.headers, old.headers, { 'Device-Token': '' }, { 'Device-Token': 'x' }]) {
      await hasFailed(person, 100)
      expect((await signIn(person.email, PASSWORD, anonymous(), unknown)).status).toBe(401)
    }
    expect((await signIn(person.email, PASSWORD, anonymous(), headers)).status).toBe(200)
  })
})

describe('S23, S25: guessing from one address', () => {
  it('S23: one password at fifty accounts is refused from the twenty-first on, for five minutes', async () => {
    const person = await customer()
    const sprayer = caller(undefined, '192.0.2.46')
    const answers: Answer[] = []
    for (let i = 0; i < 25; i++) {
      answers.push(await signIn(i === 12 ? person.email : uniqueEmail('sprayed'), WRONG, sprayer))
    }
    expect(statuses(answers)).toEqual([...Array(20).fill(401), ...Array(5).fill(429)])
    expect((await signIn(person.email, PASSWORD, sprayer)).status).toBe(429)
    expect((await signIn(person.email, PASSWORD)).status).toBe(200)
    passTime(301)
    expect((await signIn(person.email, PASSWORD, sprayer)).status).toBe(200)
  })

  it('S25: no header that a client can write changes the address', async () => {
    const from = caller(undefined, '192.0.2.47')
    const answers: Answer[] = []
    for (let i = 0; i < 30; i++) {
      const spoofed = `198.51.100.${i}`
      const names = ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'True-Client-IP', 'X-Client-IP']
      const headers = Object.fromEntries(
        names.map((name) => [name, name === 'Forwarded' ? `for=${spoofed}` : spoofed]),
      )
      answers.push(await signIn(uniqueEmail('spoofed'), WRONG, from, headers))
    }
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([20, 10])
  })

  it('S25: IPv6 addresses of one /64 are one, those of another are not', async () => {
    const answers: Answer[] = []
    for (let i = 0; i < 21; i++) {
      answers.push(
        await signIn(uniqueEmail('six'), WRONG, caller(undefined, `2001:db8:7:1::${i.toString(16)}`)),
      )
    }
    expect(answers.at(-1)?.status).toBe(429)
    expect((await signIn(uniqueEmail('six'), WRONG, caller(undefined, '2001:db8:7:2::1'))).status).toBe(401)
  })

  it('S23: twenty at once with one failure missing are one derivation', async () => {
    const from = caller(undefined, '192.0.2.48')
    for (let i = 0; i < 19; i++) await signIn(uniqueEmail('sprayed'), WRONG, from)
    // The ring has let 19 of 30 through; ten more are what it leaves.
    forgetDerivations()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => signIn(uniqueEmail('sprayed'), WRONG, from)),
    )
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([1, 9])
    expect(derivations).toHaveLength(ONE_PASSWORD)
  })

  it('S23: a success does not end the count of the address', async () => {
    const person = await customer()
    const from = caller(undefined, '192.0.2.49')
    for (let i = 0; i < 10; i++) await signIn(uniqueEmail('sprayed'), WRONG, from)
    expect((await signIn(person.email, PASSWORD, from)).status).toBe(200)
    passTime(61)
    for (let i = 0; i < 10; i++) await signIn(uniqueEmail('sprayed'), WRONG, from)
    expect((await signIn(uniqueEmail('sprayed'), WRONG, from)).status).toBe(429)
  })
})

describe('what is neither right nor wrong', () => {
  const fails = () => {
    throw new Error('D1_ERROR: Network connection lost')
  }

  it('S22: an error of the database at either round trip counts nothing', async () => {
    const person = await customer()
    for (const password of [WRONG, PASSWORD]) {
      for (const nth of [1, 2]) {
        beforeRoundTrip(nth, fails)
        expect((await signIn(person.email, password)).status).toBe(503)
      }
    }
    expect(await failuresOf(`account:${person.id}`)).toBe(0)
    const answer = await signIn(person.email, WRONG)
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([401, '"login";r=4;t=60'])
  })

  it('S22: a sign-in whose account changes meanwhile ends no count, and is one failure', async () => {
    const person = await customer()
    await hasFailed(person, 3)
    beforeRoundTrip(2, () => sql('UPDATE accounts SET password_hash = NULL WHERE id = ?', person.id))
    expect((await signIn(person.email, PASSWORD)).status).toBe(401)
    expect(await failuresOf(`account:${person.id}`)).toBe(4)
  })

  it('S22: an account that is deleted meanwhile leaves no count behind', async () => {
    const person = await customer()
    beforeRoundTrip(2, () => sql('DELETE FROM accounts WHERE id = ?', person.id))
    expect((await signIn(person.email, WRONG)).status).toBe(401)
    expect(await failuresOf(`account:${person.id}`)).toBe(0)
  })

  it('S22: a client that goes away leaves a place, which lapses after 30 s and never counts', async () => {
    const person = await customer()
    for (let i = 0; i < 5; i++) expect((await goAway(person.email)).status).toBe(503)
    const answer = await signIn(person.email, PASSWORD)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '30'])
    passTime(30)
    expect((await signIn(person.email, WRONG)).headers.get('ratelimit')).toBe('"login";r=4;t=60')
  })

  it('S22: a request that is held open before its body comes takes its place when it comes', async () => {
    const person = await customer()
    const late = await signInSlowly(person.email)
    expect(late.status).toBe(401)
    const { taken_at: takenAt } = (
      await sql('SELECT taken_at FROM throttle_attempts WHERE subject = ?', `account:${person.id}`)
    ).results[0] as { taken_at: number }
    expect(Math.abs(takenAt - Math.floor(Date.now() / 1000))).toBeLessThan(5)
  })

  /** Sends credentials from a client that has gone by the time its turn comes. */
  async function goAway(email: string): Promise<Response> {
    const ctx = createExecutionContext()
    const request = new Request(`${ORIGIN}/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': anonymous().address },
      body: JSON.stringify({ email, password: PASSWORD }),
    })
    Object.defineProperty(request, 'signal', { value: AbortSignal.abort() })
    const response = await app.fetch(request, testEnv, ctx)
    await waitOnExecutionContext(ctx)
    return response
  }

  /** Opens a request, and sends its body 20 s later. */
  async function signInSlowly(email: string): Promise<Response> {
    const ctx = createExecutionContext()
    const body = new ReadableStream({
      pull(controller) {
        passTime(20)
        controller.enqueue(utf8(JSON.stringify({ email, password: WRONG })))
        controller.close()
      },
    })
    const headers = { 'Content-Type': 'application/json', 'CF-Connecting-IP': anonymous().address }
    const response = await app.fetch(
      new Request(`${ORIGIN}/auth/login`, { method: 'POST', headers, body }),
      testEnv,
      ctx,
    )
    await waitOnExecutionContext(ctx)
    return response
  }
})

describe('S09: guessing the current password with a stolen token', () => {
  const guess = (session: Person, password = WRONG) => session.post('/auth/step-up', { password })

  it('S09: counts like a failed sign-in, and waits like one', async () => {
    const person = await customer()
    const answers: Answer[] = []
    for (let i = 0; i < 6; i++) answers.push(await guess(person))
    expect(statuses(answers)).toEqual([401, 401, 401, 401, 401, 429])
    expect(answers[0]?.headers.get('ratelimit')).toBe('"password";r=4;t=60')
    expect(await failuresOf(`account:${person.id}`)).toBe(5)
    expect((await signIn(person.email, PASSWORD)).status).toBe(429)
    forgetDerivations()
    const change = { password: NEW_PASSWORD, current_password: WRONG }
    for (const refused of [
      await person.patch('/auth/me', change),
      await person.put(`/customers/${person.id}`, change),
      await person.delete(`/customers/${person.id}`, { current_password: WRONG }),
    ]) {
      expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.any(Number)])
    }
    expect(derivations).toEqual([])
  })

  it('S09: ends the session at the twentieth failure in a row, however slowly they come', async () => {
    const person = await customer()
    const other = await signedIn(person.email, PASSWORD)
    for (let i = 0; i < 20; i++) {
      passTime(901)
      expect((await guess(person)).status).toBe(401)
    }
    expect((await person.get('/auth/me')).body.code).toBe('invalid_token')
    expect((await other.get('/auth/me')).status).toBe(200)
    const ended = await eventsOf(person, 'session.ended')
    expect(ended.map(({ details }) => details)).toEqual(['{"by":"throttle"}'])
    expect((await anonymous().post('/auth/refresh', { refresh_token: person.refreshToken })).status).toBe(401)
  })

  it("S22: strangers' failures keep no signed-in owner from changing the password", async () => {
    const person = await customer()
    await hasFailed(person, 100)
    const change = { password: NEW_PASSWORD, current_password: PASSWORD }
    const answer = await person.patch('/auth/me', change)
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, '"password";r=5;t=60'])
    expect((await signIn(person.email, NEW_PASSWORD)).status).toBe(200)
  })

  it('S09: the right one ends the counts of session and account', async () => {
    const person = await customer()
    for (let i = 0; i < 4; i++) await guess(person)
    expect((await guess(person, PASSWORD)).status).toBe(200)
    expect(await failuresOf(`account:${person.id}`)).toBe(0)
    expect((await guess(person)).headers.get('ratelimit')).toBe('"password";r=4;t=60')
  })

  it('S09: twenty at once are five derivations', async () => {
    const person = await customer()
    forgetDerivations()
    const answers = await Promise.all(Array.from({ length: 20 }, () => guess(person)))
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([5, 15])
    expect(derivations).toHaveLength(5 * ONE_PASSWORD)
  })
})
