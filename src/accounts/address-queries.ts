/** The address of an account: where it is mailed, whether that is verified, and getting it back. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import type { Profile } from './queries.ts'
import { accounts } from './tables.ts'

/**
 * Where what matters is mailed: to the last address that was verified, if there is one. Whoever takes an account over can
 * change its address at once, and must not thereby be the only one who hears of it.
 */
export function contactOf(account: Pick<Profile, 'email' | 'emailVerifiedAt' | 'verifiedEmail'>): string {
  return account.emailVerifiedAt === null ? (account.verifiedEmail ?? account.email) : account.email
}

/** Mail to the address reaches the person; under a condition. */
export function updateEmailVerified(db: Database, id: number, now: number, when: SQL) {
  return db
    .update(accounts)
    .set({ emailVerifiedAt: now, verifiedEmail: null, updatedAt: now })
    .where(and(eq(accounts.id, id), when))
    .returning({ id: accounts.id })
}

/** The password opens nothing any more, so that a new one must be set; under a condition. */
export function removePassword(db: Database, id: number, now: number, when: SQL) {
  return db
    .update(accounts)
    .set({ passwordHash: null, passwordChangedAt: now, updatedAt: now })
    .where(and(eq(accounts.id, id), when))
    .returning({ id: accounts.id })
}

/**
 * Gives an account an address back that its owner has just proved to read, and removes the password; under a condition, and
 * unless another account has the address (no row changes).
 */
export function restoreEmail(
  db: Database,
  id: number,
  address: { readonly email: string; readonly emailCanonical: string },
  now: number,
  when: SQL,
) {
  const isFree = sql`NOT EXISTS (SELECT 1 FROM ${accounts} AS other
    WHERE other.email_canonical = ${address.emailCanonical} AND other.id <> ${id})`
  return db
    .update(accounts)
    .set({
      ...address,
      emailVerifiedAt: now,
      verifiedEmail: null,
      passwordHash: null,
      passwordChangedAt: now,
      updatedAt: now,
    })
    .where(and(eq(accounts.id, id), isFree, when))
    .returning({ id: accounts.id })
}
