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
