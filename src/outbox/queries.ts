/** The rows of the outbox. Sending one begins with `leaseMessage`: of many at once, one gets it. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import type { SealedMessage } from './seal.ts'
import { outboxMessages } from './tables.ts'

/** Inserts a message if a condition holds at this place of the batch. */
export function insertOutboxMessage(db: Database, message: SealedMessage, when: SQL = sql`true`) {
  const { id, channel, template, accountId, sealed, keyId, createdAt, expiresAt } = message
  // Every column of the table, in its order; the first is the row number, which SQLite gives.
  return db.insert(outboxMessages).select(sql`
    SELECT NULL, ${id}, ${channel}, ${template}, ${accountId}, ${sealed}, ${keyId}, 'queued', 0, ${createdAt}, 0,
      ${createdAt}, ${expiresAt}, NULL
    WHERE ${when}`)
}

/**
 * Takes a message that is due for sending, and counts the attempt. Nobody else gets it until `leasedUntil`; if nothing
 * is heard of this attempt, the next one is at `retryAt` of what is counted then. Times in unix seconds.
 */
export function leaseMessage(db: Database, id: string, now: number, leasedUntil: number) {
  return db
    .update(outboxMessages)
    .set({ leasedUntil, attempts: sql`${outboxMessages.attempts} + 1` })
    .where(and(eq(outboxMessages.id, id), isDue(now)))
    .returning()
}

/** Waiting, of use, its time has come, and nobody is at it. */
function isDue(now: number): SQL {
  return sql`${outboxMessages.status} = 'queued' AND ${outboxMessages.nextAttemptAt} <= ${now}
    AND ${outboxMessages.leasedUntil} <= ${now} AND ${outboxMessages.expiresAt} > ${now}`
}
