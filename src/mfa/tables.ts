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

export const smsCodes = sqliteTable('sms_codes', {
  /** What it was asked for, as `sms-code.ts` says. */
  use: text().primaryKey(),
  factorId: text('factor_id').notNull(),
  mac: text().notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})

export const smsSends = sqliteTable('sms_sends', {
  messageId: text('message_id').primaryKey(),
  numberMac: text('number_mac').notNull(),
  /** Null once the account has gone. */
  accountId: integer('account_id'),
  writtenAt: integer('written_at').notNull(),
})
