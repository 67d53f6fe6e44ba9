/** Seals and the stub: what vouches for the rows of the audit log, and for those that have gone. */
import { and, desc, eq, gt, gte, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import { type AuditSeal, type AuditStub, auditEvents, auditSeals, auditStubs } from './tables.ts'

export function listSealsAfter(db: Database, fromId: number, limit: number) {
  return db
    .select()
    .from(auditSeals)
    .where(gt(auditSeals.fromId, fromId))
    .orderBy(auditSeals.fromId)
    .limit(limit)
}

export function findNewestSeal(db: Database) {
  return db.select().from(auditSeals).orderBy(desc(auditSeals.fromId)).limit(1)
}

export function findSealThrough(db: Database, throughId: number) {
  return db.select().from(auditSeals).where(eq(auditSeals.throughId, throughId))
}

/** The first seal that reaches this row or further. */
export function findSealReaching(db: Database, id: number) {
  return db
    .select()
    .from(auditSeals)
    .where(gte(auditSeals.throughId, id))
    .orderBy(auditSeals.throughId)
    .limit(1)
}

/** Inserts a seal unless another run has sealed its first row meanwhile. */
export function insertSeal(db: Database, seal: AuditSeal) {
  // Every column of the table, in its order.
  return db.insert(auditSeals).select(sql`
    SELECT ${seal.fromId}, ${seal.throughId}, ${seal.rowCount}, ${seal.previousHead}, ${seal.head},
      ${seal.sealedAt}, ${seal.keyId}, ${seal.mac}
    WHERE NOT EXISTS (SELECT 1 FROM ${auditSeals} AS rival WHERE rival.through_id >= ${seal.fromId})`)
}

/** Oldest first: the seals that were signed with this key. */
export function listSealsOfKey(db: Database, keyId: string, limit: number) {
  return db
    .select()
    .from(auditSeals)
    .where(eq(auditSeals.keyId, keyId))
    .orderBy(auditSeals.fromId)
    .limit(limit)
}

/** Gives seals another key and MAC, each only if its MAC still is the one that was checked. */
export function updateSealMacs(
  db: Database,
  keyId: string,
  pairs: readonly { old: AuditSeal; mac: string }[],
) {
  // One value for all of them: a statement takes at most 100.
  const json = JSON.stringify(pairs.map(({ old, mac }) => ({ id: old.fromId, was: old.mac, mac })))
  return db.run(sql`
    UPDATE audit_seals SET key_id = ${keyId}, mac = fresh.value ->> 'mac' FROM json_each(${json}) AS fresh
    WHERE audit_seals.from_id = fresh.value ->> 'id' AND audit_seals.mac = fresh.value ->> 'was'`)
}

/** The stub that counts: there is only one, unless somebody has put in another by hand. */
export function findNewestStub(db: Database) {
  return db.select().from(auditStubs).orderBy(desc(auditStubs.throughId)).limit(1)
}

/** Inserts a stub if the log still begins where it was found to begin, after row `beganAfterId`. */
export function insertStub(db: Database, stub: AuditStub, beganAfterId: number) {
  return db.insert(auditStubs).select(sql`
    SELECT ${stub.throughId}, ${stub.head}, ${stub.removedRows}, ${stub.cutAt}, ${stub.keyId}, ${stub.mac}
    WHERE coalesce((SELECT max(through_id) FROM ${auditStubs}), 0) = ${beganAfterId}`)
}

/** The log begins with this stub: what lies before it may go. */
function isCutBy(stub: AuditStub): SQL {
  return sql`EXISTS (SELECT 1 FROM ${auditStubs} AS cut WHERE cut.through_id = ${stub.throughId} AND cut.mac = ${stub.mac})`
}

export function deleteEventsBefore(db: Database, stub: AuditStub) {
  return db.delete(auditEvents).where(and(lte(auditEvents.id, stub.throughId), isCutBy(stub)))
}

export function deleteSealsBefore(db: Database, stub: AuditStub) {
  return db.delete(auditSeals).where(and(lte(auditSeals.throughId, stub.throughId), isCutBy(stub)))
}

export function deleteStubsBefore(db: Database, stub: AuditStub) {
  return db.delete(auditStubs).where(and(lt(auditStubs.throughId, stub.throughId), isCutBy(stub)))
}

/** Gives the stub another key and MAC, if it still is the one that was checked. */
export function updateStubMac(db: Database, old: AuditStub, fresh: Pick<AuditStub, 'keyId' | 'mac'>) {
  return db
    .update(auditStubs)
    .set({ keyId: fresh.keyId, mac: fresh.mac })
    .where(and(eq(auditStubs.throughId, old.throughId), eq(auditStubs.mac, old.mac)))
}
