/** The refresh token of a session, as the session's row knows it. */
import { and, eq, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import type { Database } from '../platform/database.ts'
import { isLiveSession, SESSION_ABSOLUTE_SECONDS, SESSION_IDLE_SECONDS } from './queries.ts'
import { sessions } from './tables.ts'

/** What decides whether a refresh token of the session counts. */
export function findRefreshState(db: Database, id: string) {
  return db
    .select({
      accountId: sessions.accountId,
      status: accounts.status,
      expiresAt: sessions.expiresAt,
      refreshCounter: sessions.refreshCounter,
      refreshKeyId: sessions.refreshKeyId,
      rotatedAt: sessions.rotatedAt,
      rotatedBy: sessions.rotatedBy,
    })
    .from(sessions)
    .innerJoin(accounts, eq(accounts.id, sessions.accountId))
    .where(eq(sessions.id, id))
}

interface Rotation {
  readonly keyId: string
  readonly rotatedBy: string
}

/** Spends the refresh token with this counter and key, if the session lives and its account is active. */
export function rotateRefresh(
  db: Database,
  spent: { readonly sessionId: string; readonly counter: number; readonly keyId: string },
  next: Rotation,
  now: number,
) {
  const limit = sql`${sessions.createdAt} + ${SESSION_ABSOLUTE_SECONDS}`
  return db
    .update(sessions)
    .set({
      refreshCounter: sql`${sessions.refreshCounter} + 1`,
      refreshKeyId: next.keyId,
      rotatedAt: now,
      rotatedBy: next.rotatedBy,
      // Also a use: the next sign-in must not take it for the session that was used longest ago.
      lastSeenAt: now,
      expiresAt: sql`min(${now + SESSION_IDLE_SECONDS}, ${limit})`,
    })
    .where(
      and(
        eq(sessions.id, spent.sessionId),
        eq(sessions.refreshCounter, spent.counter),
        eq(sessions.refreshKeyId, spent.keyId),
        isLiveSession(spent.sessionId, now),
      ),
    )
    .returning({ expiresAt: sessions.expiresAt })
}
