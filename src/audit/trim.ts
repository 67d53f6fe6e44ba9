/** Retention: the oldest rows of the audit log go, whole seals at a time, and a signed stub stays in their place. */
import { answered, type Database, previousChangedOne } from '../platform/database.ts'
import type { Keys } from '../platform/keys.ts'
import { logAlert } from '../platform/log.ts'
import { BEFORE_EVERY_ID, insertAuditEvent, signAuditEvent } from './queries.ts'
import { signStub } from './seal.ts'
import {
  deleteEventsBefore,
  deleteSealsBefore,
  deleteStubsBefore,
  findNewestSeal,
  insertStub,
  listSealsAfter,
} from './seal-queries.ts'
import type { AuditSeal } from './tables.ts'
import { startWalk, type Walk, walkSeals, wasCutMeanwhile } from './walk.ts'

const DAY_SECONDS = 86_400

/** What one run removes at most, within one seal. */
const MAX_ROWS_PER_RUN = 5_000
const MAX_SEALS_PER_RUN = 500

/**
 * Removes the rows whose seals are older than the retention, after they were found right: a cut must not be how
 * traces go. About once a day, so that the log does not fill with the events of its own cutting. Never the newest
 * seal, which continues the stub. Returns the number of rows that went.
 * @throws Problem `unavailable`
 */
export async function trimAuditLog(
  db: Database,
  keys: Keys,
  retentionDays: number,
  now: number,
): Promise<number> {
  if (retentionDays === 0) return 0
  const sealedBefore = now - retentionDays * DAY_SECONDS
  const [oldest] = await answered(listSealsAfter(db, BEFORE_EVERY_ID, 1))
  // Once a cut has begun nothing as old is left behind, however many runs it takes.
  if (!oldest || oldest.sealedAt >= sealedBefore - DAY_SECONDS) return 0
  const walk = await startWalk(db, keys)
  if ('reason' in walk) {
    logAlert('audit_verification_failed', { first_bad_id: walk.id, reason: walk.reason })
    return 0
  }
  const last = await findLastToGo(db, keys, walk, sealedBefore)
  return last ? cutThrough(db, keys, walk, last, now) : 0
}

/** The last seal whose time is over; undefined when there is none, or when something on the way to it is wrong. */
async function findLastToGo(
  db: Database,
  keys: Keys,
  walk: Walk,
  sealedBefore: number,
): Promise<AuditSeal | undefined> {
  const [newest] = await answered(findNewestSeal(db))
  const begin = walk.lastId
  let last: AuditSeal | undefined
  let seals = 0
  for await (const step of walkSeals(db, keys, walk)) {
    if ('fault' in step) {
      if (await wasCutMeanwhile(db, walk.stub)) return undefined
      logAlert('audit_verification_failed', { first_bad_id: step.fault.id, reason: step.fault.reason })
      return undefined
    }
    const { seal } = step
    if (seal.sealedAt >= sealedBefore || seal.throughId === newest?.throughId) break
    last = seal
    seals++
    if (seals === MAX_SEALS_PER_RUN || seal.throughId - begin >= MAX_ROWS_PER_RUN) break
  }
  return last
}

/** The stub, the event and the deletions: all or nothing. Of two runs at once one cuts. */
async function cutThrough(
  db: Database,
  keys: Keys,
  { stub: before }: Walk,
  { throughId, head }: AuditSeal,
  now: number,
): Promise<number> {
  const beganAfterId = before?.throughId ?? 0
  const rows = throughId - beganAfterId
  const removedRows = (before?.removedRows ?? 0) + rows
  const stub = await signStub(keys.auditSeal, { throughId, head, removedRows, cutAt: now })
  const details = { through_id: throughId, rows }
  const event = await signAuditEvent(
    keys.auditMac,
    { now },
    { event: 'audit.trimmed', outcome: 'success', details },
  )
  const [, recorded, removed] = await answered(
    db.batch([
      insertStub(db, stub, beganAfterId),
      insertAuditEvent(db, event, previousChangedOne),
      deleteEventsBefore(db, stub),
      deleteSealsBefore(db, stub),
      deleteStubsBefore(db, stub),
    ]),
  )
  return recorded.meta.changes === 1 ? removed.meta.changes : 0
}
