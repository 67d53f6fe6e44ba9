import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const throttles = sqliteTable('throttles', {
  key: text().primaryKey(),
  /** Null for an address that belongs to no account. */
  accountId: integer('account_id'),
  failures: integer().notNull(),
  failedAt: integer('failed_at').notNull(),
})

export const throttleAttempts = sqliteTable('throttle_attempts', {
  id: text().primaryKey(),
  /** The limit and the client address; null where only the subject is counted. */
  address: text(),
  /** A key of `throttles`; null where only the address is counted. */
  subject: text(),
  takenAt: integer('taken_at').notNull(),
  /** 0 for a place that is open. */
  isCounted: integer('is_counted').notNull(),
})
