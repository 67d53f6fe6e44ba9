import { and, eq, isNull, lte, or, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import type { ConfiguredKey } from '../platform/keys.ts'
import { keys } from './tables.ts'

export function listKeys(db: Database) {
  return db.select().from(keys)
}

/** Changes one row if the key was not there, or under another name. */
export function insertKey(db: Database, { ring, id, name }: ConfiguredKey, now: number) {
  return db
    .insert(keys)
    .values({ ring, id, name, firstSeenAt: now, lastSeenAt: now })
    .onConflictDoUpdate({
      target: [keys.ring, keys.id],
      set: { name },
      setWhere: sql`${keys.name} <> ${name}`,
    })
}

export function deleteKey(db: Database, { ring, id }: Pick<ConfiguredKey, 'ring' | 'id'>) {
  return db.delete(keys).where(and(eq(keys.ring, ring), eq(keys.id, id)))
}

export function updateKeysSeen(db: Database, now: number) {
  return db.update(keys).set({ lastSeenAt: now })
}

/** Returns the key if it has not been reported since; of two runs at once one gets it. */
export function updateKeyAlerted(
  db: Database,
  { ring, id }: Pick<ConfiguredKey, 'ring' | 'id'>,
  now: number,
  since: number,
) {
  return db
    .update(keys)
    .set({ alertedAt: now })
    .where(and(eq(keys.ring, ring), eq(keys.id, id), or(isNull(keys.alertedAt), lte(keys.alertedAt, since))))
    .returning({ firstSeenAt: keys.firstSeenAt })
}
