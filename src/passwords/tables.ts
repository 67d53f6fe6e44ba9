import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** What a link is for; each of them sets a password. */
export const LINK_PURPOSES = ['password_reset', 'invitation'] as const

export const linkTokens = sqliteTable('link_tokens', {
  tokenHash: text('token_hash').primaryKey(),
  accountId: integer('account_id').notNull(),
  purpose: text({ enum: LINK_PURPOSES }).notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
  /** The address that it was sent to; null for one that the operator hands over. */
  emailCanonical: text('email_canonical'),
})
