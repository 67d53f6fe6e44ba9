import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { ROLES } from '../access/roles.ts'

export const ACCOUNT_STATUSES = ['active', 'suspended'] as const

export const accounts = sqliteTable('accounts', {
  id: integer().primaryKey({ autoIncrement: true }),
  role: text({ enum: ROLES }).notNull(),
  status: text({ enum: ACCOUNT_STATUSES }).notNull(),
  email: text().notNull(),
  emailCanonical: text('email_canonical').notNull(),
  emailVerifiedAt: integer('email_verified_at'),
  firstName: text('first_name').notNull(),
  lastName: text('last_name').notNull(),
  phoneNumber: text('phone_number'),
  passwordHash: text('password_hash'),
  passwordChangedAt: integer('password_changed_at'),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  /** The last address that was verified, as long as `email` is not. */
  verifiedEmail: text('verified_email'),
})
