/** What the cron does with rows that no seal holds yet. */
import type { Keyring } from '../crypto/keyring.ts'
import { answered, type Database } from '../platform/database.ts'
import { logAlert, logInfo } from '../platform/log.ts'
import { findNewestSeal, findSealThrough, insertSeal, listStoredEventsAfter } from './queries.ts'
import { distrustSeal, makeSeal, type SealedSoFar, UNSEALED } from './seal.ts'
import { readSealMark, writeSealMark } from './seal-mark.ts'
import type { AuditSeal } from './tables.ts'

/** Bounds what one seal holds in memory and, with the next, what one run does. */
const MAX_ROWS_PER_SEAL = 500
const MAX_SEALS_PER_RUN = 20

/**
 * Seals the rows since the last seal and leaves the newest seal in KV. Of two runs at once one makes each
 * seal. Returns the number of rows sealed.
 * @throws Problem `unavailable` without D1; without KV the next run writes the mark
 */
export async function sealAuditEvents(
  db: Database,
  kv: KVNamespace,
  keyring: Keyring,
  now: number,
): Promise<number> {
  const [newest] = await answered(findNewestSeal(db))
  let last = newest
  let sealed = 0
  for (let count = 0; count < MAX_SEALS_PER_RUN; count++) {
    const before: SealedSoFar = last ?? UNSEALED
    const rows = await answered(listStoredEventsAfter(db, before.throughId, MAX_ROWS_PER_SEAL))
    if (rows.length === 0) break
    const seal = await makeSeal(keyring, before, rows, now)
    const { meta } = await answered(insertSeal(db, seal))
    // Another run was quicker: what is left is that run's.
    if (meta.changes !== 1) return sealed
    last = seal
    sealed += rows.length
    if (rows.length < MAX_ROWS_PER_SEAL) break
  }
  if (last) await markNewest(db, kv, keyring, last)
  return sealed
}

async function markNewest(db: Database, kv: KVNamespace, keyring: Keyring, newest: AuditSeal): Promise<void> {
  try {
    const mark = await readSealMark(kv)
    if (mark !== undefined) {
      const known = mark === 'unreadable' ? undefined : await findMarked(db, keyring, mark)
      if (!known) {
        // The mark is the only trace of what was cut off: a newer one would wipe it out.
        logAlert('audit_verification_failed', { reason: 'mark_unknown', first_bad_id: null })
        return
      }
      if (known.throughId >= newest.throughId) return
    }
    await writeSealMark(kv, newest)
  } catch {
    logInfo('audit seal mark failed')
  }
}

/** The seal in the database that a mark in KV speaks of. */
async function findMarked(db: Database, keyring: Keyring, mark: AuditSeal): Promise<AuditSeal | undefined> {
  if (await distrustSeal(keyring, mark)) return undefined
  const [known] = await answered(findSealThrough(db, mark.throughId))
  return known?.head === mark.head ? known : undefined
}
