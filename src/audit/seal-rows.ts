/** What the cron does with rows that no seal holds yet. */
import type { Keyring } from '../crypto/keyring.ts'
import { answered, type Database } from '../platform/database.ts'
import type { Keys } from '../platform/keys.ts'
import { logAlert, logInfo } from '../platform/log.ts'
import { listStoredEventsAfter } from './queries.ts'
import { distrustRow, distrustSeal, makeSeal, type SealedSoFar, signSeal, UNSEALED } from './seal.ts'
import { readSealMark, writeSealMark } from './seal-mark.ts'
import { findNewestSeal, findSealReaching, findSealThrough, insertSeal } from './seal-queries.ts'
import type { AuditSeal, StoredAuditEvent } from './tables.ts'

/** Bounds what one seal holds in memory and, with the next, what one run does. */
const MAX_ROWS_PER_SEAL = 500
const MAX_SEALS_PER_RUN = 20

interface Sealing {
  /** Rows. */
  readonly sealed: number
  /** The mark in KV names a seal that the database has, under the newest key. */
  readonly isMarked: boolean
}

/**
 * Seals the rows since the last seal and leaves the newest seal in KV. Of two runs at once one makes each
 * seal. It stops before a row whose own MAC is wrong, and behind such a seal: a further seal would vouch for it.
 * @throws Problem `unavailable` without D1; without KV the next run writes the mark
 */
export async function sealAuditEvents(
  db: Database,
  kv: KVNamespace,
  keys: Keys,
  now: number,
): Promise<Sealing> {
  const [newest] = await answered(findNewestSeal(db))
  if (newest && (await reportDistrusted(keys.auditSeal, newest))) return { sealed: 0, isMarked: false }
  let last = newest
  let sealed = 0
  for (let count = 0; count < MAX_SEALS_PER_RUN; count++) {
    const before: SealedSoFar = last ?? UNSEALED
    const found = await answered(listStoredEventsAfter(db, before.throughId, MAX_ROWS_PER_SEAL))
    const rows = await takeGenuine(keys.auditMac, found)
    if (rows.length === 0) break
    const seal = await makeSeal(keys.auditSeal, before, rows, now)
    const { meta } = await answered(insertSeal(db, seal))
    if (meta.changes !== 1) {
      await reportFalseRival(db, keys.auditSeal, seal)
      return { sealed, isMarked: false }
    }
    reportHole(before.throughId, rows)
    last = seal
    sealed += rows.length
    if (rows.length < MAX_ROWS_PER_SEAL) break
  }
  return { sealed, isMarked: last !== undefined && (await markNewest(db, kv, keys.auditSeal, last)) }
}

/** The rows before the first that is not genuine. */
async function takeGenuine(keyring: Keyring, rows: StoredAuditEvent[]): Promise<StoredAuditEvent[]> {
  const verdicts = await Promise.all(rows.map((row) => distrustRow(keyring, row)))
  const firstBad = verdicts.findIndex((distrust) => distrust !== undefined)
  if (firstBad === -1) return rows
  logAlert('audit_verification_failed', {
    first_bad_id: rows[firstBad]?.id ?? null,
    reason: `row_${verdicts[firstBad]}`,
  })
  return rows.slice(0, firstBad)
}

/**
 * A number that is not there is a row that was removed before it was sealed. Sealing goes on all the same: the hole
 * stays to be seen, and what comes after must not be left without a seal.
 */
function reportHole(afterId: number, rows: readonly StoredAuditEvent[]): void {
  const index = rows.findIndex(({ id }, at) => id !== afterId + 1 + at)
  if (index === -1) return
  logAlert('audit_verification_failed', { first_bad_id: afterId + 1 + index, reason: 'row_missing' })
}

/** What is left is another run's, if that was quicker. A seal put in by hand would pass for one and end all sealing. */
async function reportFalseRival(db: Database, keyring: Keyring, { fromId }: AuditSeal): Promise<void> {
  const [rival] = await answered(findSealReaching(db, fromId))
  const distrust = rival && (await distrustSeal(keyring, rival))
  if (rival?.fromId === fromId && !distrust) return
  logAlert('audit_verification_failed', { first_bad_id: fromId, reason: `seal_${distrust ?? 'replaced'}` })
}

async function reportDistrusted(keyring: Keyring, seal: AuditSeal): Promise<boolean> {
  const distrust = await distrustSeal(keyring, seal)
  if (distrust) {
    logAlert('audit_verification_failed', { first_bad_id: seal.fromId, reason: `seal_${distrust}` })
  }
  return distrust !== undefined
}

/** Whether the mark now names a seal of the database under the newest key; in any doubt it is left as it is. */
async function markNewest(
  db: Database,
  kv: KVNamespace,
  keyring: Keyring,
  newest: AuditSeal,
): Promise<boolean> {
  try {
    const mark = await readSealMark(kv)
    const known = mark && (await findMarked(db, keyring, mark))
    if (typeof known === 'string') {
      // The mark is the only trace of what was cut off: a newer one would wipe it out.
      logAlert('audit_verification_failed', { reason: `mark_${known}`, first_bad_id: null })
      return false
    }
    const last = known && known.throughId > newest.throughId ? known : newest
    const isSigned = mark !== 'unreadable' && mark?.keyId === keyring.newest.id
    if (isSigned && known?.throughId === last.throughId) return true
    if (await reportDistrusted(keyring, last)) return false
    await writeSealMark(kv, await signSeal(keyring, last))
    return true
  } catch {
    logInfo('audit seal mark failed')
    return false
  }
}

/** The seal in the database that a mark in KV speaks of, or why there is none to be trusted. */
async function findMarked(
  db: Database,
  keyring: Keyring,
  mark: AuditSeal | 'unreadable',
): Promise<AuditSeal | 'unknown' | 'changed' | 'key_unknown'> {
  const distrust = mark === 'unreadable' ? 'changed' : await distrustSeal(keyring, mark)
  if (distrust || mark === 'unreadable') return distrust ?? 'changed'
  const [known] = await answered(findSealThrough(db, mark.throughId))
  return known?.head === mark.head ? known : 'unknown'
}
