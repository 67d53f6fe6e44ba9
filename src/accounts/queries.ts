/** The account row. Builders are returned un-awaited, so that a caller may await or batch them. */
import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Role } from '../access/roles.ts'
import type { Database } from '../platform/database.ts'
import { accounts } from './tables.ts'

/** What an answer about an account is made of; never the password hash. */
export const profileColumns = {
  id: accounts.id,
  role: accounts.role,
  status: accounts.status,
  email: accounts.email,
  firstName: accounts.firstName,
  lastName: accounts.lastName,
  phoneNumber: accounts.phoneNumber,
  emailVerifiedAt: accounts.emailVerifiedAt,
  verifiedEmail: accounts.verifiedEmail,
}

export interface Profile {
  readonly id: number
  readonly role: Role
  readonly status: 'active' | 'suspended'
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly phoneNumber: string | null
  /** Unix seconds; null as long as nobody has shown that mail to `email` reaches them. */
  readonly emailVerifiedAt: number | null
  /** The last address that was verified, as long as `email` is not. */
  readonly verifiedEmail: string | null
}

/**
 * Staff who have been invited and have no password come in by an invitation that still counts, not by having
 * forgotten what they never chose: an invitation would else be good for ever. Customers without one were imported.
 */
const hasPasswordToForget = sql`(role = 'customer' OR password_hash IS NOT NULL)`

/** Who gets mail for an address: nobody whom the shop has suspended, or whose invitation is open. */
export function findActiveRecipient(db: Database, emailCanonical: string) {
  return db
    .select({
      id: accounts.id,
      email: accounts.email,
      emailVerifiedAt: accounts.emailVerifiedAt,
      verifiedEmail: accounts.verifiedEmail,
    })
    .from(accounts)
    .where(
      and(eq(accounts.emailCanonical, emailCanonical), eq(accounts.status, 'active'), hasPasswordToForget),
    )
}

/** The account still gets the mail for an address: somebody may change it while a link to it is made. */
export function isActiveRecipient(id: number, emailCanonical: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${accounts} AS owner WHERE owner.id = ${id}
    AND owner.email_canonical = ${emailCanonical} AND owner.status = 'active' AND ${hasPasswordToForget})`
}

/** The address of mail of an account has been verified. */
export function isVerified(id: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${accounts} AS owner WHERE owner.id = ${id} AND owner.email_verified_at IS NOT NULL)`
}

export function findAccountIdByEmail(db: Database, emailCanonical: string) {
  return db.select({ id: accounts.id }).from(accounts).where(eq(accounts.emailCanonical, emailCanonical))
}

/** What decides about the access of an account. */
export function findStanding(db: Database, id: number) {
  return db
    .select({ id: accounts.id, role: accounts.role, status: accounts.status })
    .from(accounts)
    .where(eq(accounts.id, id))
}

export function findCustomer(db: Database, id: number) {
  return db
    .select(profileColumns)
    .from(accounts)
    .where(and(eq(accounts.id, id), isCustomer))
}

const isCustomer = eq(accounts.role, 'customer')

/**
 * Takes the next account id under a condition, unless the e-mail address is taken; no row then. The id is known before
 * the insert because the audit row's MAC covers it. An id that is not used is lost, never reused.
 */
export function reserveAccountId(db: Database, emailCanonical: string, when: SQL) {
  return db
    .update(sequences)
    .set({ seq: sql`${sequences.seq} + 1` })
    .where(
      sql`${sequences.name} = 'accounts' AND ${when}
        AND NOT EXISTS (SELECT 1 FROM ${accounts} WHERE email_canonical = ${emailCanonical})`,
    )
    .returning({ seq: sequences.seq })
}

/** SQLite's own: the last id that was given in each table. */
const sequences = sqliteTable('sqlite_sequence', { name: text(), seq: integer().notNull() })

interface NewCustomer {
  readonly id: number
  readonly email: string
  readonly emailCanonical: string
  readonly firstName: string
  readonly lastName: string
  readonly phoneNumber: string | null
  readonly passwordHash: string
}

/** Inserts a customer under a reserved id and a condition, unless the e-mail address has been taken meanwhile. */
export function insertCustomer(db: Database, customer: NewCustomer, now: number, when: SQL) {
  // Every column of the table, in its order.
  return db.insert(accounts).select(sql`
    SELECT ${customer.id}, 'customer', 'active', ${customer.email}, ${customer.emailCanonical}, NULL,
      ${customer.firstName}, ${customer.lastName}, ${customer.phoneNumber}, ${customer.passwordHash},
      ${now}, ${now}, ${now}, NULL
    WHERE ${when} AND NOT EXISTS (SELECT 1 FROM ${accounts} WHERE email_canonical = ${customer.emailCanonical})`)
}

/** Replaces a hash by another of the same password, if it is still the one that was checked and a condition holds. */
export function updateRehashedPassword(
  db: Database,
  id: number,
  checkedHash: string,
  newHash: string,
  when: SQL,
) {
  return db
    .update(accounts)
    .set({ passwordHash: newHash })
    .where(and(eq(accounts.id, id), eq(accounts.passwordHash, checkedHash), when))
}

export type ProfileChanges = Partial<{
  firstName: string
  lastName: string
  phoneNumber: string | null
  email: string
  emailCanonical: string
  passwordHash: string
}>

/**
 * Changes an active account under a condition. A new e-mail address counts as unverified, unless it is another spelling
 * of the same one, and is refused (no row changes) when another account holds it.
 */
export function updateProfile(db: Database, id: number, changes: ProfileChanges, now: number, when: SQL) {
  const emailIsFree =
    changes.emailCanonical === undefined
      ? undefined
      : sql`NOT EXISTS (SELECT 1 FROM ${accounts} AS other
          WHERE other.email_canonical = ${changes.emailCanonical} AND other.id <> ${id})`
  return db
    .update(accounts)
    .set({
      ...changes,
      ...(changes.emailCanonical !== undefined && forgetVerification(changes.emailCanonical)),
      ...(changes.passwordHash !== undefined && { passwordChangedAt: now }),
      updatedAt: now,
    })
    .where(and(eq(accounts.id, id), eq(accounts.status, 'active'), emailIsFree, when))
    .returning(profileColumns)
}

/** In an UPDATE all of these read the row as it was. */
function forgetVerification(emailCanonical: string) {
  const { emailCanonical: current, emailVerifiedAt, verifiedEmail, email } = accounts
  const isSame = sql`${current} = ${emailCanonical}`
  return {
    emailVerifiedAt: sql`CASE WHEN ${isSame} THEN ${emailVerifiedAt} END`,
    verifiedEmail: sql`CASE WHEN ${isSame} OR ${emailVerifiedAt} IS NULL THEN ${verifiedEmail} ELSE ${email} END`,
  }
}

/** Deletes a customer under a condition; sessions and link tokens go with the row. */
export function deleteCustomer(db: Database, id: number, when: SQL) {
  return db.delete(accounts).where(and(eq(accounts.id, id), isCustomer, when))
}

/** The password hash is still the one that was checked. */
export function hasPasswordHash(id: number, hash: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${accounts} AS checked WHERE checked.id = ${id} AND checked.password_hash = ${hash})`
}

export const CUSTOMER_SORT_FIELDS = ['id', 'first_name', 'last_name', 'email', 'created_at'] as const

export interface CustomerFilter {
  readonly search: string | undefined
  readonly emailCanonical: string | undefined
  readonly sortBy: (typeof CUSTOMER_SORT_FIELDS)[number]
  readonly order: 'asc' | 'desc'
}

const sortColumns = {
  id: sql`${accounts.id}`,
  first_name: sql`${accounts.firstName} COLLATE NOCASE`,
  last_name: sql`${accounts.lastName} COLLATE NOCASE`,
  email: sql`${accounts.emailCanonical}`,
  // Ids are given in order of creation, and the primary key needs no sorting.
  created_at: sql`${accounts.id}`,
} as const satisfies Record<CustomerFilter['sortBy'], SQL>

export function listCustomers(db: Database, filter: CustomerFilter, limit: number, offset: number) {
  const direction = filter.order === 'asc' ? asc : desc
  const column = sortColumns[filter.sortBy]
  const tieBreak = column === sortColumns.id ? [] : [direction(accounts.id)]
  return db
    .select(profileColumns)
    .from(accounts)
    .where(customersMatching(filter))
    .orderBy(direction(column), ...tieBreak)
    .limit(limit)
    .offset(offset)
}

export function countCustomers(db: Database, filter: CustomerFilter) {
  return db.select({ total: sql<number>`count(*)` }).from(accounts).where(customersMatching(filter))
}

function customersMatching({ search, emailCanonical }: CustomerFilter) {
  return and(
    isCustomer,
    emailCanonical === undefined ? undefined : eq(accounts.emailCanonical, emailCanonical),
    search === undefined ? undefined : namesContain(search),
  )
}

/**
 * The text is in the whole name or in the address of mail, whatever the case of A–Z. `instr` takes it literally; LIKE
 * would give `%` and `_` a meaning and cap its length.
 */
export function namesContain(search: string): SQL {
  // SQLite's lower() folds A–Z only; the text must be folded alike or "É" would never be found.
  const needle = search.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  const contains = (column: SQL) => sql`instr(lower(${column}), ${needle}) > 0`
  return sql`(${contains(sql`${accounts.firstName} || ' ' || ${accounts.lastName}`)} OR ${contains(sql`${accounts.email}`)})`
}
