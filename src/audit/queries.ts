/**
 * Writing the audit log. A row is signed before its insert, over all that it says and a random event
 * id, and is inserted in the batch of the change that it describes.
 */
import { and, desc, eq, gt, gte, inArray, lt, lte, type SQL, sql } from 'drizzle-orm'
import { hmacSha256 } from '../crypto/digest.ts'
import { base64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { randomId } from '../crypto/random.ts'
import type { Database } from '../platform/database.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import type { AuditEventName, AuditFacts } from './events.ts'
import { auditEvents, auditRepeats, OPERATOR_EVENTS, operatorActions } from './tables.ts'

export interface SignedAuditEvent {
  readonly eventId: string
  readonly occurredAt: number
  readonly event: AuditEventName
  readonly outcome: AuditFacts['outcome']
  readonly reason: string | null
  readonly actorId: number | null
  readonly subjectId: number | null
  readonly sessionId: string | null
  readonly address: string | null
  readonly userAgent: string | null
  readonly requestId: string | null
  /** JSON. */
  readonly details: string
  readonly groupKey: string | null
  readonly keyId: string
  readonly mac: string
}

type Origin = Pick<RequestFacts, 'now'> & Partial<RequestFacts>

/** Makes the row of an event, with its MAC under the newest data key. */
export async function signAuditEvent<Name extends AuditEventName>(
  keyring: Keyring,
  origin: Origin,
  facts: AuditFacts<Name>,
): Promise<SignedAuditEvent> {
  const row = {
    eventId: randomId(),
    occurredAt: origin.now,
    event: facts.event,
    outcome: facts.outcome,
    reason: facts.reason ?? null,
    actorId: facts.actorId ?? null,
    subjectId: facts.subjectId ?? null,
    sessionId: facts.sessionId ?? null,
    address: origin.address ?? null,
    userAgent: origin.userAgent ?? null,
    requestId: origin.requestId ?? null,
    details: JSON.stringify(facts.details),
    groupKey: facts.groupKey ?? null,
    keyId: keyring.newest.id,
  }
  const mac = await hmacSha256(keyring.newest.hmac, utf8(canonicalContent(row)))
  return { ...row, mac: base64url(mac) }
}

/** What the MAC covers: every column but the row number and the MAC itself, in one fixed order. */
export function canonicalContent(row: Omit<SignedAuditEvent, 'mac'>): string {
  return JSON.stringify([
    'audit-v1',
    row.eventId,
    row.occurredAt,
    row.event,
    row.outcome,
    row.reason,
    row.actorId,
    row.subjectId,
    row.sessionId,
    row.address,
    row.userAgent,
    row.requestId,
    row.details,
    row.groupKey,
    row.keyId,
  ])
}

/** Inserts a signed row; with `when`, only if that condition holds at this place of the batch. */
export function insertAuditEvent(db: Database, row: SignedAuditEvent, when: SQL = sql`true`) {
  // Every column of the table, in its order; the first is the row number, which SQLite gives.
  return db.insert(auditEvents).select(sql`
    SELECT NULL, ${row.eventId}, ${row.occurredAt}, ${row.event}, ${row.outcome}, ${row.reason},
      ${row.actorId}, ${row.subjectId}, ${row.sessionId}, ${row.address}, ${row.userAgent},
      ${row.requestId}, ${row.details}, ${row.groupKey}, ${row.keyId}, ${row.mac}
    WHERE ${when}`)
}

/** Inserts a grouped row unless its group has one already. */
export function insertGroupedAuditEvent(db: Database, row: SignedAuditEvent) {
  const isFirst = sql`NOT EXISTS (SELECT 1 FROM ${auditEvents} WHERE group_key = ${row.groupKey})`
  return insertAuditEvent(db, row, isFirst)
}

/** The event has been written: what belongs to the same change may follow in the batch. */
export function isRecorded({ eventId }: SignedAuditEvent): SQL {
  return sql`EXISTS (SELECT 1 FROM ${auditEvents} AS written WHERE written.event_id = ${eventId})`
}

/** Counts further events of a group. */
export function countAuditRepeat(db: Database, groupKey: string, now: number, times: number) {
  return db
    .insert(auditRepeats)
    .values({ groupKey, count: times, lastAt: now })
    .onConflictDoUpdate({
      target: auditRepeats.groupKey,
      set: { count: sql`${auditRepeats.count} + ${times}`, lastAt: now },
    })
}

export interface AuditFilter {
  readonly actorId: number | undefined
  readonly subjectId: number | undefined
  readonly event: string | undefined
  readonly outcome: AuditFacts['outcome'] | undefined
  /** Unix seconds: from this moment on. */
  readonly since: number | undefined
  /** Unix seconds: before this moment. */
  readonly until: number | undefined
}

/** A row as people read it, with how often its group happened; 0 for an event without a group. */
function selectAuditEvents(db: Database, filter: AuditFilter, ids: SQL | undefined) {
  const { id, occurredAt, event, outcome, reason, actorId, subjectId, sessionId } = auditEvents
  const { address, userAgent, requestId, details } = auditEvents
  const who = { actorId, subjectId, sessionId, address, userAgent, requestId, details }
  const repeats = sql<number>`coalesce(${auditRepeats.count}, 0)`.as('repeats')
  return db
    .select({ id, occurredAt, event, outcome, reason, ...who, repeats })
    .from(auditEvents)
    .leftJoin(auditRepeats, eq(auditRepeats.groupKey, auditEvents.groupKey))
    .where(
      and(
        ids,
        filter.actorId === undefined ? undefined : eq(actorId, filter.actorId),
        filter.subjectId === undefined ? undefined : eq(subjectId, filter.subjectId),
        filter.event === undefined ? undefined : sql`${event} = ${filter.event}`,
        filter.outcome === undefined ? undefined : eq(outcome, filter.outcome),
        // No index has the times: it would cost every change a write, and rows are nearly in their order.
        filter.since === undefined ? undefined : gte(occurredAt, filter.since),
        filter.until === undefined ? undefined : lt(occurredAt, filter.until),
      ),
    )
}

/** Newest first; with `beforeId` only rows with a smaller id. */
export function listAuditEvents(
  db: Database,
  filter: AuditFilter,
  beforeId: number | undefined,
  limit: number,
) {
  const ids = beforeId === undefined ? undefined : lt(auditEvents.id, beforeId)
  return selectAuditEvents(db, filter, ids).orderBy(desc(auditEvents.id)).limit(limit)
}

/** Oldest first: the rows behind `afterId` up to `throughId`. */
export function listAuditEventsBetween(
  db: Database,
  filter: AuditFilter,
  ids: { readonly afterId: number; readonly throughId: number },
  limit: number,
) {
  const between = and(gt(auditEvents.id, ids.afterId), lte(auditEvents.id, ids.throughId))
  return selectAuditEvents(db, filter, between).orderBy(auditEvents.id).limit(limit)
}

/** The last row number given; it outlives the row. */
export function findLastGivenId(db: Database) {
  return db.all<{ seq: number }>(sql`SELECT seq FROM sqlite_sequence WHERE name = 'audit_events'`)
}

/** Smaller than every number of a row or seal, also than those below -2^53 that somebody could choose by hand to hide. */
export const BEFORE_EVERY_ID = -Number.MAX_VALUE

/** Whole rows, as their MAC covers them, in the order of their ids. */
export function listStoredEventsAfter(db: Database, id: number, limit: number) {
  return db.select().from(auditEvents).where(gt(auditEvents.id, id)).orderBy(auditEvents.id).limit(limit)
}

/** The oldest notes of events that an operator may note. */
export function listOperatorActions(db: Database, limit: number) {
  return db
    .select()
    .from(operatorActions)
    .where(inArray(operatorActions.event, OPERATOR_EVENTS))
    .orderBy(operatorActions.id)
    .limit(limit)
}

/** Removes one operator action; the row's audit event follows in the batch if this changed one row. */
export function deleteOperatorAction(db: Database, id: number) {
  return db.delete(operatorActions).where(sql`${operatorActions.id} = ${id}`)
}

export function deleteOldAuditRepeats(db: Database, before: number, limit: number) {
  return db
    .delete(auditRepeats)
    .where(
      sql`${auditRepeats.groupKey} IN (SELECT group_key FROM ${auditRepeats} WHERE last_at < ${before} LIMIT ${limit})`,
    )
}
