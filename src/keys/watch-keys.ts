/**
 * The cron writes down which keys the Worker has and since when: nothing else could tell `npm run keys`,
 * because a secret cannot be read back. A key that comes or goes is an audit event.
 */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { answered, type Database, previousChangedOne } from '../platform/database.ts'
import type { ConfiguredKey } from '../platform/keys.ts'
import { logAlert } from '../platform/log.ts'
import { deleteKey, insertKey, listKeys, updateKeyAlerted, updateKeysSeen } from './queries.ts'

const DAY_SECONDS = 86_400

type KnownKey = Awaited<ReturnType<typeof listKeys>>[number]

/**
 * Brings the table of keys up to date, and reports once a day a key that is older than `maxAgeDays` and still
 * makes what is new. One that only checks waits for those who use what it made, however long that takes.
 * @throws Problem `unavailable`
 */
export async function watchKeys(
  db: Database,
  keyring: Keyring,
  configured: readonly ConfiguredKey[],
  maxAgeDays: number,
  now: number,
): Promise<void> {
  const known = await answered(listKeys(db))
  for (const key of configured) {
    if (!known.some((other) => isSame(other, key) && other.name === key.name)) {
      await record(db, keyring, 'key.added', key, insertKey(db, key, now), now)
    }
  }
  for (const key of known) {
    if (!configured.some((other) => isSame(other, key))) {
      await record(db, keyring, 'key.removed', key, deleteKey(db, key), now)
    }
  }
  await answered(updateKeysSeen(db, now))
  for (const key of configured.filter(({ isNewest }) => isNewest)) {
    const seen = known.find((other) => isSame(other, key))
    if (seen && now - seen.firstSeenAt > maxAgeDays * DAY_SECONDS) await alertOfAge(db, seen, now)
  }
}

function isSame(one: Pick<ConfiguredKey, 'ring' | 'id'>, other: Pick<ConfiguredKey, 'ring' | 'id'>): boolean {
  return one.ring === other.ring && one.id === other.id
}

async function record(
  db: Database,
  keyring: Keyring,
  event: 'key.added' | 'key.removed',
  { name, id }: Pick<ConfiguredKey, 'name' | 'id'>,
  change: ReturnType<typeof insertKey> | ReturnType<typeof deleteKey>,
  now: number,
): Promise<void> {
  const details = { name, key_id: id }
  const row = await signAuditEvent(keyring, { now }, { event, outcome: 'success', details })
  await answered(db.batch([change, insertAuditEvent(db, row, previousChangedOne)]))
}

async function alertOfAge(db: Database, key: KnownKey, now: number): Promise<void> {
  const [due] = await answered(updateKeyAlerted(db, key, now, now - DAY_SECONDS))
  if (!due) return
  const ageDays = Math.floor((now - key.firstSeenAt) / DAY_SECONDS)
  logAlert('key_too_old', { key: key.name, key_id: key.id, age_days: ageDays })
}
