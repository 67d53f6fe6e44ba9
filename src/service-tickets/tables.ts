import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { TICKET_STATUSES } from './status.ts'

export const serviceTickets = sqliteTable('service_tickets', {
  id: integer().primaryKey({ autoIncrement: true }),
  customerId: integer('customer_id'),
  description: text().notNull(),
  /** Unix seconds; `service_date` on the wire. */
  serviceAt: integer('service_at').notNull(),
  status: text({ enum: TICKET_STATUSES }).notNull(),
  vin: text(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
})

export const serviceMechanics = sqliteTable('service_mechanics', {
  ticketId: integer('ticket_id').notNull(),
  mechanicId: integer('mechanic_id').notNull(),
})

export const serviceInventory = sqliteTable('service_inventory', {
  ticketId: integer('ticket_id').notNull(),
  /** Refers to nothing: the part stays when the item goes. */
  inventoryId: integer('inventory_id').notNull(),
  /** As it was when the part was taken, and so is the price. */
  name: text().notNull(),
  priceCents: integer('price_cents').notNull(),
  quantity: integer().notNull(),
})
