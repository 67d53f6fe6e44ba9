/** What ended stays ended: from the next request on, wherever it arrives, whatever KV or this isolate believes. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { randomId } from '../../src/crypto/random.ts'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  PASSWORD,
  type Person,
  signedIn,
} from '../support/client.ts'
import { claimsOf, otherSpellings } from '../support/forged-tokens.ts'
import { d1, dropKvCache, kv, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'left-hand-thread-9-mm'
const INVALID = [401, 'Token validation failed', 'Invalid token']
const GONE = [401, 'Invalid customer', 'Customer associated with token not found']

const said = ({ status, body }: Answer) => [status, body.error, body.message]
const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()
const sidOf = (person: Person) => String(claimsOf(person.token)['sid'])
const again = (person: Person) => signedIn(person.email, person.password)

async function sessionsOf(id: number): Promise<string[]> {
  const { results } = await testEnv.DB.prepare('SELECT id FROM sessions WHERE account_id = ?').bind(id).all()
  return results.map((row) => String(row['id']))
}

/** As if the next request came to an isolate and a location that have never seen the session. */
function elsewhere(): void {
  forgetMarks()
  dropKvCache()
}

afterEach(() => {
  kv.down = false
  d1.before = undefined
})

async function expectEnded(person: Person, answer = INVALID): Promise<void> {
  const answers = await Promise.all(Array.from({ length: 50 }, () => person.get('/customers/my-tickets')))
  for (const each of answers) expect(said(each)).toEqual(answer)
}

type Ending = readonly [name: string, end: (person: Person) => Promise<unknown>, answer: (string | number)[]]

const ENDINGS: Ending[] = [
  ['logout', (person) => person.post('/auth/logout'), INVALID],
  [
    'password change in another session',
    async (person) => (await again(person)).patch('/auth/me', { password: NEW_PASSWORD }),
    INVALID,
  ],
  [
    'password reset',
    async ({ email }) =>
      anonymous().post('/auth/password/reset', {
        token: await issueLinkToken(email),
        password: NEW_PASSWORD,
      }),
    INVALID,
  ],
  ['deletion', (person) => person.delete(`/customers/${person.id}`), GONE],
  ['suspension', ({ id }) => sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", id), INVALID],
]

describe.each(ENDINGS)('S49, S50: after %s', (name, end, answer) => {
  it(`S49: 50 requests at once are refused after ${name}, whatever KV serves`, async () => {
    const person = await customer()
    // The location caches that there is no mark, and serves that for a minute.
    expect((await person.get('/customers/my-tickets')).status).toBe(200)
    const ended = (await end(person)) as { status?: number }
    expect(ended.status ?? 200).toBe(200)

    await expectEnded(person, answer)
    forgetMarks()
    await expectEnded(person, answer)
    kv.down = true
    forgetMarks()
    await expectEnded(person, answer)
    kv.down = false
    elsewhere()
    await expectEnded(person, answer)
  })
})

describe('S49: what KV knows', () => {
  it.each(ENDINGS.slice(0, 4))(
    'S49: the mark of a %s refuses with the right text while D1 is down',
    async (_, end, answer) => {
      const person = await customer()
      await end(person)
      const key = `ended-session:${sidOf(person)}`
      await expect
        .poll(() => {
          dropKvCache()
          return testEnv.KV.get(key)
        })
        .not.toBeNull()
      elsewhere()
      d1.before = () => {
        throw new Error('D1_ERROR: Network connection lost.')
      }
      expect(said(await person.get('/auth/me'))).toEqual(answer)
      // Now this isolate knows, and asks nobody.
      const asked = [d1.calls, kv.reads]
      expect(said(await person.get('/auth/me'))).toEqual(answer)
      expect([d1.calls, kv.reads]).toEqual(asked)
    },
  )

  it('S49: without a mark, an outage is never a yes', async () => {
    const person = await customer()
    await person.post('/auth/logout')
    d1.before = () => {
      throw new Error('D1_ERROR: Network connection lost.')
    }
    kv.down = true
    forgetMarks()
    expect((await person.get('/auth/me')).status).toBe(503)
  })

  it('S49: a mark lives as long as there may be a token, a minute at least, and is not written for less', async () => {
    const expiry = async (person: Person) => {
      const { keys } = await testEnv.KV.list({ prefix: `ended-session:${sidOf(person)}` })
      return keys[0]?.expiration ?? 0
    }
    const [soon, later] = [await customer(), await customer()]
    await soon.post('/auth/logout')
    passTime(3_600)
    await later.post('/auth/logout')
    await expect.poll(() => expiry(later)).toBeGreaterThan(0)
    // KV has a clock of its own, which did not move.
    const difference = (await expiry(soon)) - (await expiry(later))
    expect([difference > 3_580, difference < 3_620]).toEqual([true, true])
    const late = await customer()
    const owner = await again(late)
    passTime(2 * 86_400)
    const now = await again(owner)
    const writes = kv.writes
    expect((await now.delete('/auth/sessions')).body.revoked).toBe(2)
    expect(kv.writes).toBe(writes)
    forgetMarks()
    expect((await late.get('/auth/me')).status).toBe(401)
  })

  it('S49: a mark outlives the token, and the token ends before the mark', async () => {
    const person = await customer()
    await person.post('/auth/logout')
    for (const seconds of [61, 3_600, 43_200]) {
      passTime(seconds)
      expect((await person.get('/auth/me')).body.code).toBe('invalid_token')
    }
    passTime(86_400)
    expect((await person.get('/auth/me')).body.code).toBe('token_expired')
  })
})

describe('S49: logout', () => {
  let owner: Person
  beforeAll(async () => {
    owner = await customer()
  })

  it('S49: ends this session only', async () => {
    const [one, two] = [await again(owner), await again(owner)]
    expect((await one.post('/auth/logout')).status).toBe(200)
    expect((await two.get('/auth/me')).status).toBe(200)
    expect(await sessionsOf(owner.id)).not.toContain(sidOf(one))
    expect((await one.post('/auth/logout')).status).toBe(401)
  })

  it('S49: malleable spellings of an ended token are refused', async () => {
    const session = await again(owner)
    await session.post('/auth/logout')
    elsewhere()
    for (const spelling of [...otherSpellings(session.token), `${session.token}=`]) {
      expect(said(await caller(spelling).get('/auth/me'))).toEqual(INVALID)
    }
  })

  it('S49: many at once end the session once', async () => {
    const session = await again(owner)
    const answers = await Promise.all(Array.from({ length: 20 }, () => session.post('/auth/logout')))
    expect(answers.filter(({ status }) => status !== 200 && status !== 401)).toEqual([])
    const rows = await sql(
      "SELECT id FROM audit_events WHERE event = 'session.ended' AND session_id = ?",
      sidOf(session),
    )
    expect(rows.results).toHaveLength(1)
  })

  it('S54: every sign-in opens a session of its own, also with a live or an ended token in the header', async () => {
    const ids = new Set([sidOf(owner)])
    const ended = await again(owner)
    await ended.post('/auth/logout')
    for (const token of [owner.token, ended.token, 'made-up']) {
      const answer = await caller(token).post(
        '/auth/login',
        { email: owner.email, password: owner.password },
        { Cookie: `session=${sidOf(owner)}; __Host-session=made-up` },
      )
      expect(answer.headers.has('set-cookie')).toBe(false)
      ids.add(String(claimsOf(answer.body.token)['sid']))
    }
    expect(ids.size).toBe(4)
    expect(said(await ended.get('/auth/me'))).toEqual(INVALID)
  })

  it('S48: ids are 128 random bits, and no token or password is in the database', async () => {
    const ids = Array.from({ length: 10_000 }, randomId)
    expect(new Set(ids).size).toBe(10_000)
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(sidOf(owner)).toMatch(/^[A-Za-z0-9_-]{22}$/)

    const link = await issueLinkToken(owner.email)
    const { results } = await sql(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    expect(results.length).toBeGreaterThan(5)
    for (const { name } of results as { name: string }[]) {
      const dump = JSON.stringify((await sql(`SELECT * FROM ${name}`)).results)
      for (const secret of [link, owner.token, owner.token.split('.')[2] ?? '', PASSWORD, 'eyJhbGciOi']) {
        expect(dump.includes(secret), name).toBe(false)
      }
    }
  })
})

describe('S50: a new password', () => {
  it('S50: ends the other sessions, not the one that set it, and not those of others', async () => {
    const [owner, bystander] = [await customer(), await customer()]
    const [one, two] = [await again(owner), await again(owner)]
    expect((await one.put(`/customers/${owner.id}`, { password: NEW_PASSWORD })).status).toBe(200)
    for (const ended of [owner, two]) expect(said(await ended.get('/auth/me'))).toEqual(INVALID)
    expect((await one.get('/auth/me')).status).toBe(200)
    expect((await bystander.get('/auth/me')).status).toBe(200)
    expect(await sessionsOf(owner.id)).toEqual([sidOf(one)])
  })
})

describe('S43: role and status are read on each request', () => {
  it('S43: a changed role ends the sessions, and the next sign-in has the new one, both ways', async () => {
    let boss = await admin()
    expect((await boss.get('/customers')).status).toBe(200)
    for (const [role, status] of [
      ['customer', 403],
      ['mechanic', 200],
      ['admin', 200],
      ['customer', 403],
    ] as const) {
      await sql('UPDATE accounts SET role = ? WHERE id = ?', role, boss.id)
      expect(said(await boss.get('/customers'))).toEqual(INVALID)
      boss = await again(boss)
      expect((await boss.get('/customers')).status).toBe(status)
      expect((await boss.get('/auth/me')).body.account.role).toBe(role)
    }
  })
})
