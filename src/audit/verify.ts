/** Checks the whole audit log, against its seals and the mark in KV. */
import { answered, type Database } from '../platform/database.ts'
import type { Keys } from '../platform/keys.ts'
import { Problem } from '../platform/problem.ts'
import { findLastGivenId } from './queries.ts'
import { distrustSeal } from './seal.ts'
import { readSealMark } from './seal-mark.ts'
import type { AuditSeal } from './tables.ts'
import { type Fault, startWalk, type Walk, walkSeals, walkUnsealedRows, wasCutMeanwhile } from './walk.ts'

/** The cron may cut the log while it is read; it does so once in minutes. */
const MAX_ATTEMPTS = 3

interface Verdict {
  /** Rows that were found right. */
  readonly checked: number
  /** The last row that a good seal holds, or held before it went; 0 without one. */
  readonly sealedThrough: number
  readonly fault: Fault | undefined
}

/**
 * Walks the log from where it begins and stops at the first row that is wrong.
 * @throws Problem `unavailable` without D1 or KV: half a check must not pass for a whole one
 */
export async function verifyAuditLog(db: Database, kv: KVNamespace, keys: Keys): Promise<Verdict> {
  // Both before the rows: the log may grow while it is read, but it must not be shorter than it was.
  const found = await readSealMark(kv).catch((cause: unknown) => {
    throw new Problem('unavailable', { reason: 'kv', cause })
  })
  const [given] = await answered(findLastGivenId(db))
  const distrust = found === 'unreadable' ? 'changed' : found && (await distrustSeal(keys.auditSeal, found))
  const mark = distrust || found === 'unreadable' ? undefined : found
  for (let attempt = 1; ; attempt++) {
    const walk = await startWalk(db, keys)
    if ('reason' in walk) return { checked: 0, sealedThrough: 0, fault: walk }
    const fault = await findFault(db, keys, walk, mark, given?.seq ?? 0)
    if (fault && attempt < MAX_ATTEMPTS && (await wasCutMeanwhile(db, walk.stub))) continue
    return {
      checked: walk.lastId - (walk.stub?.throughId ?? 0),
      sealedThrough: walk.sealed.throughId,
      fault: fault ?? (distrust && { id: null, reason: `mark_${distrust}` }),
    }
  }
}

async function findFault(
  db: Database,
  keys: Keys,
  walk: Walk,
  mark: AuditSeal | undefined,
  lastGivenId: number,
): Promise<Fault | undefined> {
  for await (const step of walkSeals(db, keys, walk, mark)) if ('fault' in step) return step.fault
  const markedThrough = mark?.throughId ?? 0
  const fault = await walkUnsealedRows(walk, Math.max(lastGivenId, markedThrough))
  if (fault) return fault
  const { throughId } = walk.sealed
  // The newest seal is never cut off: a stub that no seal continues has cut more than was sealed.
  const isCutTooFar = walk.stub?.throughId === throughId
  return isCutTooFar || markedThrough > throughId ? { id: throughId + 1, reason: 'seal_missing' } : undefined
}
