import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const inventory = sqliteTable('inventory', {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull(),
  priceCents: integer('price_cents').notNull(),
  /** Null where it is not counted. */
  quantity: integer(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
})
