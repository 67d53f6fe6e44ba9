/**
 * Counting attempts. An attempt takes a place by one conditional insert, before any work; a failure makes
 * it count, a success takes it away, and whatever else happens leaves it to lapse.
 */
import { and, eq, inArray, ne, type SQL, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import type { Database } from '../platform/database.ts'
import { type FailureRule, PLACE_SECONDS, type WindowRule } from './policy.ts'
import { throttleAttempts, throttles } from './tables.ts'

export interface Attempt {
  readonly id: string
  /** A SELECT of one row: `key` of a throttle, `account_id`, and `device_id` of a known device; each may be null. */
  readonly subject: SQL
  readonly rule: FailureRule
  /** For a known device, whose address does not matter. */
  readonly deviceRule: FailureRule
  /** The limit and the client address; undefined where the subject alone is counted. */
  readonly near: { readonly address: string; readonly rule: WindowRule } | undefined
  /** Whether it counts against the address whatever comes of it. */
  readonly countsAlways: boolean
  /** Unix seconds, of this moment: a request that is held open must not make its place old. */
  readonly now: number
}

/** Takes a place if the subject and the address have one left; no row otherwise. */
export function insertAttempt(db: Database, attempt: Attempt) {
  const { id, subject, near, now, countsAlways } = attempt
  const address = sql`CASE WHEN who.device_id IS NULL THEN ${near?.address ?? null} END`
  const addressHasPlace = near
    ? sql`(who.device_id IS NOT NULL OR ${near.rule.limit} > (
        SELECT count(*) FROM ${throttleAttempts} AS near
        WHERE near.address = ${near.address} AND ${isStanding(near.rule, now)}))`
    : sql`true`
  // Every column of the table, in its order. The conditions are those of `policy.ts`.
  return db
    .insert(throttleAttempts)
    .select(sql`
      SELECT ${id}, ${address}, who.key, ${now}, ${countsAlways ? 1 : 0}
      FROM (${subject}) AS who LEFT JOIN ${throttles} AS past ON past.key = who.key
      WHERE (who.key IS NULL OR ${countOpen(now)} < ${countPlaces(attempt)}) AND ${addressHasPlace}`)
    .returning({ id: throttleAttempts.id })
}

/** The attempt was given its place. */
export function hasPlace(id: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${throttleAttempts} AS taken WHERE taken.id = ${id})`
}

/** How many places the subject has: what is left of the free attempts, then one after each wait. */
function countPlaces({ rule, deviceRule, now }: Attempt): SQL {
  const free = sql`CASE WHEN who.device_id IS NULL THEN ${rule.free} ELSE ${deviceRule.free} END`
  // D1 binds a number as a REAL, which is no place in a list.
  const nth = sql`CAST(min(past.failures - ${rule.free}, ${rule.waits.length - 1}) AS INTEGER)`
  const wait = sql`json_extract(${JSON.stringify(rule.waits)}, '$[' || ${nth} || ']')`
  return sql`CASE
    WHEN coalesce(past.failures, 0) < ${free} THEN ${free} - coalesce(past.failures, 0)
    WHEN who.device_id IS NULL AND past.failed_at + ${wait} <= ${now} THEN 1
    ELSE 0 END`
}

function countOpen(now: number): SQL {
  return sql`(SELECT count(*) FROM ${throttleAttempts} AS beside
    WHERE beside.subject = who.key AND beside.is_counted = 0 AND beside.taken_at > ${now - PLACE_SECONDS})`
}

/** An attempt at the address counts, or still has its place. */
function isStanding({ seconds }: WindowRule, now: number): SQL {
  return sql`near.taken_at > ${now - Math.max(seconds, PLACE_SECONDS)}
    AND near.taken_at > ${now} - CASE near.is_counted WHEN 1 THEN ${seconds} ELSE ${PLACE_SECONDS} END`
}

/** Who tries and what is counted so far. */
export function findTally(db: Database, { subject, near, now }: Attempt) {
  const nearby = sql`(SELECT coalesce(sum(is_counted), 0) AS counted, count(*) AS standing,
      coalesce(min(CASE is_counted WHEN 1 THEN taken_at END), 0) AS oldest_at
    FROM ${throttleAttempts} AS near
    WHERE near.address = ${near?.address ?? null} AND ${isStanding(near?.rule ?? NO_WINDOW, now)})`
  return db
    .select({
      key: sql<string | null>`who.key`.as('key'),
      accountId: sql<number | null>`who.account_id`.as('account_id'),
      deviceId: sql<string | null>`who.device_id`.as('device_id'),
      failures: sql<number>`coalesce(past.failures, 0)`.as('failures'),
      failedAt: sql<number>`coalesce(past.failed_at, 0)`.as('failed_at'),
      open: sql<number>`${countOpen(now)}`.as('open'),
      counted: sql<number>`nearby.counted`.as('counted'),
      standing: sql<number>`nearby.standing`.as('standing'),
      oldestAt: sql<number>`nearby.oldest_at`.as('oldest_at'),
    })
    .from(
      sql`(${subject}) AS who LEFT JOIN ${throttles} AS past ON past.key = who.key CROSS JOIN ${nearby} AS nearby`,
    )
}

const NO_WINDOW: WindowRule = { limit: 0, seconds: 0 }

export type Tally = Awaited<ReturnType<typeof findTally>>[number]

/** Makes a place count against its address. */
export function countAttempt(db: Database, id: string) {
  return db.update(throttleAttempts).set({ isCounted: 1 }).where(eq(throttleAttempts.id, id))
}

/** Gives a place back, under a condition. */
export function deleteAttempt(db: Database, id: string, when: SQL) {
  return db.delete(throttleAttempts).where(and(eq(throttleAttempts.id, id), when))
}

/** Counts one more failure in a row; nothing if the account has gone meanwhile. */
export function countFailure(db: Database, key: string, accountId: number | null, now: number) {
  const row =
    accountId === null
      ? sql`SELECT ${key}, NULL, 1, ${now} WHERE true`
      : sql`SELECT ${key}, id, 1, ${now} FROM ${accounts} WHERE id = ${accountId}`
  return db
    .insert(throttles)
    .select(row)
    .onConflictDoUpdate({
      target: throttles.key,
      set: { failures: sql`${throttles.failures} + 1`, failedAt: now },
    })
    .returning({ failures: throttles.failures })
}

/** So many failures stand under this key. */
export function hasFailures(key: string | SQL, comparison: '=' | '>=', failures: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${throttles} AS past
    WHERE past.key = ${key} AND past.failures ${sql.raw(comparison)} ${failures})`
}

/** Ends the counts under these keys, under a condition. */
export function deleteThrottles(db: Database, keys: string[], when: SQL) {
  return db.delete(throttles).where(and(inArray(throttles.key, keys), when))
}

/** Ends the counts of an account's password: it has a new one. Guesses at its second factor stay counted. */
export function deleteThrottlesOf(db: Database, accountId: number, when: SQL) {
  return db
    .delete(throttles)
    .where(and(eq(throttles.accountId, accountId), ne(throttles.key, factorKey(accountId)), when))
}

const FACTOR_PREFIX = 'account-factor:'

/** What guesses at the second factor of an account are counted under; like `account:`, no time ends it. */
export const factorKey = (accountId: number) => FACTOR_PREFIX + accountId

/** The same in SQL, of an account that a statement finds; NULL if it finds none. */
export const factorKeyOf = (accountId: SQL): SQL => sql`${FACTOR_PREFIX} || ${accountId}`

export function deleteOldAttempts(db: Database, before: number, limit: number) {
  return db
    .delete(throttleAttempts)
    .where(
      sql`${throttleAttempts.id} IN (SELECT id FROM ${throttleAttempts} WHERE taken_at <= ${before} LIMIT ${limit})`,
    )
}

/**
 * Counts of devices, of addresses without an account, and of sessions: their keys come after `account:`. Those of
 * accounts stay, for no time ends them.
 */
export function deleteOldThrottles(db: Database, before: number, limit: number) {
  return db
    .delete(throttles)
    .where(
      sql`${throttles.key} IN (SELECT key FROM ${throttles} WHERE key >= 'device:' AND failed_at <= ${before} LIMIT ${limit})`,
    )
}
