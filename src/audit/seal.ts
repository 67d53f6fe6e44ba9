/**
 * Seals of the audit log. A row's own MAC tells that it was edited, but not that it is gone: a seal says
 * which rows there were, and its MAC covers the head of the seal before, so that seals form a chain. A
 * stub stands for the seals that went when their time was over: the chain begins with its head.
 */
import { equalInConstantTime, hmacSha256, sha256 } from '../crypto/digest.ts'
import { base64url, decodeBase64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { canonicalContent } from './queries.ts'
import type { AuditSeal, AuditStub, StoredAuditEvent } from './tables.ts'

/** What a seal continues: the seal before, the stub, or the beginning of the log. */
export type SealedSoFar = Pick<AuditSeal, 'throughId' | 'head'>

export const UNSEALED: SealedSoFar = { throughId: 0, head: '' }

/** Why a MAC does not speak for its row or seal; undefined when it does. */
export type Distrust = 'changed' | 'key_unknown' | undefined

/** Seals rows that follow a seal; they come in the order of their ids, at least one of them. */
export async function makeSeal(
  keyring: Keyring,
  before: SealedSoFar,
  rows: readonly StoredAuditEvent[],
  now: number,
): Promise<AuditSeal> {
  return signSeal(keyring, {
    // Not the id of the first row: a hole between two seals is part of the later one.
    fromId: before.throughId + 1,
    throughId: rows.at(-1)?.id ?? before.throughId,
    rowCount: rows.length,
    previousHead: before.head,
    head: await headOf(before.head, rows),
    sealedAt: now,
  })
}

/** The head after these rows, base64url of SHA-256. The row numbers are in it, which the rows' own MACs leave out. */
export async function headOf(previousHead: string, rows: readonly StoredAuditEvent[]): Promise<string> {
  const lines = rows.map((row) => JSON.stringify([row.id, canonicalContent(row), row.mac]))
  return base64url(await sha256(utf8([previousHead, ...lines].join('\n'))))
}

/** The seal under the newest key. Of a seal that is signed already only after it was found good. */
export async function signSeal(
  keyring: Keyring,
  { fromId, throughId, rowCount, previousHead, head, sealedAt }: Omit<AuditSeal, 'keyId' | 'mac'>,
): Promise<AuditSeal> {
  const keyId = keyring.newest.id
  const seal = { fromId, throughId, rowCount, previousHead, head, sealedAt, keyId }
  return { ...seal, mac: await macOf(keyring, canonicalSeal(seal)) }
}

/** The stub under the newest key. Of a stub that is signed already only after it was found good. */
export async function signStub(
  keyring: Keyring,
  { throughId, head, removedRows, cutAt }: Omit<AuditStub, 'keyId' | 'mac'>,
): Promise<AuditStub> {
  const stub = { throughId, head, removedRows, cutAt, keyId: keyring.newest.id }
  return { ...stub, mac: await macOf(keyring, canonicalStub(stub)) }
}

export function distrustRow(keyring: Keyring, row: StoredAuditEvent): Promise<Distrust> {
  return distrust(keyring, row.keyId, canonicalContent(row), row.mac)
}

export function distrustSeal(keyring: Keyring, seal: AuditSeal): Promise<Distrust> {
  return distrust(keyring, seal.keyId, canonicalSeal(seal), seal.mac)
}

export function distrustStub(keyring: Keyring, stub: AuditStub): Promise<Distrust> {
  return distrust(keyring, stub.keyId, canonicalStub(stub), stub.mac)
}

function canonicalSeal(seal: Omit<AuditSeal, 'mac'>): string {
  return JSON.stringify([
    'audit-seal-v1',
    seal.fromId,
    seal.throughId,
    seal.rowCount,
    seal.previousHead,
    seal.head,
    seal.sealedAt,
    seal.keyId,
  ])
}

function canonicalStub({ throughId, head, removedRows, cutAt, keyId }: Omit<AuditStub, 'mac'>): string {
  return JSON.stringify(['audit-stub-v1', throughId, head, removedRows, cutAt, keyId])
}

async function macOf(keyring: Keyring, content: string): Promise<string> {
  return base64url(await hmacSha256(keyring.newest.hmac, utf8(content)))
}

async function distrust(keyring: Keyring, keyId: string, content: string, mac: string): Promise<Distrust> {
  const key = keyring.byId.get(keyId)
  if (!key) return 'key_unknown'
  const given = decodeBase64url(mac)
  const isGenuine = given && equalInConstantTime(given, await hmacSha256(key.hmac, utf8(content)))
  return isGenuine ? undefined : 'changed'
}
