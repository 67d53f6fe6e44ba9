/** Sessions. A live session is a row; ending one deletes it. */
import { and, eq, lte, ne, type SQL, sql } from 'drizzle-orm'
import { profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import type { Database } from '../platform/database.ts'
import { sessions } from './tables.ts'

/** A day, like the token: without refresh a session is worth as long as its only access token. */
export const SESSION_SECONDS = 86_400

/**
 * The account and, if it lives, the session of a token. Both by primary key. Aliases, because two
 * columns of one name come back shifted from a batch.
 */
export function findSession(db: Database, sessionId: string, accountId: number, now: number) {
  return db
    .select({
      ...profileColumns,
      sessionId: sql<string | null>`${sessions.id}`.as('live_session_id'),
      sessionCreatedAt: sql<number>`${sessions.createdAt}`.as('session_created_at'),
      authenticatedAt: sql<number>`${sessions.authenticatedAt}`.as('session_authenticated_at'),
      sessionExpiresAt: sql<number>`${sessions.expiresAt}`.as('session_expires_at'),
    })
    .from(accounts)
    .leftJoin(
      sessions,
      and(
        eq(sessions.id, sessionId),
        eq(sessions.accountId, accounts.id),
        sql`${sessions.expiresAt} > ${now}`,
      ),
    )
    .where(eq(accounts.id, accountId))
}

interface NewSession {
  readonly id: string
  readonly accountId: number
  /** The hash that the password was checked against. */
  readonly checkedHash: string
}

/**
 * Opens a session, if the account is active and still has the password that was checked: a change
 * during the derivation must not leave a live session behind.
 */
export function insertSession(db: Database, session: NewSession, now: number) {
  // Every column of the table, in its order.
  return db
    .insert(sessions)
    .select(sql`
      SELECT ${session.id}, id, ${now}, ${now}, ${now + SESSION_SECONDS} FROM ${accounts}
      WHERE id = ${session.accountId} AND password_hash = ${session.checkedHash} AND status = 'active'`)
    .returning({ id: sessions.id })
}

/** The session exists and has not expired, and its account is active. */
export function isLiveSession(id: string, now: number): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${sessions} AS live JOIN ${accounts} AS holder ON holder.id = live.account_id
    WHERE live.id = ${id} AND live.expires_at > ${now} AND holder.status = 'active')`
}

export function deleteSession(db: Database, id: string) {
  return db.delete(sessions).where(eq(sessions.id, id)).returning({ id: sessions.id })
}

export function listSessionIds(db: Database, accountId: number) {
  return db.select({ id: sessions.id }).from(sessions).where(eq(sessions.accountId, accountId))
}

/** Ends the sessions of an account, except one if given, under a condition. */
export function deleteSessionsOf(db: Database, accountId: number, when: SQL, exceptId = '') {
  return db
    .delete(sessions)
    .where(and(eq(sessions.accountId, accountId), ne(sessions.id, exceptId), when))
    .returning({ id: sessions.id })
}

export function deleteExpiredSessions(db: Database, now: number, limit: number) {
  return db
    .delete(sessions)
    .where(
      sql`${sessions.id} IN (SELECT id FROM ${sessions} WHERE ${lte(sessions.expiresAt, now)} LIMIT ${limit})`,
    )
}
