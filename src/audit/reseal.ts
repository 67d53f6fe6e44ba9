/**
 * After a rotation of DATA_KEY: signs seals, and the stub, anew under the newest key, so that the old one can
 * go. Rows keep their MAC; what they say is in the heads of the seals.
 */
import type { Keyring } from '../crypto/keyring.ts'
import { answered, type Database } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import { type Distrust, distrustSeal, distrustStub, signSeal, signStub } from './seal.ts'
import { findNewestStub, listSealsOfKey, updateSealMacs, updateStubMac } from './seal-queries.ts'

const SEALS_PER_STATEMENT = 500
const MAX_STATEMENTS_PER_RUN = 5

/**
 * Signs what is still under an older key. It ends at the first that is not good under its own key: a new MAC would
 * vouch for a forgery. Returns how many seals were signed.
 * @throws Problem `unavailable`
 */
export async function resealAuditLog(db: Database, keyring: Keyring): Promise<number> {
  const older = [...keyring.byId.keys()].filter((id) => id !== keyring.newest.id)
  if (older.length === 0) return 0
  await resignStub(db, keyring)
  let resealed = 0
  for (let count = 0; count < MAX_STATEMENTS_PER_RUN; count++) {
    const [keyId] = older
    if (keyId === undefined) break
    const seals = await answered(listSealsOfKey(db, keyId, SEALS_PER_STATEMENT))
    const pairs: { old: (typeof seals)[number]; mac: string }[] = []
    for (const old of seals) {
      const distrust = await distrustSeal(keyring, old)
      if (distrust) {
        alertOf(old.fromId, 'seal', distrust)
        return resealed + (await store(db, keyring.newest.id, pairs))
      }
      pairs.push({ old, mac: (await signSeal(keyring, old)).mac })
    }
    resealed += await store(db, keyring.newest.id, pairs)
    if (seals.length < SEALS_PER_STATEMENT) older.shift()
  }
  return resealed
}

async function store(
  db: Database,
  keyId: string,
  pairs: Parameters<typeof updateSealMacs>[2],
): Promise<number> {
  if (pairs.length === 0) return 0
  return (await answered(updateSealMacs(db, keyId, pairs))).meta.changes
}

async function resignStub(db: Database, keyring: Keyring): Promise<void> {
  const [stub] = await answered(findNewestStub(db))
  if (!stub || stub.keyId === keyring.newest.id) return
  const distrust = await distrustStub(keyring, stub)
  if (distrust) return alertOf(1, 'stub', distrust)
  await answered(updateStubMac(db, stub, await signStub(keyring, stub)))
}

function alertOf(firstBadId: number, what: 'seal' | 'stub', distrust: Distrust): void {
  logAlert('audit_verification_failed', { first_bad_id: firstBadId, reason: `${what}_${distrust}` })
}
