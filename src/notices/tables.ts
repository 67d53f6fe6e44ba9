import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** What a link of a mail does. */
export const LINK_PURPOSES = ['verify', 'undo', 'not_me'] as const
export type LinkPurpose = (typeof LINK_PURPOSES)[number]

export const mailLinks = sqliteTable('mail_links', {
  /** The order in which they were made. */
  number: integer().primaryKey(),
  /** SHA-256. */
  tokenHash: text('token_hash').notNull(),
  accountId: integer('account_id').notNull(),
  purpose: text({ enum: LINK_PURPOSES }).notNull(),
  /** The address that it confirms or brings back; null for `not_me`. */
  email: text(),
  emailCanonical: text('email_canonical'),
  /** `undo`: since when an address that took the old one's place has been verified. A trigger writes it. */
  verifiedAt: integer('verified_at'),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})
