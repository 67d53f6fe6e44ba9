/**
 * The newest seal once more, in KV: whoever cuts the end of the log in the database, rows and seals, is
 * found by it. It may be stale, which only means that it names an earlier seal.
 */
import * as z from 'zod'
import { within } from '../platform/time-limit.ts'
import type { AuditSeal } from './tables.ts'

const KEY = 'audit-seal:newest'

const ANSWER_WITHIN_MS = 5_000

const markSchema = z.strictObject({
  fromId: z.int(),
  throughId: z.int(),
  rowCount: z.int(),
  previousHead: z.string(),
  head: z.string(),
  sealedAt: z.int(),
  keyId: z.string(),
  mac: z.string(),
})

/** The seal in KV, its MAC unchecked; undefined when there is none, `unreadable` for anything else. Rejects without KV. */
export async function readSealMark(kv: KVNamespace): Promise<AuditSeal | 'unreadable' | undefined> {
  const value = await within(ANSWER_WITHIN_MS, kv.get(KEY))
  if (value === null) return undefined
  try {
    return markSchema.parse(JSON.parse(value))
  } catch {
    return 'unreadable'
  }
}

/** Without a lifetime: the mark stays until a later seal takes its place. */
export async function writeSealMark(kv: KVNamespace, seal: AuditSeal): Promise<void> {
  await within(ANSWER_WITHIN_MS, kv.put(KEY, JSON.stringify(seal)))
}
