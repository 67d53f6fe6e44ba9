import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Template } from './templates.ts'

export const CHANNELS = ['mail', 'sms'] as const
export type Channel = (typeof CHANNELS)[number]

export const MESSAGE_STATUSES = ['queued', 'sent', 'failed'] as const

export const outboxMessages = sqliteTable('outbox_messages', {
  number: integer().primaryKey({ autoIncrement: true }),
  id: text().notNull(),
  channel: text({ enum: CHANNELS }).notNull(),
  template: text().$type<Template>().notNull(),
  accountId: integer('account_id'),
  /** Recipient and values in a box; null once the message has been sent or has expired. */
  sealed: text(),
  /** Of the box. */
  keyId: text('key_id'),
  status: text({ enum: MESSAGE_STATUSES }).notNull(),
  attempts: integer().notNull(),
  nextAttemptAt: integer('next_attempt_at').notNull(),
  /** 0: nobody is sending it. */
  leasedUntil: integer('leased_until').notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
  sentAt: integer('sent_at'),
})
