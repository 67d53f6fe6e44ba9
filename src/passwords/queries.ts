/** One-time link tokens: only the hash is stored; the last statement of a use deletes them. */
import { and, eq, gt, inArray, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import type { Database } from '../platform/database.ts'
import { LINK_PURPOSES, linkTokens } from './tables.ts'

/** The account that a live link token for a password is for, and what kind of link it is. */
export function findLinkTokenAccount(db: Database, tokenHash: string, now: number) {
  return db
    .select({
      id: accounts.id,
      email: accounts.email,
      emailVerifiedAt: accounts.emailVerifiedAt,
      verifiedEmail: accounts.verifiedEmail,
      firstName: accounts.firstName,
      lastName: accounts.lastName,
      hadPassword: sql<number>`${accounts.passwordHash} IS NOT NULL`.as('had_password'),
      purpose: linkTokens.purpose,
    })
    .from(linkTokens)
    .innerJoin(accounts, eq(accounts.id, linkTokens.accountId))
    .where(
      and(
        eq(linkTokens.tokenHash, tokenHash),
        inArray(linkTokens.purpose, LINK_PURPOSES),
        gt(linkTokens.expiresAt, now),
        // A link proves the address that it was sent to, and counts as long as that is the account's.
        or(isNull(linkTokens.emailCanonical), eq(linkTokens.emailCanonical, accounts.emailCanonical)),
      ),
    )
}

/** How long a link that sets a password is good, in seconds. */
export const RESET_LINK_SECONDS = 3_600

/** The token has not been used and has not expired, and its account still has the address that it was sent to. */
export function isLiveLinkToken(tokenHash: string, now: number): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${linkTokens} AS live JOIN ${accounts} AS invited ON invited.id = live.account_id
    WHERE live.token_hash = ${tokenHash} AND live.expires_at > ${now}
      AND coalesce(live.email_canonical, invited.email_canonical) = invited.email_canonical)`
}

/** A link token as it is stored. */
interface NewLinkToken {
  readonly tokenHash: string
  readonly accountId: number
  readonly purpose: (typeof LINK_PURPOSES)[number]
  /** Unix seconds. */
  readonly createdAt: number
  readonly expiresAt: number
  /** The address that it is sent to. */
  readonly emailCanonical: string
}

/** Inserts a link under a condition. Older ones go by `consumeLinkTokens` before it: the newest counts. */
export function insertLinkToken(db: Database, link: NewLinkToken, when: SQL) {
  const { tokenHash, accountId, purpose, createdAt, expiresAt, emailCanonical } = link
  // Every column of the table, in its order.
  return db.insert(linkTokens).select(sql`
    SELECT ${tokenHash}, ${accountId}, ${purpose}, ${createdAt}, ${expiresAt}, ${emailCanonical} WHERE ${when}`)
}

interface PasswordChange {
  readonly passwordHash: string
  /** The link came by mail: whoever has it reads what goes to the address. */
  readonly provesAddress: boolean
}

/** Sets the password of an account under a condition. */
export function updatePassword(
  db: Database,
  accountId: number,
  { passwordHash, provesAddress }: PasswordChange,
  now: number,
  when: SQL,
) {
  return db
    .update(accounts)
    .set({
      passwordHash,
      passwordChangedAt: now,
      updatedAt: now,
      ...(provesAddress && { emailVerifiedAt: now }),
    })
    .where(and(eq(accounts.id, accountId), when))
    .returning({ id: accounts.id })
}

/** The mails with links that `consumeLinkTokens` ends. */
export const PASSWORD_LINKS = ['invite', 'reset'] as const

/** Uses up a token: every link token of the account goes, for only the newest one counts; or those for one purpose. */
export function consumeLinkTokens(
  db: Database,
  accountId: number,
  when: SQL,
  purpose?: NewLinkToken['purpose'],
) {
  const isMeant = purpose && eq(linkTokens.purpose, purpose)
  return db.delete(linkTokens).where(and(eq(linkTokens.accountId, accountId), isMeant, when))
}

export function deleteExpiredLinkTokens(db: Database, now: number, limit: number) {
  return db
    .delete(linkTokens)
    .where(
      sql`${linkTokens.tokenHash} IN (SELECT token_hash FROM ${linkTokens} WHERE ${lte(linkTokens.expiresAt, now)} LIMIT ${limit})`,
    )
}
