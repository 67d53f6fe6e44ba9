/**
 * Ended sessions in KV. KV is eventually consistent, so a mark can only speed up a "no": the database
 * decides every "yes". A mark is written after the database has ended the session, and says why, so
 * that the answer's text is right without asking the database. A mark outlives every access token of the
 * session; its refresh token is never taken without asking the database.
 */
import { logInfo } from '../platform/log.ts'

export type EndReason = 'session_ended' | 'account_deleted'

const KEY_PREFIX = 'ended-session:'

/** How long an isolate trusts what KV said: KV itself may be so stale. */
const RECALL_SECONDS = 60

const MAX_RECALLED = 10_000

interface Recollection {
  readonly mark: EndReason | undefined
  readonly until: number
}

const recalled = new Map<string, Recollection>()

/** What this isolate knows of a session without asking: ended, not ended, or (undefined) nothing. */
export function recallMark(
  sessionId: string,
  now: number,
): { readonly mark: EndReason | undefined } | undefined {
  const recollection = recalled.get(sessionId)
  return recollection && recollection.until > now ? recollection : undefined
}

/** The mark of a session in KV. Never fails: without KV there is no early "no", that is all. */
export async function readMark(
  kv: KVNamespace,
  sessionId: string,
  now: number,
): Promise<EndReason | undefined> {
  try {
    const value = await kv.get(KEY_PREFIX + sessionId)
    const mark = value === 'account_deleted' || value === 'session_ended' ? value : undefined
    // This isolate may have ended the session while KV still served the past.
    const known = recallMark(sessionId, now)?.mark
    if (!known) remember(sessionId, mark, now + RECALL_SECONDS)
    return known ?? mark
  } catch {
    return recallMark(sessionId, now)?.mark
  }
}

/** A session that the database has ended. */
export interface EndedSession {
  readonly id: string
  /** When its newest access token expires, in unix seconds. */
  readonly tokenUntil: number
}

/** KV keeps nothing for less. */
const MIN_TTL_SECONDS = 60

/** Clocks of two edges may differ, and a spent refresh token can get one more access token within its grace time. */
const SLACK_SECONDS = 60

/**
 * Marks sessions that the database has ended, in this isolate at once and in KV for the others: as long as
 * there may be an access token of the session that has not expired, at least the minute that KV asks for.
 */
export async function markEnded(
  kv: KVNamespace,
  ended: readonly EndedSession[],
  reason: EndReason,
  now: number,
): Promise<void> {
  const marked = ended
    .map(({ id, tokenUntil }) => ({ id, secondsLeft: tokenUntil + SLACK_SECONDS - now }))
    .filter(({ secondsLeft }) => secondsLeft > 0)
  for (const { id, secondsLeft } of marked) remember(id, reason, now + secondsLeft)
  const writes = marked.map(({ id, secondsLeft }) =>
    kv.put(KEY_PREFIX + id, reason, { expirationTtl: Math.max(MIN_TTL_SECONDS, secondsLeft) }),
  )
  const failed = (await Promise.allSettled(writes)).filter(({ status }) => status === 'rejected').length
  if (failed > 0) logInfo('blacklist write failed', { failed })
}

/** Forgets everything; for tests, which stand for many isolates in one. */
export function forgetMarks(): void {
  recalled.clear()
}

function remember(sessionId: string, mark: EndReason | undefined, until: number): void {
  recalled.delete(sessionId)
  recalled.set(sessionId, { mark, until })
  if (recalled.size > MAX_RECALLED) {
    const [oldest] = recalled.keys()
    if (oldest !== undefined) recalled.delete(oldest)
  }
}
