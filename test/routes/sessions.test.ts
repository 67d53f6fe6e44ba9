/** /auth/sessions: the list, ending one, ending all others. */
import { describe, expect, it } from 'vitest'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import {
  anonymous,
  caller,
  customer,
  ORIGIN,
  type Person,
  send,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { claimsOf } from '../support/forged-tokens.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { beforeRoundTrip, d1, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const sidOf = (person: { token: string }) => String(claimsOf(person.token)['sid'])
const again = (person: Person) => signedIn(person.email, person.password)
const status = async (person: Person) => (await person.get('/auth/me')).status
const list = async (person: Person) => (await person.get('/auth/sessions')).body.items
const ids = (items: { id: string }[]) => items.map(({ id }) => id)
const refreshStatus = async ({ refreshToken }: Person) =>
  (await anonymous().post('/auth/refresh', { refresh_token: refreshToken })).status

async function events(person: Person): Promise<string[]> {
  const { results } = await testEnv.DB.prepare(
    "SELECT details FROM audit_events WHERE event = 'session.ended' AND subject_id = ? ORDER BY id",
  )
    .bind(person.id)
    .all<{ details: string }>()
  return results.map(({ details }) => JSON.parse(details).ended)
}

describe('S52: the list', () => {
  it('S52: has the own live sessions alone, last seen first, and says which is this one', async () => {
    const first = await customer()
    passTime(400)
    const second = await again(first)
    await customer()
    expect(ids(await list(first)).toSorted()).toEqual([sidOf(first), sidOf(second)].toSorted())
    passTime(400)
    await status(second)
    passTime(10)
    await status(first)
    const items = await list(second)
    expect(ids(items)).toEqual([sidOf(first), sidOf(second)])
    expect(items.map(({ current }: { current: boolean }) => current)).toEqual([false, true])
    expect(Date.parse(items[0].last_seen_at)).toBeGreaterThan(Date.parse(items[0].created_at))
    expect(Date.parse(items[1].expires_at) - Date.parse(items[1].created_at)).toBe(30 * 86_400_000)
    await second.post('/auth/logout')
    expect(ids(await list(first))).toEqual([sidOf(first)])
  })

  it('tells from where a session was opened, as the platform knows it, and nothing secret', async () => {
    const person = await customer()
    const answer = await send(
      new Request(`${ORIGIN}/auth/login`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'CF-Connecting-IP': '203.0.113.9',
          'X-Forwarded-For': '198.51.100.1',
          'User-Agent': 'Workshop tablet',
        },
        body: JSON.stringify({ email: person.email, password: person.password }),
        cf: { country: 'DE', city: 'Leipzig' },
      }),
    )
    const listed = await caller(answer.body.token).get('/auth/sessions')
    const own = listed.body.items.find(({ current }: { current: boolean }) => current)
    expect(own).toMatchObject({
      ip: '203.0.113.9',
      country: 'DE',
      city: 'Leipzig',
      user_agent: 'Workshop tablet',
      methods: ['password'],
    })
    expect(listed.headers.get('cache-control')).toBe('no-store')
    for (const secret of [answer.body.token, answer.body.refresh_token.split('.')[4]]) {
      expect(listed.text).not.toContain(secret)
    }
  })

  it('notes a use at most every five minutes, and answers all the same when that fails', async () => {
    const person = await customer()
    const seen = async () => (await list(person))[0].last_seen_at
    const opened = await seen()
    passTime(290)
    await status(person)
    expect(await seen()).toBe(opened)
    passTime(20)
    beforeRoundTrip(2, () => {
      throw new Error('D1_ERROR: no answer')
    })
    expect(await status(person)).toBe(200)
    await Promise.all(Array.from({ length: 20 }, () => status(person)))
    expect(Date.parse(await seen())).toBeGreaterThan(Date.parse(opened))
    const calls = d1.calls
    await status(person)
    expect(d1.calls).toBe(calls + 1)
  })
})

describe('S52: ending a session', () => {
  it('S52: refuses its tokens from the next request on, anywhere, and no others', async () => {
    const here = await customer()
    const there = await again(here)
    const answer = await here.delete(`/auth/sessions/${sidOf(there)}`)
    expect([answer.status, answer.body.message]).toEqual([200, 'Session ended'])
    forgetMarks()
    expect([await status(there), await refreshStatus(there)]).toEqual([401, 401])
    expect([await status(here), await refreshStatus(here)]).toEqual([200, 200])
    expect(await events(here)).toEqual([sidOf(there)])
  })

  it('S52: another person’s session is 404 and lives on, as is one that never was', async () => {
    const [john, jane] = [await customer(), await customer()]
    for (const id of [sidOf(jane), 'x', '1', sidOf(jane).toLowerCase(), '%00', "' OR 1=1"]) {
      const answer = await john.delete(`/auth/sessions/${encodeURIComponent(id)}`)
      expect([id, answer.status, answer.body.code]).toEqual([id, 404, 'session_not_found'])
    }
    expect(await status(jane)).toBe(200)
    expect(await events(john)).toEqual([])
  })

  it('may be the current one', async () => {
    const person = await customer()
    expect((await person.delete(`/auth/sessions/${sidOf(person)}`)).status).toBe(200)
    expect(await status(person)).toBe(401)
  })

  it('happens once: of 20 at once, one ends it', async () => {
    const here = await customer()
    const there = await again(here)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => here.delete(`/auth/sessions/${sidOf(there)}`)),
    )
    expect(answers.filter((one) => one.status === 200)).toHaveLength(1)
    expect(answers.filter((one) => one.status === 404)).toHaveLength(19)
    expect(await events(here)).toHaveLength(1)
  })

  it('is not done by a session that ends meanwhile', async () => {
    const here = await customer()
    const there = await again(here)
    beforeRoundTrip(2, () => testEnv.DB.prepare('DELETE FROM sessions WHERE id = ?').bind(sidOf(here)).run())
    expect((await here.delete(`/auth/sessions/${sidOf(there)}`)).status).toBe(404)
    expect(await status(there)).toBe(200)
  })
})

describe('ending all others', () => {
  it('leaves this one, tells how many there were, and is an event if there were any', async () => {
    const here = await customer()
    const others = [await again(here), await again(here)]
    const stranger = await customer({ email: uniqueEmail('stranger') })
    const answer = await here.delete('/auth/sessions')
    expect([answer.status, answer.body]).toEqual([200, { message: 'Other sessions ended', revoked: 2 }])
    expect(await Promise.all(others.map(status))).toEqual([401, 401])
    expect(await Promise.all(others.map(refreshStatus))).toEqual([401, 401])
    expect([await status(here), await status(stranger)]).toEqual([200, 200])
    expect((await here.delete('/auth/sessions')).body.revoked).toBe(0)
    expect(await events(here)).toEqual(['others'])
  })
})

it('every answer of /auth/sessions seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
