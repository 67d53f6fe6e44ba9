/** Links of mails: only the hash of a token is stored, and the last statement of a use deletes the row. */
import { and, eq, gte, inArray, lte, type SQL, sql } from 'drizzle-orm'
import { profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import type { Database } from '../platform/database.ts'
import { type LinkPurpose, mailLinks } from './tables.ts'

/** Once the new address has been verified for so long, nothing brings back the old one: 24 hours. */
export const UNDO_AFTER_VERIFIED_SECONDS = 86_400

/** A link as it is stored. */
export interface NewMailLink {
  readonly tokenHash: string
  readonly accountId: number
  readonly purpose: LinkPurpose
  /** The address that it confirms or brings back. */
  readonly email: string | null
  readonly emailCanonical: string | null
  /** Unix seconds. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** Inserts a link under a condition. */
export function insertMailLink(db: Database, link: NewMailLink, when: SQL) {
  const { tokenHash, accountId, purpose, email, emailCanonical, createdAt, expiresAt } = link
  // Every column of the table, in its order; the first is the number, which SQLite gives.
  return db.insert(mailLinks).select(sql`
    SELECT NULL, ${tokenHash}, ${accountId}, ${purpose}, ${email}, ${emailCanonical}, NULL, ${createdAt}, ${expiresAt}
    WHERE ${when}`)
}

interface Presented {
  readonly tokenHash: string
  readonly purpose: LinkPurpose
  /** Unix seconds. */
  readonly now: number
}

/**
 * The link counts: it is there, has not expired, and what it was made for still is so. One that confirms an address
 * dies with that address, and one that undoes a change once the new address has been verified for long enough.
 */
export function isLiveMailLink({ tokenHash, purpose, now }: Presented): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${mailLinks} AS live JOIN ${accounts} AS holder ON holder.id = live.account_id
    WHERE live.token_hash = ${tokenHash} AND live.purpose = ${purpose} AND live.expires_at > ${now}
      AND (live.purpose <> 'verify' OR live.email_canonical = holder.email_canonical)
      AND coalesce(live.verified_at, ${now}) > ${now - UNDO_AFTER_VERIFIED_SECONDS})`
}

/** A link that counts, with its account, and whether another account has the address that it would bring back. */
export function findMailLink(db: Database, presented: Presented) {
  return db
    .select({
      number: mailLinks.number,
      // In a batch D1 answers by name, and the account has columns of the same names.
      linkEmail: sql<string | null>`${mailLinks.email}`.as('link_email'),
      linkEmailCanonical: sql<string | null>`${mailLinks.emailCanonical}`.as('link_email_canonical'),
      isTaken: sql<number>`EXISTS (SELECT 1 FROM ${accounts} AS other
        WHERE other.email_canonical = ${mailLinks.emailCanonical} AND other.id <> ${mailLinks.accountId})`.as(
        'is_taken',
      ),
      ...profileColumns,
    })
    .from(mailLinks)
    .innerJoin(accounts, eq(accounts.id, mailLinks.accountId))
    .where(and(eq(mailLinks.tokenHash, presented.tokenHash), isLiveMailLink(presented)))
}

/** Uses up links of an account, under a condition. */
export function deleteMailLinks(
  db: Database,
  accountId: number,
  purposes: readonly LinkPurpose[],
  when: SQL,
) {
  return db
    .delete(mailLinks)
    .where(and(eq(mailLinks.accountId, accountId), inArray(mailLinks.purpose, purposes), when))
}

/**
 * Uses up a link that undoes a change, and those of the changes after it, under a condition. Those of earlier changes
 * stay: whoever took the account over must not be able to spend the owner's link by one of their own.
 */
export function deleteUndoLinksSince(db: Database, accountId: number, number: number, when: SQL) {
  return db
    .delete(mailLinks)
    .where(
      and(
        eq(mailLinks.accountId, accountId),
        eq(mailLinks.purpose, 'undo'),
        gte(mailLinks.number, number),
        when,
      ),
    )
}

export function deleteExpiredMailLinks(db: Database, now: number, limit: number) {
  return db
    .delete(mailLinks)
    .where(
      sql`${mailLinks.number} IN (SELECT number FROM ${mailLinks} WHERE ${lte(mailLinks.expiresAt, now)} LIMIT ${limit})`,
    )
}
