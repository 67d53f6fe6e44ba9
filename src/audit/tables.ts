import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { AuditEventName } from './events.ts'

export const auditEvents = sqliteTable('audit_events', {
  id: integer().primaryKey({ autoIncrement: true }),
  eventId: text('event_id').notNull(),
  occurredAt: integer('occurred_at').notNull(),
  event: text().$type<AuditEventName>().notNull(),
  outcome: text({ enum: ['success', 'failure', 'refused'] }).notNull(),
  reason: text(),
  actorId: integer('actor_id'),
  subjectId: integer('subject_id'),
  sessionId: text('session_id'),
  address: text(),
  userAgent: text('user_agent'),
  requestId: text('request_id'),
  details: text().notNull(),
  groupKey: text('group_key'),
  keyId: text('key_id').notNull(),
  mac: text().notNull(),
})

export const auditSeals = sqliteTable('audit_seals', {
  fromId: integer('from_id').primaryKey(),
  throughId: integer('through_id').notNull(),
  rowCount: integer('row_count').notNull(),
  previousHead: text('previous_head').notNull(),
  head: text().notNull(),
  sealedAt: integer('sealed_at').notNull(),
  keyId: text('key_id').notNull(),
  mac: text().notNull(),
})

/** Where the log begins, once its oldest rows have gone. */
export const auditStubs = sqliteTable('audit_stubs', {
  throughId: integer('through_id').primaryKey(),
  /** Of the last seal that went. */
  head: text().notNull(),
  /** Since the log began. */
  removedRows: integer('removed_rows').notNull(),
  cutAt: integer('cut_at').notNull(),
  keyId: text('key_id').notNull(),
  mac: text().notNull(),
})

export const auditRepeats = sqliteTable('audit_repeats', {
  groupKey: text('group_key').primaryKey(),
  count: integer().notNull(),
  lastAt: integer('last_at').notNull(),
})

/** The events that the operator's command line may note; no other note is signed. */
export const OPERATOR_EVENTS = [
  'account.created',
  'account.reset_requested',
  'account.unlocked',
  'account.password_removed',
  'account.signed_out',
  'data.imported',
] as const

export const operatorActions = sqliteTable('operator_actions', {
  id: integer().primaryKey({ autoIncrement: true }),
  event: text({ enum: OPERATOR_EVENTS }).notNull(),
  /** Null where it concerns no single account. */
  accountId: integer('account_id'),
  /** JSON. */
  details: text(),
  createdAt: integer('created_at').notNull(),
})

export type StoredAuditEvent = typeof auditEvents.$inferSelect

export type AuditStub = typeof auditStubs.$inferSelect

export type AuditSeal = typeof auditSeals.$inferSelect
