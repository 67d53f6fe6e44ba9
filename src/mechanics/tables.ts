import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const mechanics = sqliteTable('mechanics', {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull(),
})
