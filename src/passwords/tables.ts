import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const linkTokens = sqliteTable('link_tokens', {
  tokenHash: text('token_hash').primaryKey(),
  accountId: integer('account_id').notNull(),
  purpose: text({ enum: ['password_reset'] }).notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})
