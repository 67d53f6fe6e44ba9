/** One-time link tokens: only the hash is stored; the last statement of a use deletes them. */
import { and, eq, lte, type SQL, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import type { Database } from '../platform/database.ts'
import { linkTokens } from './tables.ts'

/** The account that a live link token for a password is for. */
export function findLinkTokenAccount(db: Database, tokenHash: string, now: number) {
  return db
    .select({
      id: accounts.id,
      email: accounts.email,
      firstName: accounts.firstName,
      lastName: accounts.lastName,
    })
    .from(linkTokens)
    .innerJoin(accounts, eq(accounts.id, linkTokens.accountId))
    .where(
      and(
        eq(linkTokens.tokenHash, tokenHash),
        eq(linkTokens.purpose, 'password_reset'),
        sql`${linkTokens.expiresAt} > ${now}`,
      ),
    )
}

/** How long a link that sets a password is good, in seconds. */
export const RESET_LINK_SECONDS = 3_600

/** A link token as it is stored. */
export interface NewLinkToken {
  readonly tokenHash: string
  readonly accountId: number
  /** Unix seconds. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** Inserts a token for a password under a condition. Older ones go by `consumeLinkTokens` before it: the newest counts. */
export function insertLinkToken(
  db: Database,
  { tokenHash, accountId, createdAt, expiresAt }: NewLinkToken,
  when: SQL,
) {
  // Every column of the table, in its order.
  return db.insert(linkTokens).select(sql`
    SELECT ${tokenHash}, ${accountId}, 'password_reset', ${createdAt}, ${expiresAt} WHERE ${when}`)
}

/** The token has not been used and has not expired. */
export function isLiveLinkToken(tokenHash: string, now: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${linkTokens} AS live WHERE live.token_hash = ${tokenHash} AND live.expires_at > ${now})`
}

/** Sets the password of an account under a condition. */
export function updatePassword(
  db: Database,
  accountId: number,
  passwordHash: string,
  now: number,
  when: SQL,
) {
  return db
    .update(accounts)
    .set({ passwordHash, passwordChangedAt: now, updatedAt: now })
    .where(and(eq(accounts.id, accountId), when))
    .returning({ id: accounts.id })
}

/** Uses up a token: every link token of the account goes, for only the newest one counts. */
export function consumeLinkTokens(db: Database, accountId: number, when: SQL) {
  return db.delete(linkTokens).where(and(eq(linkTokens.accountId, accountId), when))
}

export function deleteExpiredLinkTokens(db: Database, now: number, limit: number) {
  return db
    .delete(linkTokens)
    .where(
      sql`${linkTokens.tokenHash} IN (SELECT token_hash FROM ${linkTokens} WHERE ${lte(linkTokens.expiresAt, now)} LIMIT ${limit})`,
    )
}
