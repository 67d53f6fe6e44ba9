/**
 * Blocked addresses in KV, so that an edge refuses them without asking the database. A mark is written when an
 * address has become blocked, never per request, and only ever says no: it names the moment until which the
 * database would refuse as well.
 */
import { setBounded } from '../platform/bounded-map.ts'
import { logInfo } from '../platform/log.ts'
import { within } from '../platform/time-limit.ts'

const KEY_PREFIX = 'blocked:'

/** How long an isolate trusts what KV said: KV itself may be so stale. */
const RECALL_SECONDS = 60

/** A sign-in waits no longer than this for a mark. */
const ANSWER_WITHIN_MS = 500

/** KV keeps nothing for less, and a mark for less would come too late to be of use. */
export const MIN_MARK_SECONDS = 60

const MAX_RECALLED = 10_000

interface Recollection {
  readonly blockedUntil: number
  readonly until: number
}

const recalled = new Map<string, Recollection>()

/** Until when the address is blocked, in unix seconds; 0 if nothing is known. Never fails. */
export async function findBlock(kv: KVNamespace, address: string, now: number): Promise<number> {
  const known = recalled.get(address)
  if (known && known.until > now) return known.blockedUntil
  const blockedUntil = await readMark(kv, address)
  // This isolate may have seen the address become blocked while KV was asked.
  const since = recalled.get(address)
  if (since && since.until > now) return since.blockedUntil
  remember(address, { blockedUntil, until: now + RECALL_SECONDS })
  return blockedUntil
}

async function readMark(kv: KVNamespace, address: string): Promise<number> {
  try {
    // In an async function, so that a binding that throws at once is caught as well.
    const ask = async () => kv.get(KEY_PREFIX + address)
    const value = Number(await within(ANSWER_WITHIN_MS, ask()))
    return Number.isSafeInteger(value) ? value : 0
  } catch {
    return 0
  }
}

/** Marks an address as blocked until a moment, once: in this isolate at once, and in KV for the others. */
export async function markBlocked(
  kv: KVNamespace,
  address: string,
  blockedUntil: number,
  now: number,
): Promise<void> {
  if (recalled.get(address)?.blockedUntil === blockedUntil) return
  remember(address, { blockedUntil, until: blockedUntil })
  try {
    await kv.put(KEY_PREFIX + address, String(blockedUntil), { expirationTtl: blockedUntil - now })
  } catch {
    logInfo('block mark failed')
  }
}

/** Forgets everything; for tests, which stand for many isolates in one. */
export function forgetBlocks(): void {
  recalled.clear()
}

function remember(address: string, recollection: Recollection): void {
  setBounded(recalled, address, recollection, MAX_RECALLED)
}
