/** Which mechanic works on which ticket. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import { mechanics } from '../mechanics/tables.ts'
import type { Database } from '../platform/database.ts'
import { isExistingTicket } from './queries.ts'
import { serviceMechanics } from './tables.ts'

/** So many mechanics a ticket can have: its answer has room for them all. */
export const MAX_TICKET_MECHANICS = 20

export function listMechanicNames(db: Database, ids: readonly number[]) {
  return db
    .select({ id: mechanics.id, name: mechanics.name })
    .from(mechanics)
    .where(sql`${mechanics.id} IN ${ids}`)
}

/** Assigns a mechanic to a ticket, once, if both exist and there is room; no row changes otherwise. */
export function insertTicketMechanic(db: Database, ticketId: number, mechanicId: number) {
  const assigned = (which: SQL) => sql`
    SELECT count(*) FROM ${serviceMechanics} AS assigned WHERE assigned.ticket_id = ${ticketId} ${which}`
  return db.insert(serviceMechanics).select(sql`
    SELECT ${ticketId}, id FROM ${mechanics}
    WHERE id = ${mechanicId} AND ${isExistingTicket(ticketId)}
      AND (${assigned(sql`AND assigned.mechanic_id = ${mechanicId}`)}) = 0
      AND (${assigned(sql``)}) < ${MAX_TICKET_MECHANICS}`)
}

export function deleteTicketMechanic(db: Database, ticketId: number, mechanicId: number) {
  return db
    .delete(serviceMechanics)
    .where(and(eq(serviceMechanics.ticketId, ticketId), eq(serviceMechanics.mechanicId, mechanicId)))
}
