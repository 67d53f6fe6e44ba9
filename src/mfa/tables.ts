import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** Kinds of factors that an account can have. */
export const FACTOR_METHODS = ['totp', 'sms'] as const

export const factors = sqliteTable('factors', {
  id: text().primaryKey(),
  accountId: integer('account_id').notNull(),
  method: text({ enum: FACTOR_METHODS }).notNull(),
  /** A box of `crypto/secret-box.ts`. */
  secret: text().notNull(),
  createdAt: integer('created_at').notNull(),
  /** Null while it is only on offer. */
  confirmedAt: integer('confirmed_at'),
  /** TOTP: the last step of which a code was used. */
  lastStep: integer('last_step'),
})

export const recoveryCodes = sqliteTable('recovery_codes', {
  accountId: integer('account_id').notNull(),
  codeHash: text('code_hash').notNull(),
  createdAt: integer('created_at').notNull(),
})

export const mfaChallenges = sqliteTable('mfa_challenges', {
  tokenHash: text('token_hash').primaryKey(),
  accountId: integer('account_id').notNull(),
  /** JSON: what has been proved. */
  methods: text().notNull(),
  deviceId: text('device_id'),
  failures: integer().notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})
