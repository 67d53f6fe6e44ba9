/** After a rotation of DATA_KEY: encrypts the secrets of factors anew under the newest key, so that the old one can go. */
import type { Keyring } from '../crypto/keyring.ts'
import { answered, type Database } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import { openFactorSecret, sealFactorSecret } from './factor-secret.ts'
import { listFactorsOfKey, updateFactorSecret } from './queries.ts'

/** Each is a statement, of the thousand that D1 takes from one run. */
const MAX_FACTORS_PER_RUN = 200

/**
 * Encrypts what is still under an older key. One that does not open stays as it is, under the key that it names: nothing
 * can make it good, and its alert says so at each run. Returns how many were encrypted anew.
 * @throws Problem `unavailable`
 */
export async function resealFactors(db: Database, keyring: Keyring): Promise<number> {
  let resealed = 0
  for (const keyId of keyring.byId.keys()) {
    if (keyId === keyring.newest.id) continue
    const rows = await answered(listFactorsOfKey(db, keyId, MAX_FACTORS_PER_RUN - resealed))
    const updates = []
    for (const factor of rows) {
      const secret = await openFactorSecret(keyring, factor)
      if (secret) {
        const box = await sealFactorSecret(keyring, factor, secret)
        updates.push(updateFactorSecret(db, factor.id, factor.secret, box))
      } else {
        logAlert('factor_unreadable', { factor_id: factor.id, key_id: keyId })
      }
    }
    const [first, ...rest] = updates
    if (first) await answered(db.batch([first, ...rest]))
    resealed += updates.length
    if (resealed >= MAX_FACTORS_PER_RUN) break
  }
  return resealed
}
