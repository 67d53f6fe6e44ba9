/**
 * Reads the audit log from its beginning, rows and seals in one pass, and stops at the first that is wrong.
 * Row numbers have no holes, because an insert that fails gives its number back: a number that is not
 * there is a row that was removed.
 */
import { answered, type Database } from '../platform/database.ts'
import type { Keys } from '../platform/keys.ts'
import { BEFORE_EVERY_ID, listStoredEventsAfter } from './queries.ts'
import {
  type Distrust,
  distrustRow,
  distrustSeal,
  distrustStub,
  headOf,
  type SealedSoFar,
  UNSEALED,
} from './seal.ts'
import { findNewestStub, listSealsAfter } from './seal-queries.ts'
import type { AuditSeal, AuditStub, StoredAuditEvent } from './tables.ts'

/** Bounds the memory, whatever the length of the log. */
const CHUNK = 500

export interface Fault {
  /** The first row that is wrong or not vouched for; null when only the mark in KV is wrong. */
  readonly id: number | null
  readonly reason: string
}

interface Judged {
  readonly row: StoredAuditEvent
  readonly distrust: Distrust
}

/** How far the log has been read; everything before is right. */
export interface Walk {
  /** Where the log begins, if its oldest rows have gone. */
  readonly stub: AuditStub | undefined
  readonly rows: AsyncGenerator<Judged, undefined>
  lastId: number
  sealed: SealedSoFar
}

/** A walk from the beginning of the log, or what is wrong with that. */
export async function startWalk(db: Database, keys: Keys): Promise<Walk | Fault> {
  const [stub] = await answered(findNewestStub(db))
  const distrust = stub && (await distrustStub(keys.auditSeal, stub))
  // Nothing vouches for what the stub has cut off, so the first row that is missing is the first of all.
  if (distrust) return { id: 1, reason: `stub_${distrust}` }
  return { stub, rows: judgeRows(db, keys), lastId: stub?.throughId ?? 0, sealed: stub ?? UNSEALED }
}

/** Whether the cron has cut the log since the walk began: what the walk did not find may have gone rightly. */
export async function wasCutMeanwhile(db: Database, stub: AuditStub | undefined): Promise<boolean> {
  const [now] = await answered(findNewestStub(db))
  return now?.throughId !== stub?.throughId
}

/** Each seal whose rows were found right, in order; at last the fault, if there is one. */
export async function* walkSeals(
  db: Database,
  keys: Keys,
  walk: Walk,
  mark?: AuditSeal,
): AsyncGenerator<{ seal: AuditSeal } | { fault: Fault }, undefined> {
  for await (const seal of readSeals(db)) {
    const fault = (await findBrokenLink(keys, walk.sealed, seal, mark)) ?? (await findFaultIn(walk, seal))
    if (fault) {
      yield { fault }
      return
    }
    walk.sealed = seal
    yield { seal }
  }
}

/** Walks to the end of the log, which must not come before `neededId`. */
export async function walkUnsealedRows(walk: Walk, neededId: number): Promise<Fault | undefined> {
  for (;;) {
    const taken = await takeRow(walk, neededId)
    if (!taken || 'reason' in taken) return taken
    if (taken.distrust) return standBack(walk, { id: taken.row.id, reason: `row_${taken.distrust}` })
  }
}

/** Why a seal does not continue the chain, or is not the one that KV knows. */
async function findBrokenLink(
  keys: Keys,
  before: SealedSoFar,
  seal: AuditSeal,
  mark: AuditSeal | undefined,
): Promise<Fault | undefined> {
  const id = before.throughId + 1
  const distrust = await distrustSeal(keys.auditSeal, seal)
  if (distrust) return { id, reason: `seal_${distrust}` }
  if (seal.fromId !== id || seal.previousHead !== before.head) return { id, reason: 'seal_missing' }
  const isMarked = mark && mark.throughId >= seal.fromId && mark.fromId <= seal.throughId
  return isMarked && mark.head !== seal.head ? { id, reason: 'seal_replaced' } : undefined
}

/** Walks through the rows of a good seal. One whose key has been retired is right if the seal says the same as the row. */
async function findFaultIn(walk: Walk, seal: AuditSeal): Promise<Fault | undefined> {
  const rows: StoredAuditEvent[] = []
  let unvouchedId: number | undefined
  while (walk.lastId < seal.throughId) {
    const taken = await takeRow(walk, seal.throughId)
    if (!taken || 'reason' in taken) return taken
    rows.push(taken.row)
    if (taken.distrust === 'key_unknown') unvouchedId ??= taken.row.id
  }
  if ((await headOf(seal.previousHead, rows)) === seal.head) return undefined
  if (unvouchedId !== undefined) return standBack(walk, { id: unvouchedId, reason: 'row_key_unknown' })
  // Each row is genuine, but one stands in another's place: which one, the seal cannot tell.
  return standBack(walk, { id: seal.fromId, reason: 'rows_rearranged' })
}

/** A fault that shows only after its row was passed. */
function standBack(walk: Walk, fault: Fault & { id: number }): Fault {
  walk.lastId = fault.id - 1
  return fault
}

/** The row after the last; undefined at the end of a log that may end here. */
async function takeRow(walk: Walk, neededId: number): Promise<Judged | Fault | undefined> {
  const expectedId = walk.lastId + 1
  const { value } = await walk.rows.next()
  if (!value) return expectedId <= neededId ? { id: expectedId, reason: 'row_missing' } : undefined
  const { row, distrust } = value
  if (row.id > expectedId) return { id: expectedId, reason: 'row_missing' }
  // Numbers begin at 1, or after the stub: somebody has chosen a smaller one by hand.
  if (row.id < expectedId) return { id: row.id, reason: 'row_misplaced' }
  if (distrust === 'changed') return { id: row.id, reason: 'row_changed' }
  walk.lastId = row.id
  return value
}

async function* judgeRows(db: Database, keys: Keys): AsyncGenerator<Judged, undefined> {
  let after: number = BEFORE_EVERY_ID
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
  let after: number = BEFORE_EVERY_ID
  for (;;) {
    const seals = await answered(listSealsAfter(db, after, CHUNK))
    yield* seals
    const last = seals.at(-1)
    if (!last || seals.length < CHUNK) return undefined
    after = last.fromId
  }
}
