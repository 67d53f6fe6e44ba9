import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const apiTokens = sqliteTable('api_tokens', {
  id: text().primaryKey(),
  accountId: integer('account_id').notNull(),
  /** SHA-256 of the token, without its checksum. */
  tokenHash: text('token_hash').notNull(),
  /** What its owner calls it. */
  name: text().notNull(),
  /** JSON: a list of permissions. */
  scopes: text().notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
  lastUsedAt: integer('last_used_at'),
})
