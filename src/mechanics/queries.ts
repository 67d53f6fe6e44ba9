/** The mechanics of the shop. */
import { and, eq, gt, isNull, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import { mechanics } from './tables.ts'

export const mechanicColumns = {
  id: mechanics.id,
  name: mechanics.name,
  email: mechanics.email,
  phone: mechanics.phone,
  salaryCents: mechanics.salaryCents,
}

export interface MechanicRow {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly phone: string | null
  readonly salaryCents: number | null
}

export function findMechanic(db: Database, id: number) {
  return db.select(mechanicColumns).from(mechanics).where(eq(mechanics.id, id))
}

/** In the order of their ids; with `afterId` only those behind it. */
export function listMechanics(db: Database, afterId: number | undefined, limit: number) {
  return db
    .select(mechanicColumns)
    .from(mechanics)
    .where(afterId === undefined ? undefined : gt(mechanics.id, afterId))
    .orderBy(mechanics.id)
    .limit(limit)
}

/** Takes the next mechanic's id, unless another mechanic holds the e-mail address; no row then. */
export function reserveMechanicId(db: Database, emailCanonical: string) {
  return db.all<{ seq: number }>(sql`
    UPDATE sqlite_sequence SET seq = seq + 1
    WHERE name = 'mechanics' AND ${isEmailFree(emailCanonical)}
    RETURNING seq`)
}

export interface NewMechanic extends MechanicRow {
  readonly emailCanonical: string
  /** Whose account this mechanic signs in with; left out for nobody's. */
  readonly accountId?: number
}

/** Inserts a mechanic under a reserved id, unless the e-mail address has been taken meanwhile or a condition does not hold. */
export function insertMechanic(db: Database, mechanic: NewMechanic, now: number, when: SQL = sql`true`) {
  // Every column of the table, in its order.
  return db.insert(mechanics).select(sql`
    SELECT ${mechanic.id}, ${mechanic.name}, ${mechanic.email}, ${mechanic.emailCanonical}, ${mechanic.phone},
      ${mechanic.salaryCents}, ${now}, ${now}, ${mechanic.accountId ?? null}
    WHERE ${isEmailFree(mechanic.emailCanonical)} AND ${when}`)
}

export type MechanicChanges = Partial<Omit<NewMechanic, 'id' | 'accountId'>>

/** Changes a mechanic; no row when another one holds the new e-mail address. */
export function updateMechanic(db: Database, id: number, changes: MechanicChanges, now: number) {
  const { emailCanonical } = changes
  return db
    .update(mechanics)
    .set({ ...changes, updatedAt: now })
    .where(
      and(
        eq(mechanics.id, id),
        emailCanonical === undefined ? undefined : isEmailFree(emailCanonical, sql`AND other.id <> ${id}`),
      ),
    )
    .returning(mechanicColumns)
}

/** Makes an account that of a mechanic who has none, under a condition. */
export function tieMechanic(db: Database, id: number, accountId: number, now: number, when: SQL) {
  return db
    .update(mechanics)
    .set({ accountId, updatedAt: now })
    .where(and(eq(mechanics.id, id), isNull(mechanics.accountId), when))
}

/** The mechanic and whose account it is: by id, or by address of mail. */
export function findTie(db: Database, by: { readonly id: number } | { readonly emailCanonical: string }) {
  return db
    .select({ id: mechanics.id, accountId: mechanics.accountId })
    .from(mechanics)
    .where('id' in by ? eq(mechanics.id, by.id) : eq(mechanics.emailCanonical, by.emailCanonical))
}

/** The mechanic exists and has no account, and the account no other mechanic. */
export function isUntied(id: number, accountId: number): SQL {
  return sql`(EXISTS (SELECT 1 FROM ${mechanics} AS untied WHERE untied.id = ${id} AND untied.account_id IS NULL)
    AND NOT EXISTS (SELECT 1 FROM ${mechanics} AS held WHERE held.account_id = ${accountId}))`
}

/** Deletes a mechanic who has no account; the tickets lose only the assignment. */
export function deleteMechanic(db: Database, id: number) {
  return db.delete(mechanics).where(and(eq(mechanics.id, id), isNull(mechanics.accountId)))
}

/** No mechanic has the address of mail. */
export function isEmailFree(emailCanonical: string, butFor: SQL = sql``): SQL {
  return sql`NOT EXISTS (
    SELECT 1 FROM ${mechanics} AS other WHERE other.email_canonical = ${emailCanonical} ${butFor})`
}
