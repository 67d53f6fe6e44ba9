/** The mechanics of the shop. */
import { and, eq, gt, type SQL, sql } from 'drizzle-orm'
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
}

/** Inserts a mechanic under a reserved id, unless the e-mail address has been taken meanwhile. */
export function insertMechanic(db: Database, mechanic: NewMechanic, now: number) {
  // Every column of the table, in its order.
  return db.insert(mechanics).select(sql`
    SELECT ${mechanic.id}, ${mechanic.name}, ${mechanic.email}, ${mechanic.emailCanonical}, ${mechanic.phone},
      ${mechanic.salaryCents}, ${now}, ${now}
    WHERE ${isEmailFree(mechanic.emailCanonical)}`)
}

export type MechanicChanges = Partial<Omit<NewMechanic, 'id'>>

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

/** Deletes a mechanic; the tickets lose only the assignment. */
export function deleteMechanic(db: Database, id: number) {
  return db.delete(mechanics).where(eq(mechanics.id, id))
}

function isEmailFree(emailCanonical: string, butFor: SQL = sql``): SQL {
  return sql`NOT EXISTS (
    SELECT 1 FROM ${mechanics} AS other WHERE other.email_canonical = ${emailCanonical} ${butFor})`
}
