/** /auth/refresh: rotation, the grace time, reuse, the ends of a session, and what no refresh may survive. */
import { afterEach, describe, expect, it } from 'vitest'
import { base64url } from '../../src/crypto/encoding.ts'
import { deriveKeyring } from '../../src/crypto/keyring.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { decodeSecret } from '../../src/crypto/secret.ts'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import { issueRefreshToken } from '../../src/sessions/refresh-token.ts'
import {
  type Answer,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  PASSWORD,
  type Person,
  signedIn,
} from '../support/client.ts'
import { claimsOf } from '../support/forged-tokens.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { beforeRoundTrip, d1, dropKvCache, kv, logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const DAY = 86_400
const REFUSED = [401, 'invalid_refresh_token', undefined]

interface Pair {
  readonly token: string
  readonly refresh_token: string
}

async function signIn(): Promise<Pair & { readonly email: string }> {
  const { email } = await customer()
  const answer = await anonymous().post('/auth/login', { email, password: PASSWORD })
  return { ...answer.body, email }
}

const refresh = (token: unknown, headers?: Record<string, string>) =>
  anonymous().post('/auth/refresh', { refresh_token: token }, headers)

async function refreshed(token: string): Promise<Pair> {
  const answer = await refresh(token)
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.body
}

const said = ({ status, body }: Answer) => [status, body.code, body.token]
const me = async (token: string) => (await caller(token).get('/auth/me')).status
const sidOf = (pair: Pair) => String(claimsOf(pair.token)['sid'])
const rowOf = (pair: Pair) =>
  testEnv.DB.prepare('SELECT * FROM sessions WHERE id = ?').bind(sidOf(pair)).first()

async function eventsOf(pair: Pair): Promise<string[]> {
  const { results } = await testEnv.DB.prepare(
    'SELECT event FROM audit_events WHERE session_id = ? ORDER BY id',
  )
    .bind(sidOf(pair))
    .all<{ event: string }>()
  return results.map(({ event }) => event)
}

afterEach(() => {
  kv.down = false
  d1.before = undefined
})

describe('S45: a refresh token works once', () => {
  it('S45: gives a new pair of the same session; the access token before stays good until its end', async () => {
    const first = await signIn()
    const answer = await refresh(first.refresh_token)
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.body).sort()).toEqual(['expires_in', 'refresh_token', 'token', 'token_type'])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(sidOf(answer.body)).toBe(sidOf(first))
    expect(answer.body.refresh_token).not.toBe(first.refresh_token)
    expect([await me(first.token), await me(answer.body.token)]).toEqual([200, 200])
    expect(await eventsOf(first)).toEqual(['sign_in.succeeded', 'device.added', 'session.refreshed'])
  })

  it('S45: a spent token 11 s later ends the session for both holders, with an event and an alert', async () => {
    const first = await signIn()
    const second = await refreshed(first.refresh_token)
    passTime(11)
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
    expect(said(await refresh(second.refresh_token))).toEqual(REFUSED)
    expect([await me(first.token), await me(second.token)]).toEqual([401, 401])
    expect(await rowOf(first)).toBeNull()
    expect(await eventsOf(first)).toEqual([
      'sign_in.succeeded',
      'device.added',
      'session.refreshed',
      'refresh_token.reused',
    ])
    expect(logLines.some((line) => line.includes('"message":"refresh_token_reused"'))).toBe(true)
  })

  it('S45: a token two generations old ends the session even within the grace time, 50 times at once', async () => {
    const first = await signIn()
    const third = await refreshed((await refreshed(first.refresh_token)).refresh_token)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(first.refresh_token)))
    for (const answer of answers) expect(said(answer)).toEqual(REFUSED)
    expect(said(await refresh(third.refresh_token))).toEqual(REFUSED)
    expect((await eventsOf(first)).filter((event) => event === 'refresh_token.reused')).toHaveLength(1)
  })

  it('S45: a counter that was never reached, as after a restored database, ends the session', async () => {
    const first = await signIn()
    const ahead = await refreshed(first.refresh_token)
    await testEnv.DB.prepare('UPDATE sessions SET refresh_counter = 0 WHERE id = ?').bind(sidOf(first)).run()
    expect(said(await refresh(ahead.refresh_token))).toEqual(REFUSED)
    expect(await rowOf(first)).toBeNull()
  })
})

describe('the grace time', () => {
  it('gives the same successor again for 10 s, audited once an address, without more time', async () => {
    const first = await signIn()
    const second = await refreshed(first.refresh_token)
    const before = await rowOf(first)
    passTime(9)
    const from = caller()
    for (let i = 0; i < 3; i++) {
      const again = await from.post('/auth/refresh', { refresh_token: first.refresh_token })
      expect(again.body.refresh_token).toBe(second.refresh_token)
    }
    await refreshed(first.refresh_token)
    expect(await rowOf(first)).toEqual(before)
    expect(await eventsOf(first)).toEqual([
      'sign_in.succeeded',
      'device.added',
      'session.refreshed',
      'refresh_token.repeated',
      'refresh_token.repeated',
    ])
    const { results } = await testEnv.DB.prepare(
      'SELECT count FROM audit_repeats WHERE group_key LIKE ? ORDER BY count',
    )
      .bind(`refresh_token.repeated ${sidOf(first)}%`)
      .all()
    expect(results).toEqual([{ count: 1 }, { count: 3 }])
  })

  it('is for the same user agent alone', async () => {
    const first = await signIn()
    await refresh(first.refresh_token, { 'User-Agent': 'Workshop tablet' })
    expect(said(await refresh(first.refresh_token, { 'User-Agent': 'curl' }))).toEqual(REFUSED)
    expect(await rowOf(first)).toBeNull()
  })

  it('ends when the successor has been used', async () => {
    const first = await signIn()
    const second = await refreshed(first.refresh_token)
    await refreshed(second.refresh_token)
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
  })

  it('S46: 20 refreshes at once with one token give one successor, and the counter moves by one', async () => {
    const first = await signIn()
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(first.refresh_token)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1)
    expect(await rowOf(first)).toMatchObject({ refresh_counter: 1 })
    expect((await eventsOf(first)).filter((event) => event === 'session.refreshed')).toHaveLength(1)
  })
})

describe('S47: a session ends', () => {
  it('S47: 30 days after its last refresh, access included', async () => {
    const first = await signIn()
    passTime(29 * DAY)
    const second = await refreshed(first.refresh_token)
    passTime(29 * DAY)
    const third = await refreshed(second.refresh_token)
    passTime(30 * DAY)
    expect(said(await refresh(third.refresh_token))).toEqual(REFUSED)
  })

  it('S47: 90 days after the sign-in, however often it is refreshed', async () => {
    const first = await signIn()
    let pair: Pair = first
    for (let day = 0; day < 80; day += 20) {
      passTime(20 * DAY)
      pair = await refreshed(pair.refresh_token)
    }
    passTime(10 * DAY - 60)
    const last = await refreshed(pair.refresh_token)
    expect(await me(last.token)).toBe(200)
    passTime(61)
    expect(await me(last.token)).toBe(401)
    expect(said(await refresh(last.refresh_token))).toEqual(REFUSED)
  })
})

describe('S48: what is no token of ours', () => {
  it('S48: lies nowhere in the database, and no two are alike', async () => {
    const pairs = [await signIn(), await signIn()]
    const rows = JSON.stringify(await Promise.all(pairs.map(rowOf)))
    for (const { refresh_token } of pairs) expect(rows).not.toContain(refresh_token.split('.')[4])
    expect(pairs[0]?.refresh_token).not.toBe(pairs[1]?.refresh_token)
  })

  it('is refused without asking the database', async () => {
    const { refresh_token, token } = await signIn()
    const [version, kid, sid, , mac = ''] = refresh_token.split('.')
    const stranger = await deriveKeyring([randomBytes(32)], 'refresh-token')
    const forged = await issueRefreshToken(stranger.newest, String(sid), 0)
    // The last character holds four bits of nothing: another spelling of the same MAC.
    const respelled =
      refresh_token.slice(0, -1) +
      String.fromCharCode(refresh_token.charCodeAt(42 + refresh_token.length - 43) + 1)
    const before = d1.calls
    for (const text of [
      '',
      'x',
      token,
      `${version}.${kid}.${sid}.1.${mac}`,
      `${version}.${kid}.${sid}.00.${mac}`,
      `v2.${kid}.${sid}.0.${mac}`,
      `${version}.00000000.${sid}.0.${mac}`,
      `${refresh_token}.`,
      ` ${refresh_token}`,
      respelled,
      forged,
      forged.replace(stranger.newest.id, String(kid)),
    ]) {
      expect([text, ...said(await refresh(text))]).toEqual([text, ...REFUSED])
    }
    expect(d1.calls).toBe(before)
    expect((await refresh(refresh_token)).status).toBe(200)
  })

  it('a key of another purpose does not make refresh tokens', async () => {
    const { refresh_token } = await signIn()
    const decoded = decodeSecret(testEnv['DATA_KEY'])
    if (!('bytes' in decoded)) throw new Error('no key')
    const { newest } = await deriveKeyring([decoded.bytes], 'audit-mac')
    const sid = String(refresh_token.split('.')[2])
    expect(said(await refresh(await issueRefreshToken(newest, sid, 0)))).toEqual(REFUSED)
  })

  it('tells faults of the body', async () => {
    expect((await anonymous().post('/auth/refresh', { token: 'x' })).body.errors).toEqual({
      token: ['Unknown field.'],
    })
    expect((await refresh(7)).body.errors).toEqual({ refresh_token: ['Not a valid string.'] })
    expect((await refresh('x'.repeat(1_025))).status).toBe(400)
    expect((await refresh('x\0')).status).toBe(400)
  })

  it('no access token passes as a refresh token, and no refresh token as an access token', async () => {
    const { token, refresh_token } = await signIn()
    expect(said(await refresh(token))).toEqual(REFUSED)
    expect(await me(refresh_token)).toBe(401)
  })
})

type Ending = readonly [string, (person: Person) => Promise<unknown>]

const ENDINGS: Ending[] = [
  ['logout', (person) => person.post('/auth/logout')],
  [
    'a password change in another session',
    async (person) =>
      (await signedIn(person.email, PASSWORD)).patch('/auth/me', { password: 'left-hand-thread-9-mm' }),
  ],
  [
    'a password reset',
    async (person) =>
      anonymous().post('/auth/password/reset', {
        token: await issueLinkToken(person.email),
        password: 'left-hand-thread-9-mm',
      }),
  ],
  ['deletion of the account', (person) => person.delete(`/customers/${person.id}`)],
  [
    'suspension',
    (person) =>
      testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE id = ?").bind(person.id).run(),
  ],
]

const MODES: [string, () => void][] = [
  ['in general', () => undefined],
  ['in an isolate that never saw it, with KV 60 s stale', forgetMarks],
  ['without KV', () => Object.assign(kv, { down: true })],
]

describe('S49: what ends a session ends its refresh token at once', () => {
  it.each(ENDINGS.flatMap(([name, end]) => MODES.map(([mode, enter]) => [name, mode, end, enter] as const)))(
    'S49: after %s, %s',
    async (_, __, end, enter) => {
      const person = await customer()
      const answer = await anonymous().post('/auth/login', { email: person.email, password: PASSWORD })
      const session = { ...person, ...caller(answer.body.token), token: answer.body.token }
      await session.get('/auth/me')
      await end(session)
      enter()
      const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(answer.body.refresh_token)))
      for (const each of answers) expect(said(each)).toEqual(REFUSED)
      dropKvCache()
      expect(said(await refresh(answer.body.refresh_token))).toEqual(REFUSED)
    },
  )

  it('a session that ends between the look and the rotation gets no new pair', async () => {
    const first = await signIn()
    beforeRoundTrip(2, () => testEnv.DB.prepare('DELETE FROM sessions WHERE id = ?').bind(sidOf(first)).run())
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
  })

  it('an account suspended between the look and the rotation gets no new pair, and lifting that revives none', async () => {
    const first = await signIn()
    const set = (status: string) =>
      testEnv.DB.prepare('UPDATE accounts SET status = ? WHERE email = ?').bind(status, first.email).run()
    beforeRoundTrip(2, () => set('suspended'))
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
    await set('active')
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
  })
})

describe('outages', () => {
  it('a database that fails is 503 and spends nothing, in either round trip', async () => {
    const first = await signIn()
    for (const nth of [1, 2]) {
      beforeRoundTrip(nth, () => {
        throw new Error('D1_ERROR: no answer')
      })
      const answer = await refresh(first.refresh_token)
      expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    }
    expect((await refresh(first.refresh_token)).status).toBe(200)
  })
})

describe('what only the moment of the rotation decides', () => {
  it('a rotation whose answer was lost to an outage is repeated by who obeys Retry-After', async () => {
    const first = await signIn()
    beforeRoundTrip(2, async () => {
      d1.before = undefined
      // Stands for a rotation that D1 has written, and a wait for its answer in vain.
      await refresh(first.refresh_token)
      passTime(3)
      throw new Error('D1_ERROR: no answer')
    })
    const lost = await refresh(first.refresh_token)
    expect(lost.status).toBe(503)
    passTime(Number(lost.headers.get('retry-after')))
    expect((await refresh(first.refresh_token)).status).toBe(200)
    expect(await eventsOf(first)).not.toContain('refresh_token.reused')
  })

  it('time that passes before the rotation does not shorten the grace', async () => {
    const first = await signIn()
    beforeRoundTrip(1, () => passTime(9))
    const second = await refreshed(first.refresh_token)
    passTime(4)
    expect((await refreshed(first.refresh_token)).refresh_token).toBe(second.refresh_token)
  })

  it('S45: a request that was held open since before the rotation gets nothing beyond the grace', async () => {
    const first = await signIn()
    beforeRoundTrip(1, async () => {
      passTime(300)
      await refresh(first.refresh_token)
      passTime(60)
    })
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
    expect(await rowOf(first)).toBeNull()
  })

  it('says when the session ends before its last access token does', async () => {
    const first = await signIn()
    let pair: Pair = first
    for (const days of [29, 29, 29]) {
      passTime(days * DAY)
      pair = await refreshed(pair.refresh_token)
    }
    passTime(3 * DAY - 3_600)
    const { body } = await refresh(pair.refresh_token)
    expect(body.expires_in).toBeGreaterThan(3_500)
    expect(body.expires_in).toBeLessThanOrEqual(3_600)
  })

  it('S45: a spent token ends the session of a suspended account, too', async () => {
    const first = await signIn()
    await refreshed(first.refresh_token)
    await testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE email = ?")
      .bind(first.email)
      .run()
    passTime(11)
    expect(said(await refresh(first.refresh_token))).toEqual(REFUSED)
    expect(await rowOf(first)).toBeNull()
  })
})

describe('S23: an address that refreshes without end', () => {
  it('S23: gets 429 after 30 in a minute, and may still sign in', async () => {
    const first = await signIn()
    const from = caller()
    const statuses: number[] = []
    for (let i = 0; i < 31; i++) {
      statuses.push((await from.post('/auth/refresh', { refresh_token: 'x' })).status)
    }
    expect(statuses).toEqual([...Array(30).fill(401), 429])
    const answer = await from.post('/auth/login', { email: first.email, password: PASSWORD })
    expect(answer.status).toBe(200)
  })
})

describe('S42: another data key', () => {
  it('S42: old refresh tokens work on, their successors name the new key, and nobody is signed out', async () => {
    const first = await signIn()
    const send = await withSettings({ DATA_KEY_2: base64url(randomBytes(32)) })
    const answer = await send('POST', '/auth/refresh', { refresh_token: first.refresh_token })
    expect(answer.status).toBe(200)
    expect(answer.body.refresh_token.split('.')[1]).not.toBe(first.refresh_token.split('.')[1])
    const next = await send('POST', '/auth/refresh', { refresh_token: answer.body.refresh_token })
    expect(next.status).toBe(200)
  })
})

it('every answer of /auth/refresh seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
