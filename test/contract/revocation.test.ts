/** The revocation contract: every line for access token, refresh token and cookies, in three states of KV. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import { MAX_SESSIONS } from '../../src/sessions/queries.ts'
import { REFRESH_GRACE_SECONDS } from '../../src/sessions/refresh.ts'
import { enrol } from '../support/authenticator.ts'
import { browser } from '../support/browser.ts'
import {
  type Answer,
  admin,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  type Person,
  signedIn,
  uniqueEmail,
} from '../support/client.ts'
import { mailTo, tokenIn } from '../support/mail-provider.ts'
import { kv, passTime } from '../support/production-limits.ts'
import { REVOCATIONS, type Revocation, type RevocationName } from '../support/revocation-contract.ts'
import { testEnv } from '../support/test-env.ts'

const NEW_PASSWORD = 'left-hand-thread-9-mm'

/** A session by bearer tokens or by cookies, asked in the same words. */
interface Holder {
  readonly get: (path: string) => Promise<Answer>
  readonly post: (path: string) => Promise<Answer>
  readonly refresh: () => Promise<Answer>
  /** Copies the tokens; what is returned puts the copies in the place of those there are then. */
  readonly copyTokens: () => () => void
  /** Of a browser: signs in over what it holds. */
  readonly signInAgain?: () => Promise<unknown>
}

async function bearerHolder({ email, password }: Person): Promise<Holder> {
  let { token, refreshToken } = await signedIn(email, password)
  return {
    get: (path) => caller(token).get(path),
    post: (path) => caller(token).post(path, {}),
    refresh: async () => {
      const answer = await anonymous().post('/auth/refresh', { refresh_token: refreshToken })
      if (answer.status === 200) ({ token, refresh_token: refreshToken } = answer.body)
      return answer
    },
    copyTokens: () => {
      const copies = { token, refreshToken }
      return () => {
        ;({ token, refreshToken } = copies)
      }
    },
  }
}

async function cookieHolder(person: Person): Promise<Holder> {
  const tab = browser()
  const csrf = { 'X-CSRF-Token': await tab.signIn(person) }
  const copyTokens = () => {
    const copies = [...tab.cookies]
    return () => {
      for (const [name, value] of copies) tab.cookies.set(name, value)
    }
  }
  return {
    get: (path) => tab.fetch('GET', path),
    post: async (path) => {
      const putBack = copyTokens()
      const answer = await tab.fetch('POST', path, {}, csrf)
      // A thief's browser would not obey when it is told to drop its cookies.
      putBack()
      return answer
    },
    refresh: () => tab.fetch('POST', '/auth/refresh', {}, csrf),
    copyTokens,
    signInAgain: () => tab.signIn(person),
  }
}

const HOLDERS = { 'bearer tokens': bearerHolder, cookies: cookieHolder }

const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .run()

async function currentIn(
  holder: Pick<Holder, 'get'>,
  list: '/auth/sessions' | '/auth/devices',
): Promise<string> {
  const { items } = (await holder.get(list)).body
  return items.find(({ current }: { current: boolean }) => current).id
}

let boss: Person

beforeAll(async () => {
  boss = await admin()
})

/** Other tests have moved the clock. */
const freshAdmin = () => signedIn(boss.email, boss.password)

/** What ends the victim's session; `owner` is another session of the same account. */
const ACTIONS: Record<RevocationName, (victim: Holder, owner: Person) => Promise<unknown>> = {
  logout: (victim) => victim.post('/auth/logout'),
  endOne: async (victim, owner) =>
    owner.delete(`/auth/sessions/${await currentIn(victim, '/auth/sessions')}`),
  endOthers: (_, owner) => owner.delete('/auth/sessions'),
  forgetDevice: async (victim, owner) =>
    owner.delete(`/auth/devices/${await currentIn(victim, '/auth/devices')}`),
  newPassword: (_, owner) => owner.patch('/auth/me', { password: NEW_PASSWORD }),
  reset: async (_, { email }) =>
    anonymous().post('/auth/password/reset', { token: await issueLinkToken(email), password: NEW_PASSWORD }),
  disowned: async (_, { email }) =>
    anonymous().post('/auth/not-me', { token: tokenIn(await mailTo(email, 1, /^New sign-in/)) }),
  undone: async (_, owner) => {
    await owner.patch('/auth/me', { email: uniqueEmail('moved') })
    const { status } = await anonymous().post('/auth/email/undo', {
      token: tokenIn(await mailTo(owner.email)),
    })
    expect(status).toBe(200)
  },
  factorAdded: (_, owner) => enrol(owner),
  factorRemoved: async (_, owner) => {
    await sql("INSERT INTO factors VALUES ('f' || ?1, ?1, 'totp', 'none', 1, 1, NULL)", owner.id)
    expect((await owner.delete('/auth/mfa/totp')).status).toBe(200)
  },
  reuse: async (victim) => {
    const useCopies = victim.copyTokens()
    expect((await victim.refresh()).status).toBe(200)
    const useNewest = victim.copyTokens()
    passTime(REFRESH_GRACE_SECONDS + 1)
    useCopies()
    expect((await victim.refresh()).status).toBe(401)
    useNewest()
  },
  tooMany: async (_, owner) => {
    passTime(400)
    await owner.get('/auth/me')
    await sql(
      `INSERT INTO sessions (id, account_id, created_at, authenticated_at, expires_at)
       WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       SELECT 'more-' || ?2 || '-' || i, account_id, last_seen_at, 1, expires_at FROM n, sessions WHERE id = ?3`,
      MAX_SESSIONS,
      String(owner.id),
      await currentIn(owner, '/auth/sessions'),
    )
    await signedIn(owner.email, owner.password)
  },
  replaced: async (victim) => {
    const keepOld = victim.copyTokens()
    await victim.signInAgain?.()
    keepOld()
  },
  role: (_, { id }) => sql("UPDATE accounts SET role = 'mechanic' WHERE id = ?", id),
  suspension: async (_, { id }) => {
    await sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", id)
    await sql("UPDATE accounts SET status = 'active' WHERE id = ?", id)
  },
  roleByAdmin: async (_, { id }) => (await freshAdmin()).patch(`/admin/accounts/${id}`, { role: 'mechanic' }),
  suspensionByAdmin: async (_, { id }) => {
    const boss = await freshAdmin()
    await boss.patch(`/admin/accounts/${id}`, { status: 'suspended' })
    await boss.patch(`/admin/accounts/${id}`, { status: 'active' })
  },
  factorReset: async (_, { id }) => {
    await sql("INSERT INTO factors VALUES ('f' || ?1, ?1, 'totp', 'none', 1, 1, NULL)", id)
    await (await freshAdmin()).post(`/admin/accounts/${id}/reset-mfa`)
  },
  endByAdmin: async (_, { id }) => (await freshAdmin()).post(`/admin/accounts/${id}/revoke-sessions`),
  deletionByAdmin: async (_, { id }) => (await freshAdmin()).delete(`/admin/accounts/${id}`),
  deletion: (_, owner) => owner.delete(`/customers/${owner.id}`),
}

/** What leaves the owner's other session alive. */
const SPARES_OWNER = new Set<RevocationName>([
  'logout',
  'endOne',
  'endOthers',
  'forgetDevice',
  'newPassword',
  'factorAdded',
  'factorRemoved',
  'reuse',
  'tooMany',
  'replaced',
])

const MODES: Record<string, (victim: Holder) => Promise<void>> = {
  'KV as it should be': async () => undefined,
  'KV a minute stale': async (victim) => {
    // The location caches that there is no mark, and serves that from then on.
    expect((await victim.get('/auth/me')).status).toBe(200)
  },
  'KV down': async () => {
    kv.down = true
  },
}

afterEach(() => {
  kv.down = false
})

describe.each(Object.entries(MODES))('S49, S50, S51: %s', (_mode, prepare) => {
  describe.each(Object.entries(REVOCATIONS))('%s', (name, line) => {
    const { holders = Object.keys(HOLDERS) }: Revocation = line
    const chosen = Object.entries(HOLDERS).filter(([holder]) => holders.includes(holder))
    it.each(chosen)('S49: refuses the very next request by %s', async (_kind, open) => {
      const owner = await customer()
      const victim = await open(owner)
      await prepare(victim)
      await ACTIONS[name as RevocationName](victim, owner)
      const access = await victim.get('/auth/me')
      expect([access.status, access.body.code]).toEqual([401, line.answer])
      forgetMarks()
      const elsewhere = await victim.get('/auth/me')
      expect([elsewhere.status, elsewhere.body.code]).toEqual([401, line.answer])
      const refresh = await victim.refresh()
      expect([refresh.status, refresh.body.code]).toEqual([401, 'invalid_refresh_token'])
      const spared = (await owner.get('/auth/me')).status === 200
      expect(spared).toBe(SPARES_OWNER.has(name as RevocationName))
    })
  })
})

it('S49: 50 requests at once with the tokens of an ended session are all refused', async () => {
  const owner = await customer()
  const victim = await bearerHolder(owner)
  await owner.delete('/auth/sessions')
  forgetMarks()
  const answers = await Promise.all(Array.from({ length: 50 }, () => victim.get('/customers/my-tickets')))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
  expect((await caller().get('/health')).status).toBe(200)
})
