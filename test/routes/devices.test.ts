/** /auth/devices: how a device is recognised, listed, renamed and forgotten; and how many sessions there may be. */
import { describe, expect, it } from 'vitest'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import { DEVICE_KNOWN_SECONDS, MAX_DEVICES } from '../../src/sessions/device-queries.ts'
import { MAX_SESSIONS } from '../../src/sessions/queries.ts'
import {
  anonymous,
  caller,
  customer,
  ORIGIN,
  type Person,
  registration,
  send,
  signedIn,
} from '../support/client.ts'
import { claimsOf } from '../support/forged-tokens.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { beforeRoundTrip, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

const LEIPZIG = { country: 'DE', city: 'Leipzig', asOrganization: 'Example Telecom' }

interface From {
  readonly deviceToken?: string
  readonly userAgent?: string
  readonly cf?: Record<string, string>
}

function signIn(
  person: { email: string; password: string },
  { deviceToken, userAgent = FIREFOX, cf }: From = {},
) {
  return send(
    new Request(`${ORIGIN}/auth/login`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'CF-Connecting-IP': caller().address,
        'User-Agent': userAgent,
        ...(deviceToken !== undefined && { 'Device-Token': deviceToken }),
      },
      body: JSON.stringify({ email: person.email, password: person.password }),
      ...(cf && { cf }),
    }),
  )
}

async function newcomer() {
  const person = registration()
  const { id } = (await anonymous().post('/customers/', person)).body
  return { ...person, id }
}

async function eventsOf(id: number): Promise<string[]> {
  const { results } = await testEnv.DB.prepare(
    'SELECT event, details FROM audit_events WHERE subject_id = ? ORDER BY id',
  )
    .bind(id)
    .all<{ event: string; details: string }>()
  return results.map(({ event }) => event)
}

const devicesOf = async (token: string) => (await caller(token).get('/auth/devices')).body.items
const sidOf = (token: string) => String(claimsOf(token)['sid'])

describe('a device', () => {
  it('is one by its device token, which each sign-in renews; a client without one is new each time', async () => {
    const person = await newcomer()
    const first = (await signIn(person)).body
    expect(first.device_token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const second = (await signIn(person, { deviceToken: first.device_token })).body
    expect(second.device_token).not.toBe(first.device_token)
    expect(await devicesOf(second.token)).toHaveLength(1)
    await signIn(person)
    expect(await devicesOf(second.token)).toHaveLength(2)
    expect((await eventsOf(person.id)).filter((event) => event === 'device.added')).toHaveLength(2)
  })

  it('keeps its place when an answer was lost, and when two tabs sign in at once', async () => {
    const person = await newcomer()
    const { device_token: deviceToken } = (await signIn(person)).body
    await signIn(person, { deviceToken })
    const retried = (await signIn(person, { deviceToken })).body
    const two = await Promise.all([1, 2].map(() => signIn(person, { deviceToken: retried.device_token })))
    for (const { body } of two) await signIn(person, { deviceToken: body.device_token })
    expect(await devicesOf(retried.token)).toHaveLength(1)
  })

  it('tells browser, system, place and network, when it was first and last seen, and how many sessions it has', async () => {
    const person = await newcomer()
    const first = (await signIn(person, { cf: LEIPZIG })).body
    passTime(1_000)
    const second = (await signIn(person, { deviceToken: first.device_token, cf: LEIPZIG })).body
    const answer = await caller(second.token).get('/auth/devices')
    const [device] = answer.body.items
    expect(device).toMatchObject({
      current: true,
      name: null,
      browser: 'Firefox',
      os: 'Linux',
      country: 'DE',
      city: 'Leipzig',
      network: 'Example Telecom',
      known: true,
      sessions: 2,
    })
    expect(Date.parse(device.last_seen_at) - Date.parse(device.first_seen_at)).toBeGreaterThanOrEqual(
      1_000_000,
    )
    expect(answer.text).not.toContain(second.device_token)
    const listed = (await caller(second.token).get('/auth/sessions')).body.items
    expect(listed.map(({ device: { id } }: { device: { id: string } }) => id)).toEqual([device.id, device.id])
    expect(listed[0].device).toEqual({ id: device.id, name: null, browser: 'Firefox', os: 'Linux' })
  })

  it('has no place where the platform names none', async () => {
    const person = await newcomer()
    const { token } = (await signIn(person, { cf: { country: '', city: '', asOrganization: '' } })).body
    const [{ country, city, network }] = await devicesOf(token)
    expect([country, city, network]).toEqual([null, null, null])
    expect(await eventsOf(person.id)).not.toContain('country.added')
  })

  it.each([
    ['a phone', SAFARI, ['Safari', 'iOS']],
    ['a script', 'curl/8.5.0', [null, null]],
    ['nothing', '', [null, null]],
    ['a header of 10 kB', `Mozilla/5.0 ${'('.repeat(10_000)}`, ['Mozilla', null]],
  ])('is named from its user agent: %s', async (_, userAgent, names) => {
    const person = await newcomer()
    const [{ browser, os }] = await devicesOf((await signIn(person, { userAgent })).body.token)
    expect([browser, os]).toEqual(names)
  })

  it('S48: has a token that is stored as a hash only', async () => {
    const person = await newcomer()
    const { device_token: deviceToken } = (await signIn(person)).body
    const { results } = await testEnv.DB.prepare('SELECT * FROM devices WHERE account_id = ?')
      .bind(person.id)
      .all()
    expect(JSON.stringify(results)).not.toContain(deviceToken)
    expect(results[0]?.['token_hash']).toMatch(/^[A-Za-z0-9_-]{43}$/)
  })

  it.each(['', 'x', 'a'.repeat(44), `${'a'.repeat(42)}'`, "' OR 1=1 --"])(
    'S89: is new for a token that is none: %j',
    async (deviceToken) => {
      const person = await newcomer()
      await signIn(person)
      const { status, body } = await signIn(person, { deviceToken })
      expect(status).toBe(200)
      expect(await devicesOf(body.token)).toHaveLength(2)
    },
  )

  it('S89: is known for its own account only', async () => {
    const [john, jane] = [await newcomer(), await newcomer()]
    const { device_token: deviceToken, token } = (await signIn(john)).body
    const hers = (await signIn(jane, { deviceToken })).body
    expect((await devicesOf(hers.token))[0].id).not.toBe((await devicesOf(token))[0].id)
    const his = (await signIn(john, { deviceToken })).body
    expect(await devicesOf(his.token)).toHaveLength(1)
  })

  it('is known for 180 days after its last sign-in', async () => {
    const person = await newcomer()
    const first = (await signIn(person)).body
    passTime(DEVICE_KNOWN_SECONDS - 100)
    const second = (await signIn(person, { deviceToken: first.device_token })).body
    expect(await devicesOf(second.token)).toHaveLength(1)
    passTime(DEVICE_KNOWN_SECONDS + 100)
    const third = (await signIn(person, { deviceToken: second.device_token })).body
    expect((await devicesOf(third.token)).map(({ known }: { known: boolean }) => known)).toEqual([
      true,
      false,
    ])
  })

  it('is one of 50 at most, as long as its sessions are over', async () => {
    const person = await newcomer()
    await testEnv.DB.prepare(
      `INSERT INTO devices (id, account_id, first_seen_at, last_seen_at)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80) SELECT 'old-' || ?2 || '-' || i, ?1, i, i FROM n`,
    )
      .bind(person.id, String(person.id))
      .run()
    await testEnv.DB.prepare(
      `INSERT INTO sessions (id, account_id, created_at, authenticated_at, expires_at, device_id)
       VALUES ('s-' || ?2, ?1, 1, 1, 9999999999, 'old-' || ?2 || '-1')`,
    )
      .bind(person.id, String(person.id))
      .run()
    const { token } = (await signIn(person)).body
    const listed: { id: string }[] = await devicesOf(token)
    expect(listed).toHaveLength(MAX_DEVICES + 1)
    expect(listed.some(({ id }) => id === `old-${person.id}-1`)).toBe(true)
    expect(listed.some(({ id }) => id === `old-${person.id}-2`)).toBe(false)
  })
})

describe('S109: a place never seen before', () => {
  it('S109: is an event of its own, once an account and country', async () => {
    const person = await newcomer()
    for (const country of ['DE', 'DE', 'FR', 'DE', 'FR']) await signIn(person, { cf: { country } })
    await signIn(person)
    const { results } = await testEnv.DB.prepare(
      "SELECT details FROM audit_events WHERE subject_id = ? AND event = 'country.added' ORDER BY id",
    )
      .bind(person.id)
      .all<{ details: string }>()
    expect(results.map(({ details }) => JSON.parse(details))).toEqual([{ country: 'DE' }, { country: 'FR' }])
  })

  it('S109: leaves nothing when the sign-in fails', async () => {
    const person = await newcomer()
    await signIn({ ...person, password: 'not-the-password' }, { cf: LEIPZIG })
    expect(await eventsOf(person.id)).toEqual(['account.registered', 'sign_in.failed'])
    for (const table of ['devices', 'account_countries']) {
      const count = await testEnv.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE account_id = ?`)
        .bind(person.id)
        .first('n')
      expect([table, count]).toEqual([table, 0])
    }
  })
})

describe('renaming a device', () => {
  it('is seen in both lists, and is an event', async () => {
    const person = await customer()
    const [{ id }] = await devicesOf(person.token)
    const answer = await person.patch(`/auth/devices/${id}`, { name: '  Büro-Rechner 🔧 ' })
    expect([answer.status, answer.body]).toEqual([200, { message: 'Device renamed' }])
    expect((await devicesOf(person.token))[0].name).toBe('Büro-Rechner 🔧')
    expect((await person.get('/auth/sessions')).body.items[0].device.name).toBe('Büro-Rechner 🔧')
    expect((await eventsOf(person.id)).at(-1)).toBe('device.renamed')
  })

  it.each(['', '   ', 'x'.repeat(101), 7, null])('refuses the name %j', async (name) => {
    const person = await customer()
    const [{ id }] = await devicesOf(person.token)
    const answer = await person.patch(`/auth/devices/${id}`, { name })
    expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed'])
  })
})

describe('forgetting a device', () => {
  it('S49: ends its sessions for both tokens at once, and no others; the device is a new one next time', async () => {
    const person = await newcomer()
    const here = (await signIn(person)).body
    const there = (await signIn(person)).body
    await signIn(person, { deviceToken: there.device_token })
    const other = (await devicesOf(here.token)).find(({ current }: { current: boolean }) => !current)
    const answer = await caller(here.token).delete(`/auth/devices/${other.id}`)
    expect([answer.status, answer.body]).toEqual([200, { message: 'Device forgotten', revoked: 2 }])
    forgetMarks()
    expect((await caller(there.token).get('/auth/me')).status).toBe(401)
    const refresh = await anonymous().post('/auth/refresh', { refresh_token: there.refresh_token })
    expect(refresh.status).toBe(401)
    expect((await caller(here.token).get('/auth/me')).status).toBe(200)
    const again = (await signIn(person, { deviceToken: there.device_token })).body
    const ids = (await devicesOf(again.token)).map(({ id }: { id: string }) => id)
    expect(ids).not.toContain(other.id)
  })

  it('S49: may end the session that asks', async () => {
    const person = await customer()
    const [{ id }] = await devicesOf(person.token)
    expect((await person.delete(`/auth/devices/${id}`)).body.revoked).toBe(1)
    forgetMarks()
    expect((await person.get('/auth/me')).status).toBe(401)
    expect((await eventsOf(person.id)).at(-1)).toBe('device.forgotten')
  })

  it('S89: another person’s device is 404 and stays as it was', async () => {
    const [john, jane] = [await customer(), await customer()]
    const [hers] = await devicesOf(jane.token)
    const answers = [
      await john.delete(`/auth/devices/${hers.id}`),
      await john.patch(`/auth/devices/${hers.id}`, { name: 'Mine' }),
    ]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [404, 'device_not_found'],
      [404, 'device_not_found'],
    ])
    expect(await devicesOf(jane.token)).toEqual([hers])
    expect((await eventsOf(john.id)).filter((event) => event.startsWith('device.'))).toEqual(['device.added'])
  })

  it('S109: while somebody signs in there leaves a device that is added anew, and says so', async () => {
    const person = await newcomer()
    const here = (await signIn(person)).body
    const there = (await signIn(person)).body
    const other = (await devicesOf(here.token)).find(({ current }: { current: boolean }) => !current)
    const before = (await eventsOf(person.id)).length
    beforeRoundTrip(2, () => caller(here.token).delete(`/auth/devices/${other.id}`))
    const again = (await signIn(person, { deviceToken: there.device_token })).body
    expect((await eventsOf(person.id)).slice(before)).toEqual([
      'device.forgotten',
      'sign_in.succeeded',
      'device.added',
    ])
    forgetMarks()
    const statuses = [there, again].map(async ({ token }) => (await caller(token).get('/auth/me')).status)
    expect(await Promise.all(statuses)).toEqual([401, 200])
  })

  it('has one winner of 20 at once', async () => {
    const person = await newcomer()
    const here = (await signIn(person)).body
    await signIn(person)
    const other = (await devicesOf(here.token)).find(({ current }: { current: boolean }) => !current)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => caller(here.token).delete(`/auth/devices/${other.id}`)),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(19).fill(404)])
    expect((await eventsOf(person.id)).filter((event) => event === 'device.forgotten')).toHaveLength(1)
  })

  it('does nothing for a session that ended meanwhile', async () => {
    const person = await customer()
    const [{ id }] = await devicesOf(person.token)
    beforeRoundTrip(2, () =>
      testEnv.DB.prepare('DELETE FROM sessions WHERE account_id = ?').bind(person.id).run(),
    )
    expect((await person.delete(`/auth/devices/${id}`)).status).toBe(404)
    expect(
      await testEnv.DB.prepare('SELECT count(*) AS n FROM devices WHERE id = ?').bind(id).first('n'),
    ).toBe(1)
  })

  it('goes with the account', async () => {
    const person = await customer()
    await person.delete(`/customers/${person.id}`)
    const left = await testEnv.DB.prepare('SELECT count(*) AS n FROM devices WHERE account_id = ?')
      .bind(person.id)
      .first('n')
    expect(left).toBe(0)
  })
})

describe('S55: the number of sessions', () => {
  it('S55: is 20 at most; one more ends the one that was used longest ago', async () => {
    const person = await customer()
    const sessions: Person[] = [person]
    while (sessions.length < MAX_SESSIONS) {
      passTime(1)
      sessions.push(await signedIn(person.email, person.password))
    }
    passTime(400)
    // The oldest is in use; the second oldest is idle.
    await person.get('/auth/me')
    const one = await signedIn(person.email, person.password)
    forgetMarks()
    const statuses = await Promise.all(
      [...sessions, one].map(async (each) => (await each.get('/auth/me')).status),
    )
    expect(statuses).toEqual([200, 401, ...Array<number>(MAX_SESSIONS - 1).fill(200)])
    const listed = (await one.get('/auth/sessions')).body.items.map(({ id }: { id: string }) => id)
    expect(listed).toHaveLength(MAX_SESSIONS)
    expect(listed).not.toContain(sidOf(sessions[1]?.token ?? ''))
    expect((await eventsOf(person.id)).filter((event) => event === 'session.ended')).toHaveLength(1)
  })

  it('S55: a session that has just been refreshed is in use', async () => {
    const person = await customer()
    const refreshed = (await signIn(person)).body
    for (let more = 2; more < MAX_SESSIONS; more++) await signIn(person)
    passTime(86_401)
    const { status, body } = await anonymous().post('/auth/refresh', {
      refresh_token: refreshed.refresh_token,
    })
    expect(status).toBe(200)
    passTime(1)
    const listed = (await caller((await signIn(person)).body.token).get('/auth/sessions')).body.items
    const [, second] = listed.map(({ id }: { id: string }) => id)
    expect(second).toBe(sidOf(body.token))
    for (let more = 2; more < MAX_SESSIONS; more++) await signIn(person)
    forgetMarks()
    expect((await caller(body.token).get('/auth/me')).status).toBe(200)
  })

  it('S55: holds for 20 sign-ins at once', async () => {
    const person = await newcomer()
    // A known device has 20 places, an unknown one 5.
    const { device_token: deviceToken } = (await signIn(person)).body
    const answers = await Promise.all(Array.from({ length: 20 }, () => signIn(person, { deviceToken })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const live = await testEnv.DB.prepare('SELECT count(*) AS n FROM sessions WHERE account_id = ?')
      .bind(person.id)
      .first('n')
    expect(live).toBe(MAX_SESSIONS)
  })
})

it('answers nothing that the document does not tell', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
