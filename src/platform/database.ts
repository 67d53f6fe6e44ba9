/**
 * D1 through drizzle, one client per request. Every statement is awaited through `answered`, so that an
 * outage or a stall becomes one 503 and no bound value reaches an error or the log.
 */
import { sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { Problem } from './problem.ts'
import { within } from './time-limit.ts'

export type Database = DrizzleD1Database & { readonly $client: D1Database }

export function openDatabase(d1: D1Database): Database {
  return drizzle(d1)
}

/** D1 can stall for seconds; a caller must not hang with it. */
const ANSWER_WITHIN_MS = 8_000

/**
 * The query's result, or Problem `unavailable` when D1 fails or does not answer in time. What D1 was asked
 * to write it may still write: an answer can be lost on the way back.
 */
export async function answered<T>(query: PromiseLike<T>, limitMs = ANSWER_WITHIN_MS): Promise<T> {
  try {
    return await within(limitMs, query)
  } catch (error) {
    throw new Problem('unavailable', { reason: `database: ${describeFailure(error)}` })
  }
}

/**
 * In a batch: true when the statement before this one changed exactly one row. What follows from a
 * conditional change is thereby written if and only if the change was.
 */
export const previousChangedOne = sql`changes() = 1`

/** In a batch: true when the statement before this one changed something. */
export const previousChangedSome = sql`changes() > 0`

/** What of an error's text is safe to log: codes and names of the schema. The rest can quote bound values. */
const SAFE_WORDS = /D1_[A-Z_]+|SQLITE_[A-Z_]+|no such (?:table|column): [\w.]+|no answer in time/g

function describeFailure(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause !== undefined) root = root.cause
  const words = root instanceof Error ? root.message.match(SAFE_WORDS) : undefined
  return words?.join(', ') ?? 'failed'
}
