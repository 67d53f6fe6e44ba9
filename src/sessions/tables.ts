import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const sessions = sqliteTable('sessions', {
  id: text().primaryKey(),
  accountId: integer('account_id').notNull(),
  createdAt: integer('created_at').notNull(),
  /** When the person last proved who they are, by all factors; freshness is measured from here. 0: not yet. */
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
  /** Null when it was opened before devices were known. */
  deviceId: text('device_id'),
})

export const devices = sqliteTable('devices', {
  id: text().primaryKey(),
  accountId: integer('account_id').notNull(),
  /** SHA-256, of the newest token and of the one before; null when the device is no longer known. */
  tokenHash: text('token_hash'),
  previousTokenHash: text('previous_token_hash'),
  /** What its owner calls it. */
  name: text(),
  browser: text(),
  os: text(),
  address: text(),
  country: text(),
  city: text(),
  network: text(),
  firstSeenAt: integer('first_seen_at').notNull(),
  /** The last sign-in. */
  lastSeenAt: integer('last_seen_at').notNull(),
  /** Until when a sign-in from here is not asked for the second factor. */
  trustedUntil: integer('trusted_until'),
})

export const accountCountries = sqliteTable('account_countries', {
  accountId: integer('account_id').notNull(),
  country: text().notNull(),
  firstSeenAt: integer('first_seen_at').notNull(),
})
