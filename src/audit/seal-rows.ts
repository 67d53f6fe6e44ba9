/** What the cron does with rows that no seal holds yet. */
import type { Keyring } from '../crypto/keyring.ts'
import { answered, type Database } from '../platform/database.ts'
import type { Keys } from '../platform/keys.ts'
import { logAlert, logInfo } from '../platform/log.ts'
import { listStoredEventsAfter } from './queries.ts'
import { distrustRow, distrustSeal, makeSeal, type SealedSoFar, signSeal, UNSEALED } from './seal.ts'
import { readSealMark, writeSealMark } from './seal-mark.ts'
import { findNewestSeal, findSealThrough, insertSeal } from './seal-queries.ts'
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
 * seal. It stops before a row whose own MAC is wrong: a seal would vouch for it.
 * @throws Problem `unavailable` without D1; without KV the next run writes the mark
 */
export async function sealAuditEvents(
  db: Database,
  kv: KVNamespace,
  keys: Keys,
  now: number,
): Promise<Sealing> {
  const [newest] = await answered(findNewestSeal(db))
  let last = newest
  let sealed = 0
  for (let count = 0; count < MAX_SEALS_PER_RUN; count++) {
    const before: SealedSoFar = last ?? UNSEALED
    const found = await answered(listStoredEventsAfter(db, before.throughId, MAX_ROWS_PER_SEAL))
    const rows = await takeGenuine(keys.auditMac, found)
    if (rows.length === 0) break
    const seal = await makeSeal(keys.auditSeal, before, rows, now)
    const { meta } = await answered(insertSeal(db, seal))
    // Another run was quicker: what is left is that run's.
    if (meta.changes !== 1) return { sealed, isMarked: false }
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

/** Whether the mark now names a seal of the database under the newest key; in any doubt it is left as it is. */
async function markNewest(
  db: Database,
  kv: KVNamespace,
  keyring: Keyring,
  newest: AuditSeal,
): Promise<boolean> {
  try {
    const mark = await readSealMark(kv)
    const known =
      mark === undefined || mark === 'unreadable' ? undefined : await findMarked(db, keyring, mark)
    if (mark !== undefined && !known) {
      // The mark is the only trace of what was cut off: a newer one would wipe it out.
      logAlert('audit_verification_failed', { reason: 'mark_unknown', first_bad_id: null })
      return false
    }
    const last = known && known.throughId > newest.throughId ? known : newest
    const isSigned = mark !== 'unreadable' && mark?.keyId === keyring.newest.id
    if (isSigned && known?.throughId === last.throughId) return true
    const distrust = await distrustSeal(keyring, last)
    if (distrust) {
      logAlert('audit_verification_failed', { reason: `seal_${distrust}`, first_bad_id: last.fromId })
      return false
    }
    await writeSealMark(kv, await signSeal(keyring, last))
    return true
  } catch {
    logInfo('audit seal mark failed')
    return false
  }
}

/** The seal in the database that a mark in KV speaks of. */
async function findMarked(db: Database, keyring: Keyring, mark: AuditSeal): Promise<AuditSeal | undefined> {
  if (await distrustSeal(keyring, mark)) return undefined
  const [known] = await answered(findSealThrough(db, mark.throughId))
  return known?.head === mark.head ? known : undefined
}
