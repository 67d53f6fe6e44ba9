/** The rows of the outbox. Sending one begins with `leaseMessage`: of many at once, one gets it. */
import { and, desc, eq, inArray, isNull, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import type { SealedMessage } from './seal.ts'
import { type Channel, outboxMessages } from './tables.ts'
import { LINK_TEMPLATES, type LinkTemplate, type Template } from './templates.ts'

/** Inserts a message if a condition holds at this place of the batch. */
export function insertOutboxMessage(db: Database, message: SealedMessage, when: SQL = sql`true`) {
  const { id, channel, template, accountId, sealed, keyId, createdAt, expiresAt } = message
  // Every column of the table, in its order; the first is the row number, which SQLite gives.
  return db.insert(outboxMessages).select(sql`
    SELECT NULL, ${id}, ${channel}, ${template}, ${accountId}, ${sealed}, ${keyId}, 'queued', 0, ${createdAt}, 0,
      ${createdAt}, ${expiresAt}, NULL
    WHERE ${when}`)
}

/** Fewer than `max` messages of this template were written for the account since a moment, in unix seconds. */
export function hasFewMessages(accountId: number, template: Template, since: number, max: number): SQL {
  return sql`(SELECT count(*) FROM ${outboxMessages} AS written WHERE written.account_id = ${accountId}
    AND written.template = ${template} AND written.created_at > ${since}) < ${max}`
}

/**
 * Takes a message of one of these channels that is due, for sending, and counts the attempt: no row if it is not due,
 * or somebody else is at it. Nobody else gets it until `leasedUntil`. Times in unix seconds.
 */
export function leaseMessage(
  db: Database,
  id: string,
  channels: readonly Channel[],
  now: number,
  leasedUntil: number,
) {
  return db
    .update(outboxMessages)
    .set({ leasedUntil, attempts: sql`${outboxMessages.attempts} + 1` })
    .where(and(eq(outboxMessages.id, id), inArray(outboxMessages.channel, channels), isDue(now)))
    .returning()
}

/** Its time has come. The status in words and not as a parameter, so that the index of those that wait can answer. */
function isWaiting(now: number): SQL {
  return sql`${outboxMessages.status} = 'queued' AND ${outboxMessages.nextAttemptAt} <= ${now}`
}

/** Waiting, of use, and nobody is at it. */
function isDue(now: number): SQL {
  return sql`${isWaiting(now)} AND ${outboxMessages.leasedUntil} <= ${now} AND ${outboxMessages.expiresAt} > ${now}`
}

/** Those that can be sent now, the longest due first. */
export function listDueMessages(db: Database, channel: Channel, now: number, limit: number) {
  return db
    .select({ id: outboxMessages.id })
    .from(outboxMessages)
    .where(and(isDue(now), eq(outboxMessages.channel, channel)))
    .orderBy(outboxMessages.nextAttemptAt)
    .limit(limit)
}

/** Writes that a message has been sent, and wipes what it said. Also one that was given up while it was sent. */
export function markMessageSent(db: Database, id: string, now: number) {
  return db
    .update(outboxMessages)
    .set({ status: 'sent', sentAt: now, sealed: null, keyId: null, leasedUntil: 0 })
    .where(eq(outboxMessages.id, id))
}

/**
 * Writes that an attempt has failed, unless a later one has begun meanwhile. A message that expires before its next
 * attempt is looked at again when it does.
 */
export function postponeMessage(db: Database, id: string, attempts: number, nextAttemptAt: number) {
  return db
    .update(outboxMessages)
    .set({ nextAttemptAt: sql`min(${nextAttemptAt}, ${outboxMessages.expiresAt})`, leasedUntil: 0 })
    .where(isAttempt(id, attempts))
}

/** Gives a message up that still waits after so many attempts; what it says stays until it expires, for a resend. */
export function giveMessageUp(db: Database, id: string, attempts: number) {
  return db.update(outboxMessages).set({ status: 'failed', leasedUntil: 0 }).where(isAttempt(id, attempts))
}

function isAttempt(id: string, attempts: number) {
  const { id: column, attempts: counted, status } = outboxMessages
  return and(eq(column, id), eq(counted, attempts), eq(status, 'queued'))
}

/** Those that wait in vain: expired, or out of attempts by one of which nothing more was heard. */
export function listHopelessMessages(db: Database, maxAttempts: number, now: number, limit: number) {
  const { id, template, attempts, accountId, leasedUntil, expiresAt } = outboxMessages
  return db
    .select({ id, template, attempts, accountId })
    .from(outboxMessages)
    .where(
      and(
        isWaiting(now),
        lte(leasedUntil, now),
        sql`(${expiresAt} <= ${now} OR ${attempts} >= ${maxAttempts})`,
      ),
    )
    .limit(limit)
}

/** By then the first attempt has begun, unless nothing can be sent; a mail that is about to leave is left alone. */
const FIRST_ATTEMPT_SECONDS = 60

/**
 * Ends the waiting of an account's mails under a condition, because their links have stopped counting: whoever opened the
 * mail that arrives last would find a dead link. They count as expired, so nobody sends them again.
 */
export function withdrawLinkMails(
  db: Database,
  accountId: number,
  templates: readonly LinkTemplate[],
  now: number,
  when: SQL,
) {
  const { accountId: owner, template, status, attempts, leasedUntil, createdAt } = outboxMessages
  return db
    .update(outboxMessages)
    .set(withdrawn(now))
    .where(
      and(
        eq(owner, accountId),
        inArray(template, templates),
        sql`${status} <> 'sent' AND ${leasedUntil} <= ${now}
          AND (${attempts} > 0 OR ${createdAt} <= ${now - FIRST_ATTEMPT_SECONDS})`,
        when,
      ),
    )
}

/** Withdraws the mails whose links have gone with their account; say it behind the deletion. */
export function withdrawOrphanedLinkMails(db: Database, now: number) {
  const { accountId, template, status, leasedUntil } = outboxMessages
  return db
    .update(outboxMessages)
    .set(withdrawn(now))
    .where(
      and(
        isNull(accountId),
        inArray(template, LINK_TEMPLATES),
        sql`${status} <> 'sent' AND ${leasedUntil} <= ${now}`,
      ),
    )
}

function withdrawn(now: number) {
  return { status: 'failed', sealed: null, keyId: null, expiresAt: now } as const
}

/** Wipes what messages say that have expired, whether or not they have been given up yet. */
export function wipeExpiredMessages(db: Database, now: number, limit: number) {
  return db
    .update(outboxMessages)
    .set({ sealed: null, keyId: null })
    .where(
      sql`${outboxMessages.number} IN (SELECT number FROM ${outboxMessages}
        WHERE sealed IS NOT NULL AND expires_at <= ${now} LIMIT ${limit})`,
    )
}

/** Removes messages that are done with. */
export function deleteOldMessages(db: Database, before: number, limit: number) {
  return db.delete(outboxMessages).where(
    sql`${outboxMessages.number} IN (SELECT number FROM ${outboxMessages}
        WHERE created_at < ${before} AND status <> 'queued' LIMIT ${limit})`,
  )
}

/**
 * Puts a message that has not been sent back to the beginning, if it has not expired and nobody is at it.
 */
export function requeueMessage(db: Database, id: string, now: number) {
  const { status, leasedUntil, expiresAt } = outboxMessages
  return db
    .update(outboxMessages)
    .set({ status: 'queued', attempts: 0, nextAttemptAt: now })
    .where(
      and(
        eq(outboxMessages.id, id),
        sql`${status} <> 'sent' AND ${leasedUntil} <= ${now} AND ${expiresAt} > ${now}`,
      ),
    )
    .returning(listedColumns)
}

/** What an answer about a message is made of: nothing of what it says, nor to whom. */
const listedColumns = {
  number: outboxMessages.number,
  id: outboxMessages.id,
  channel: outboxMessages.channel,
  template: outboxMessages.template,
  accountId: outboxMessages.accountId,
  status: outboxMessages.status,
  attempts: outboxMessages.attempts,
  nextAttemptAt: outboxMessages.nextAttemptAt,
  createdAt: outboxMessages.createdAt,
  expiresAt: outboxMessages.expiresAt,
  sentAt: outboxMessages.sentAt,
}

export type ListedMessage = Awaited<ReturnType<typeof listMessages>>[number]

/** Newest first; with `beforeNumber` only rows before that one. */
export function listMessages(
  db: Database,
  filter: { readonly status: ListedStatus | undefined; readonly accountId: number | undefined },
  beforeNumber: number | undefined,
  limit: number,
) {
  const { number, status, accountId } = outboxMessages
  return db
    .select(listedColumns)
    .from(outboxMessages)
    .where(
      and(
        beforeNumber === undefined ? undefined : lt(number, beforeNumber),
        filter.status === undefined ? undefined : eq(status, filter.status),
        filter.accountId === undefined ? undefined : eq(accountId, filter.accountId),
      ),
    )
    .orderBy(desc(number))
    .limit(limit)
}

type ListedStatus = (typeof outboxMessages.$inferSelect)['status']

export function findMessage(db: Database, id: string) {
  return db.select(listedColumns).from(outboxMessages).where(eq(outboxMessages.id, id))
}

/** How many messages of each channel could be sent, were it configured; none, no row. */
export function countWaiting(db: Database, now: number) {
  const { channel } = outboxMessages
  return db
    .select({ channel, count: sql<number>`count(*)`.as('waiting') })
    .from(outboxMessages)
    .where(isDue(now))
    .groupBy(channel)
}
