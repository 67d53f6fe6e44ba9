/** Accounts as admins see and change them. Builders are returned un-awaited, so that a caller may await or batch them. */
import { and, asc, desc, eq, isNull, type SQL, sql } from 'drizzle-orm'
import type { Role } from '../access/roles.ts'
import { namesContain, type Profile, profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { mechanics } from '../mechanics/tables.ts'
import type { Database } from '../platform/database.ts'

export interface AccountRow extends Profile {
  readonly emailCanonical: string
  readonly emailVerifiedAt: number | null
  readonly createdAt: number
  /** 1 where a password has been chosen: who has been invited has none at first. */
  readonly hasPassword: number
  /** Whom of the shop's mechanics the account belongs to. */
  readonly mechanicId: number | null
}

const accountColumns = {
  ...profileColumns,
  emailCanonical: accounts.emailCanonical,
  emailVerifiedAt: accounts.emailVerifiedAt,
  createdAt: accounts.createdAt,
  hasPassword: sql<number>`${accounts.passwordHash} IS NOT NULL`.as('has_password'),
  mechanicId: sql<number | null>`${mechanics.id}`.as('mechanic_id'),
}

function selectAccounts(db: Database) {
  return db.select(accountColumns).from(accounts).leftJoin(mechanics, eq(mechanics.accountId, accounts.id))
}

export function findAccount(db: Database, id: number) {
  return selectAccounts(db).where(eq(accounts.id, id))
}

/** The account, if a condition holds. */
export function findAccountIf(db: Database, id: number, when: SQL) {
  return selectAccounts(db).where(and(eq(accounts.id, id), when))
}

export function findAccountByEmail(db: Database, emailCanonical: string) {
  return selectAccounts(db).where(eq(accounts.emailCanonical, emailCanonical))
}

export const ACCOUNT_SORT_FIELDS = ['id', 'email', 'created_at'] as const

export interface AccountFilter {
  readonly role: Role | undefined
  readonly status: Profile['status'] | undefined
  readonly search: string | undefined
  readonly sortBy: (typeof ACCOUNT_SORT_FIELDS)[number]
  readonly order: 'asc' | 'desc'
}

/** A page of the list; with `afterId` what comes behind that account, as long as it exists. */
export function listAccounts(
  db: Database,
  filter: AccountFilter,
  afterId: number | undefined,
  limit: number,
) {
  const { role, status, search, order } = filter
  // Ids are given in order of creation, and the primary key needs no sorting.
  const column = filter.sortBy === 'email' ? accounts.emailCanonical : accounts.id
  return selectAccounts(db)
    .where(
      and(
        role === undefined ? undefined : eq(accounts.role, role),
        status === undefined ? undefined : hasStatus(status),
        search === undefined ? undefined : namesContain(search),
        afterId === undefined ? undefined : isBehind(filter, afterId),
      ),
    )
    .orderBy((order === 'asc' ? asc : desc)(column))
    .limit(limit)
}

function isBehind({ sortBy, order }: AccountFilter, id: number): SQL {
  const comparison = sql.raw(order === 'asc' ? '>' : '<')
  if (sortBy !== 'email') return sql`${accounts.id} ${comparison} ${id}`
  // The cursor holds no address, for it stands in URLs.
  const place = sql`(SELECT past.email_canonical FROM ${accounts} AS past WHERE past.id = ${id})`
  return sql`${accounts.emailCanonical} ${comparison} ${place}`
}

/** Written out, so that SQLite sees the index of the few; nearly all are active, and no index is better than its. */
function hasStatus(status: Profile['status']): SQL {
  return status === 'suspended' ? sql`${accounts.status} = 'suspended'` : sql`+${accounts.status} = 'active'`
}

/**
 * An active admin is left without this account, or it is none itself. Who has not chosen a password yet does not
 * count: nobody can sign in with that account, and the invitation may never be accepted.
 */
function leavesAnAdmin(id: number): SQL {
  return sql`(NOT EXISTS (
      SELECT 1 FROM ${accounts} AS leaving
      WHERE leaving.id = ${id} AND leaving.role = 'admin' AND leaving.status = 'active')
    OR EXISTS (
      SELECT 1 FROM ${accounts} AS staying
      WHERE staying.role = 'admin' AND staying.status = 'active' AND staying.password_hash IS NOT NULL
        AND staying.id <> ${id}))`
}

export interface Standing {
  readonly role: Role
  readonly status: Profile['status']
}

/** Changes an account that is still as the change was decided from, if an active admin is left and a condition holds. */
export function updateStanding(
  db: Database,
  from: Standing & { readonly id: number },
  to: Standing,
  now: number,
  when: SQL,
) {
  return db
    .update(accounts)
    .set({ role: to.role, status: to.status, updatedAt: now })
    .where(
      and(
        eq(accounts.id, from.id),
        eq(accounts.role, from.role),
        eq(accounts.status, from.status),
        leavesAnAdmin(from.id),
        when,
      ),
    )
    .returning({ id: accounts.id })
}

/** Deletes an account of whatever role, if an active admin is left and a condition holds. */
export function deleteAccount(db: Database, id: number, role: Role, when: SQL) {
  return db
    .delete(accounts)
    .where(and(eq(accounts.id, id), eq(accounts.role, role), leavesAnAdmin(id), when))
    .returning({ id: accounts.id })
}

/** Why a change did not hold: the account as it is, and whether an active admin would be left. */
export function findObstacle(db: Database, id: number) {
  return db
    .select({
      role: accounts.role,
      status: accounts.status,
      leavesAnAdmin: sql<number>`${leavesAnAdmin(id)}`.as('leaves_an_admin'),
    })
    .from(accounts)
    .where(eq(accounts.id, id))
}

interface NewStaff {
  readonly id: number
  readonly role: Role
  readonly email: string
  readonly emailCanonical: string
  readonly firstName: string
  readonly lastName: string
  readonly phoneNumber: string | null
}

/** Inserts an account without a password under a reserved id, unless the address has been taken, under a condition. */
export function insertStaff(db: Database, staff: NewStaff, now: number, when: SQL) {
  // Every column of the table, in its order.
  return db.insert(accounts).select(sql`
    SELECT ${staff.id}, ${staff.role}, 'active', ${staff.email}, ${staff.emailCanonical}, NULL,
      ${staff.firstName}, ${staff.lastName}, ${staff.phoneNumber}, NULL, NULL, ${now}, ${now}, NULL
    WHERE NOT EXISTS (SELECT 1 FROM ${accounts} WHERE email_canonical = ${staff.emailCanonical}) AND ${when}`)
}

export type StaffNames = Partial<Pick<NewStaff, 'firstName' | 'lastName' | 'phoneNumber'>>

/** Changes an account that has been invited and has no password yet, if it is still as it was and a condition holds. */
export function updateInvited(db: Database, invited: AccountRow, names: StaffNames, now: number, when: SQL) {
  return db
    .update(accounts)
    .set({ ...names, updatedAt: now })
    .where(
      and(
        eq(accounts.id, invited.id),
        eq(accounts.emailCanonical, invited.emailCanonical),
        eq(accounts.role, invited.role),
        eq(accounts.status, 'active'),
        isNull(accounts.passwordHash),
        when,
      ),
    )
    .returning({ id: accounts.id })
}
