/** Sign-ins whose first factor was right. Only the hash of their token is stored; using one deletes it. */
import { and, eq, lte, type SQL, sql } from 'drizzle-orm'
import { profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { factorKeyOf } from '../limits/queries.ts'
import type { Database } from '../platform/database.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { historyColumns } from '../sessions/queries.ts'
import { mfaChallenges } from './tables.ts'

/** How long the second factor is awaited, in seconds. */
export const CHALLENGE_SECONDS = 600

/** So many wrong codes end a challenge; its account's budget goes on. */
export const CHALLENGE_MAX_FAILURES = 5

interface NewChallenge {
  readonly tokenHash: string
  readonly accountId: number
  readonly methods: readonly string[]
  readonly deviceId: string | undefined
}

/** Begins a challenge if the account is active and what was proved of its row still holds. */
export function insertChallenge(db: Database, challenge: NewChallenge, now: number, stillProved: SQL) {
  // Every column of the table, in its order.
  return db
    .insert(mfaChallenges)
    .select(sql`
      SELECT ${challenge.tokenHash}, ${accounts.id}, ${JSON.stringify(challenge.methods)}, ${challenge.deviceId ?? null},
        0, ${now}, ${now + CHALLENGE_SECONDS}
      FROM ${accounts} WHERE ${accounts.id} = ${challenge.accountId} AND ${accounts.status} = 'active' AND ${stillProved}`)
    .returning({ tokenHash: mfaChallenges.tokenHash })
}

const isLive = (name: string, tokenHash: string, now: number) => {
  const challenge = sql.raw(name)
  return sql`${challenge}.token_hash = ${tokenHash} AND ${challenge}.expires_at > ${now}
    AND ${challenge}.failures < ${CHALLENGE_MAX_FAILURES}`
}

/** The challenge can still be met. A changed password, role or status has ended it, by a trigger. */
export function isLiveChallenge(tokenHash: string, now: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${mfaChallenges} AS live WHERE ${isLive('live', tokenHash, now)})`
}

/** The account of a live challenge, as a value in another statement. */
export function accountOfChallenge(tokenHash: string, now: number): SQL {
  return sql`(SELECT open.account_id FROM ${mfaChallenges} AS open WHERE ${isLive('open', tokenHash, now)})`
}

/** Whose attempt an answer to a challenge is: its account's, whatever the challenge and the address. */
export function challengeSubject(tokenHash: string, now: number): SQL {
  return sql`SELECT ${factorKeyOf(sql`tried.account_id`)} AS key, tried.account_id AS account_id, NULL AS device_id
    FROM (SELECT 1) AS asked LEFT JOIN ${mfaChallenges} AS tried ON ${isLive('tried', tokenHash, now)}`
}

/** A live challenge, the profile of its account, and what that has of sessions and devices. */
export function findChallenge(
  db: Database,
  tokenHash: string,
  arrival: Pick<RequestFacts, 'now' | 'country'>,
) {
  return db
    .select({
      ...profileColumns,
      methods: mfaChallenges.methods,
      deviceId: mfaChallenges.deviceId,
      ...historyColumns(arrival),
    })
    .from(mfaChallenges)
    .innerJoin(accounts, eq(accounts.id, mfaChallenges.accountId))
    .where(isLive('mfa_challenges', tokenHash, arrival.now))
}

export function countChallengeFailure(db: Database, tokenHash: string) {
  return db
    .update(mfaChallenges)
    .set({ failures: sql`${mfaChallenges.failures} + 1` })
    .where(eq(mfaChallenges.tokenHash, tokenHash))
}

/** Uses up a challenge, under a condition. */
export function deleteChallenge(db: Database, tokenHash: string, when: SQL) {
  return db.delete(mfaChallenges).where(and(eq(mfaChallenges.tokenHash, tokenHash), when))
}

export function deleteChallengesOf(db: Database, accountId: number, when: SQL) {
  return db.delete(mfaChallenges).where(and(eq(mfaChallenges.accountId, accountId), when))
}

export function deleteExpiredChallenges(db: Database, now: number, limit: number) {
  return db
    .delete(mfaChallenges)
    .where(
      sql`${mfaChallenges.tokenHash} IN (SELECT token_hash FROM ${mfaChallenges} WHERE ${lte(mfaChallenges.expiresAt, now)} LIMIT ${limit})`,
    )
}
