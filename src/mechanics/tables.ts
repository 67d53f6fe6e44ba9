import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const mechanics = sqliteTable('mechanics', {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull(),
  email: text().notNull(),
  emailCanonical: text('email_canonical').notNull(),
  phone: text(),
  salaryCents: integer('salary_cents'),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  /** Of the mechanic who signs in; null for whoever does not. */
  accountId: integer('account_id'),
})
