import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const sessions = sqliteTable('sessions', {
  id: text().primaryKey(),
  accountId: integer('account_id').notNull(),
  createdAt: integer('created_at').notNull(),
  /** When the person last proved who they are; freshness is measured from here. */
  authenticatedAt: integer('authenticated_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
  /** How often it was refreshed; only the refresh token with this counter and key counts. */
  refreshCounter: integer('refresh_counter').notNull(),
  refreshKeyId: text('refresh_key_id'),
  rotatedAt: integer('rotated_at'),
  /** SHA-256 of the user agent that refreshed last. */
  rotatedBy: text('rotated_by'),
  lastSeenAt: integer('last_seen_at'),
  /** Where it was opened. */
  address: text(),
  userAgent: text('user_agent'),
  country: text(),
  city: text(),
  /** JSON. */
  methods: text().notNull(),
})
