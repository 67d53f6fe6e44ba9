/**
 * D1 through drizzle, one client per request. Every statement is awaited through `answered`, so that an
 * outage or a stall becomes one 503 and no bound value reaches an error or the log.
 */
import { sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { Problem } from './problem.ts'

export type Database = DrizzleD1Database

export function openDatabase(d1: D1Database): Database {
  return drizzle(d1)
}

/** D1 can stall for seconds; a caller must not hang with it. */
const ANSWER_WITHIN_MS = 8_000

/** The query's result, or Problem `unavailable` when D1 fails or does not answer in time. */
export async function answered<T>(query: PromiseLike<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_WITHIN_MS)
  try {
    return await Promise.race([query, tooLate])
  } catch (error) {
    throw new Problem('unavailable', { reason: `database: ${rootMessage(error)}` })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * In a batch: true when the statement before this one changed exactly one row. What follows from a
 * conditional change is thereby written if and only if the change was.
 */
export const previousChangedOne = sql`changes() = 1`

/** The innermost message: drizzle's own holds the bound values, among them hashes and addresses. */
function rootMessage(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause !== undefined) root = root.cause
  return root instanceof Error && !root.message.startsWith('Failed query') ? root.message : 'failed'
}
