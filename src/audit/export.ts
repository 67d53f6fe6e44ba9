/** The audit log as NDJSON: one event a line, oldest first. */
import { utf8 } from '../crypto/encoding.ts'
import { answered, type Database } from '../platform/database.ts'
import { logInfo } from '../platform/log.ts'
import { type AuditFilter, listAuditEventsBetween } from './queries.ts'
import { type ListedAuditEvent, showAuditEvent } from './schemas.ts'

export const EXPORT_CHUNK = 500

interface Export {
  readonly filter: AuditFilter
  /** The first rows, read before the answer begins: an outage is a 503 as long as it can be. */
  readonly first: readonly ListedAuditEvent[]
  /** The last row that belongs to the export: without an end, a busy log would never be written out. */
  readonly throughId: number
  readonly requestId: string
}

/** Reads on as the client reads, so that memory holds one chunk. An outage breaks the stream off. */
export function streamAuditEvents(
  db: Database,
  { filter, first, throughId, requestId }: Export,
): ReadableStream<Uint8Array> {
  let rows = first
  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const last = rows.at(-1)
    if (!last) return controller.close()
    controller.enqueue(utf8(rows.map((row) => `${JSON.stringify(showAuditEvent(row))}\n`).join('')))
    if (rows.length < EXPORT_CHUNK) return controller.close()
    try {
      const ids = { afterId: last.id, throughId }
      rows = await answered(listAuditEventsBetween(db, filter, ids, EXPORT_CHUNK))
    } catch (error) {
      logInfo('audit export broken off', { request_id: requestId })
      throw error
    }
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}
