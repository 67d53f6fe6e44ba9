/** Parts of tickets and the stock that they are taken from: both change in one batch, or neither. */
import { and, eq, isNotNull, type SQL, sql } from 'drizzle-orm'
import { inventory } from '../inventory/tables.ts'
import { type Database, previousChangedOne } from '../platform/database.ts'
import { isExistingTicket } from './queries.ts'
import { serviceInventory, serviceTickets } from './tables.ts'

/** So many different parts a ticket can have: its answer has room for them all. */
export const MAX_TICKET_PARTS = 50

interface Taking {
  readonly ticketId: number
  readonly itemId: number
  readonly quantity: number
}

/**
 * Takes stock for a ticket that has not got the part yet and has room for it; no row changes where there is too
 * little of it. An item that is not counted always has enough. `insertPart` follows in the batch.
 */
export function takeStock(db: Database, { ticketId, itemId, quantity }: Taking, now: number) {
  const held = (which: SQL) => sql`
    SELECT count(*) FROM ${serviceInventory} AS held WHERE held.ticket_id = ${ticketId} ${which}`
  return db
    .update(inventory)
    .set({ quantity: sql`${inventory.quantity} - ${quantity}`, updatedAt: now })
    .where(
      and(
        eq(inventory.id, itemId),
        sql`(${inventory.quantity} IS NULL OR ${inventory.quantity} >= ${quantity})`,
        isExistingTicket(ticketId),
        sql`(${held(sql`AND held.inventory_id = ${itemId}`)}) = 0`,
        sql`(${held(sql``)}) < ${MAX_TICKET_PARTS}`,
      ),
    )
}

/** Right after `takeStock`: notes the part with name and price of this moment, if stock was taken. */
export function insertPart(db: Database, { ticketId, itemId, quantity }: Taking) {
  // Every column of the table, in its order.
  return db.insert(serviceInventory).select(sql`
    SELECT ${ticketId}, id, name, price_cents, ${quantity} FROM ${inventory}
    WHERE id = ${itemId} AND ${previousChangedOne}`)
}

/** Gives back what a ticket has of an item, if the item is still there and counted; `deletePart` follows. */
export function giveStockBack(db: Database, ticketId: number, itemId: number, now: number) {
  const held = sql`FROM ${serviceInventory} AS held WHERE held.ticket_id = ${ticketId} AND held.inventory_id = ${itemId}`
  return db
    .update(inventory)
    .set({ quantity: sql`${inventory.quantity} + (SELECT held.quantity ${held})`, updatedAt: now })
    .where(and(eq(inventory.id, itemId), isNotNull(inventory.quantity), sql`EXISTS (SELECT 1 ${held})`))
}

export function deletePart(db: Database, ticketId: number, itemId: number) {
  return db
    .delete(serviceInventory)
    .where(and(eq(serviceInventory.ticketId, ticketId), eq(serviceInventory.inventoryId, itemId)))
}

/** What a ticket has of an item, under the name of its time. */
export function findPart(db: Database, ticketId: number, itemId: number) {
  return db
    .select({ name: serviceInventory.name })
    .from(serviceInventory)
    .where(and(eq(serviceInventory.ticketId, ticketId), eq(serviceInventory.inventoryId, itemId)))
}

/** Gives back all parts of a ticket that is about to be deleted, unless the work is done: then they are used up. */
export function giveAllStockBack(db: Database, ticketId: number, now: number) {
  return db
    .update(inventory)
    .set({
      quantity: sql`${inventory.quantity} + (
        SELECT held.quantity FROM ${serviceInventory} AS held
        WHERE held.ticket_id = ${ticketId} AND held.inventory_id = ${inventory}.id)`,
      updatedAt: now,
    })
    .where(
      and(
        isNotNull(inventory.quantity),
        sql`${inventory.id} IN (
          SELECT held.inventory_id FROM ${serviceInventory} AS held
          JOIN ${serviceTickets} AS t ON t.id = held.ticket_id
          WHERE held.ticket_id = ${ticketId} AND t.status <> 'completed')`,
      ),
    )
}
