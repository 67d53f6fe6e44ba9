/** Codes that were sent by SMS, and how many SMS were asked for. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import { SMS_CODE_SECONDS } from './sms-code.ts'
import { smsCodes, smsSends } from './tables.ts'

interface NewCode {
  readonly use: string
  readonly factorId: string
  readonly mac: string
}

/** Stores a code in the place of the one before for the same use, under a condition. */
export function insertSmsCode(db: Database, { use, factorId, mac }: NewCode, now: number, when: SQL) {
  const row = { factorId, mac, createdAt: now, expiresAt: now + SMS_CODE_SECONDS }
  // Every column of the table, in its order.
  return db
    .insert(smsCodes)
    .select(sql`SELECT ${use}, ${factorId}, ${mac}, ${row.createdAt}, ${row.expiresAt} WHERE ${when}`)
    .onConflictDoUpdate({ target: smsCodes.use, set: row })
}

/** The code that was last sent for this use and is still good. */
export function findSmsCode(db: Database, use: string, now: number) {
  const { factorId, mac } = smsCodes
  return db
    .select({ use: smsCodes.use, factorId, mac })
    .from(smsCodes)
    .where(and(eq(smsCodes.use, use), sql`${smsCodes.expiresAt} > ${now}`))
}

export type StoredSmsCode = Awaited<ReturnType<typeof findSmsCode>>[number]

/** The code has been neither used nor replaced, and its factor is still there. */
export function isSmsCodeUnused({ use, mac }: StoredSmsCode): SQL {
  return sql`EXISTS (SELECT 1 FROM ${smsCodes} AS sent WHERE sent.use = ${use} AND sent.mac = ${mac})`
}

/** Uses a code up, under a condition. */
export function deleteSmsCode(db: Database, { use, mac }: StoredSmsCode, when: SQL) {
  return db.delete(smsCodes).where(and(eq(smsCodes.use, use), eq(smsCodes.mac, mac), when))
}

/** A send, and what it must not be one too many of. */
export interface Send {
  readonly messageId: string
  readonly numberMac: string
  readonly accountId: number
  /** Unix seconds. */
  readonly now: number
  readonly perHour: number
  readonly perDay: number
}

const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

/** When the day begins, which is one of UTC: it fills up once and is announced once. */
const dayOf = (now: number) => now - (now % DAY_SECONDS)

const toNumber = ({ numberMac, now }: Send) =>
  sql`FROM ${smsSends} AS near WHERE near.number_mac = ${numberMac} AND near.written_at > ${now - HOUR_SECONDS}`
const ofAccount = ({ accountId, now }: Send) =>
  sql`FROM ${smsSends} AS own WHERE own.account_id = ${accountId} AND own.written_at > ${now - HOUR_SECONDS}`
const ofDay = ({ now }: Send) =>
  sql`(SELECT count(*) FROM ${smsSends} AS any WHERE any.written_at >= ${dayOf(now)})`

/** Counts an SMS if it is none too many, under a condition. */
export function insertSend(db: Database, send: Send, when: SQL) {
  const { messageId, numberMac, accountId, now, perHour, perDay } = send
  // Every column of the table, in its order.
  return db
    .insert(smsSends)
    .select(sql`
      SELECT ${messageId}, ${numberMac}, ${accountId}, ${now}
      WHERE (SELECT count(*) ${toNumber(send)}) < ${perHour} AND (SELECT count(*) ${ofAccount(send)}) < ${perHour}
        AND ${ofDay(send)} < ${perDay} AND ${when}`)
    .returning({ messageId: smsSends.messageId })
}

/** The last SMS of the day has been asked for. */
export function isDayFull(send: Send): SQL {
  return sql`${ofDay(send)} = ${send.perDay}`
}

/** What stands before a send. Times in unix seconds, of the oldest that counts. */
export function findSends(db: Database, send: Send) {
  return db
    .select({
      number: sql<number>`(SELECT count(*) ${toNumber(send)})`.as('of_number'),
      numberSince: sql<number | null>`(SELECT min(near.written_at) ${toNumber(send)})`.as('number_since'),
      account: sql<number>`(SELECT count(*) ${ofAccount(send)})`.as('of_account'),
      accountSince: sql<number | null>`(SELECT min(own.written_at) ${ofAccount(send)})`.as('account_since'),
      day: sql<number>`${ofDay(send)}`.as('of_day'),
    })
    .from(sql`(SELECT 1) AS asked`)
}

export type Sends = Awaited<ReturnType<typeof findSends>>[number]

/** How long until one more is allowed to this number and of this account; 0 is now. In seconds. */
export function waitForHour(
  { number, numberSince, account, accountSince }: Sends,
  { now, perHour }: Send,
): number {
  const until = [number >= perHour ? numberSince : null, account >= perHour ? accountSince : null]
  return Math.max(0, ...until.map((since) => (since === null ? 0 : since + HOUR_SECONDS - now)))
}

/** How long until the next day, in seconds. */
export function waitForDay(now: number): number {
  return dayOf(now) + DAY_SECONDS - now
}

export function deleteExpiredSmsCodes(db: Database, now: number, limit: number) {
  return db
    .delete(smsCodes)
    .where(sql`${smsCodes.use} IN (SELECT use FROM ${smsCodes} WHERE expires_at <= ${now} LIMIT ${limit})`)
}

/** Removes sends that neither an hour nor a day counts any more. */
export function deleteOldSends(db: Database, now: number, limit: number) {
  return db.delete(smsSends).where(sql`${smsSends.messageId} IN (
    SELECT message_id FROM ${smsSends} WHERE written_at <= ${now - DAY_SECONDS} LIMIT ${limit})`)
}
