/**
 * Checks the whole audit log. Row numbers have no holes, because an insert that fails gives its number
 * back: a number that is not there is a row that was removed.
 */
import { answered, type Database } from '../platform/database.ts'
import type { Keys } from '../platform/keys.ts'
import { Problem } from '../platform/problem.ts'
import { findLastGivenId, listSealsAfter, listStoredEventsAfter } from './queries.ts'
import { type Distrust, distrustRow, distrustSeal, headOf, type SealedSoFar, UNSEALED } from './seal.ts'
import { readSealMark } from './seal-mark.ts'
import type { AuditSeal, StoredAuditEvent } from './tables.ts'

/** Bounds the memory, whatever the length of the log. */
const CHUNK = 500

interface Fault {
  /** The first row that is wrong or not vouched for; null when only the mark in KV is wrong. */
  readonly id: number | null
  readonly reason: string
}

interface Verdict {
  /** Rows that were found right. */
  readonly checked: number
  /** The last row that a good seal holds; 0 without one. */
  readonly sealedThrough: number
  readonly fault: Fault | undefined
}

/** How far the log has been read; everything before is right. */
interface Walk {
  readonly rows: AsyncGenerator<{ row: StoredAuditEvent; distrust: Distrust }, undefined>
  lastId: number
  sealed: SealedSoFar
}

/**
 * Walks the log from its first row and stops at the first that is wrong.
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
  const walk: Walk = { rows: judgeRows(db, keys), lastId: 0, sealed: UNSEALED }
  const fault = await findFault(db, keys, walk, mark, given?.seq ?? 0)
  return {
    checked: walk.lastId,
    sealedThrough: walk.sealed.throughId,
    fault: fault ?? (distrust && { id: null, reason: `mark_${distrust}` }),
  }
}

async function findFault(
  db: Database,
  keys: Keys,
  walk: Walk,
  mark: AuditSeal | undefined,
  lastGivenId: number,
): Promise<Fault | undefined> {
  for await (const seal of readSeals(db)) {
    const reason = await distrustLink(keys, walk.sealed, seal, mark)
    if (reason) return { id: walk.sealed.throughId + 1, reason }
    const rows: StoredAuditEvent[] = []
    const fault = await takeRows(walk, seal.throughId, seal.throughId, (row) => rows.push(row))
    if (fault) return fault
    if ((await headOf(seal.previousHead, rows)) !== seal.head) {
      // Each row is genuine, but one stands in another's place: which one, the seal cannot tell.
      return { id: seal.fromId, reason: 'rows_rearranged' }
    }
    walk.sealed = seal
  }
  const markedThrough = mark?.throughId ?? 0
  const fault = await takeRows(walk, Number.POSITIVE_INFINITY, Math.max(lastGivenId, markedThrough))
  if (fault) return fault
  const { throughId } = walk.sealed
  return markedThrough > throughId ? { id: throughId + 1, reason: 'seal_missing' } : undefined
}

/** Why a seal does not continue the chain, or is not the one that KV knows. */
async function distrustLink(
  keys: Keys,
  before: SealedSoFar,
  seal: AuditSeal,
  mark: AuditSeal | undefined,
): Promise<string | undefined> {
  const distrust = await distrustSeal(keys.auditSeal, seal)
  if (distrust) return `seal_${distrust}`
  if (seal.fromId !== before.throughId + 1 || seal.previousHead !== before.head) return 'seal_missing'
  const isMarked = mark && mark.throughId >= seal.fromId && mark.fromId <= seal.throughId
  return isMarked && mark.head !== seal.head ? 'seal_replaced' : undefined
}

/** Walks on through a row number, or to the end of the log, which must not come before `neededId`. */
async function takeRows(
  walk: Walk,
  throughId: number,
  neededId: number,
  onRow?: (row: StoredAuditEvent) => void,
): Promise<Fault | undefined> {
  while (walk.lastId < throughId) {
    const expectedId = walk.lastId + 1
    const { value } = await walk.rows.next()
    if (!value) return expectedId <= neededId ? { id: expectedId, reason: 'row_missing' } : undefined
    const { row, distrust } = value
    if (row.id > expectedId) return { id: expectedId, reason: 'row_missing' }
    // Numbers begin at 1: somebody has chosen a smaller one by hand.
    if (row.id < expectedId) return { id: row.id, reason: 'row_misplaced' }
    if (distrust) return { id: row.id, reason: `row_${distrust}` }
    onRow?.(row)
    walk.lastId = row.id
  }
  return undefined
}

async function* judgeRows(
  db: Database,
  keys: Keys,
): AsyncGenerator<{ row: StoredAuditEvent; distrust: Distrust }, undefined> {
  let after = Number.MIN_SAFE_INTEGER
  for (;;) {
    const rows = await answered(listStoredEventsAfter(db, after, CHUNK))
    const judged = await Promise.all(
      rows.map(async (row) => ({ row, distrust: await distrustRow(keys.auditMac, row) })),
    )
    yield* judged
    const last = rows.at(-1)
    if (!last || rows.length < CHUNK) return undefined
    after = last.id
  }
}

async function* readSeals(db: Database): AsyncGenerator<AuditSeal, undefined> {
  let after = Number.MIN_SAFE_INTEGER
  for (;;) {
    const seals = await answered(listSealsAfter(db, after, CHUNK))
    yield* seals
    const last = seals.at(-1)
    if (!last || seals.length < CHUNK) return undefined
    after = last.fromId
  }
}
