/** A person's data as one JSON document, written as the client reads it. */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { utf8 } from '../crypto/encoding.ts'
import { answered, type Database } from '../platform/database.ts'
import { isoTime } from '../platform/iso-time.ts'
import { logInfo } from '../platform/log.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession } from '../sessions/queries.ts'
import { requireRecentSignIn } from '../sign-in/freshness.ts'
import { type Section, sectionsOf } from './sections.ts'

/**
 * Begins an export: its event and the first page of every section are one batch, so there is no export without a record,
 * and most people's is whole then. Who holds a stolen token must not get all of it at once, so the sign-in must be recent.
 * A session that ends while the rest is read is not noticed; accepted, because it lived when all this was asked for.
 * @throws Problem `reauthentication_required`, `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function exportPersonalData(
  scope: RequestScope,
  actor: Actor,
): Promise<ReadableStream<Uint8Array>> {
  const { db, facts, keys } = scope
  requireRecentSignIn(scope, actor)
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'account.exported',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: {},
  })
  const sections = sectionsOf(db, actor, event.eventId, keys.factor)
  const [recorded, ...pages] = await answered(
    db.batch([
      insertAuditEvent(db, event, isLiveSession(actor.session.id, facts.now)),
      ...sections.map(({ read }) => read(undefined)),
    ]),
  )
  if (recorded.meta.changes === 0) throw new Problem('invalid_token', { reason: 'ended during the request' })
  return streamText(writeDocument(db, facts.now, sections, pages), facts.requestId)
}

/** The document in pieces. It is valid JSON only once the last one has been written. */
async function* writeDocument(
  db: Database,
  now: number,
  sections: readonly Section[],
  pages: readonly unknown[],
): AsyncGenerator<string, undefined> {
  yield `{"exported_at":${JSON.stringify(isoTime(now))}`
  for (const [index, section] of sections.entries()) {
    yield `,"${section.name}":`
    if (section.isSingle) yield JSON.stringify((await section.show(pages[index]))[0] ?? null)
    else yield* writeList(db, section, pages[index])
  }
  yield '}\n'
}

/** Reads on, page by page, so that memory holds one. */
async function* writeList(db: Database, section: Section, first: unknown): AsyncGenerator<string, undefined> {
  let rows = first
  let separator = '['
  for (;;) {
    const items = (await section.show(rows)).map((item) => JSON.stringify(item))
    if (items.length > 0) yield separator + items.join(',')
    if (items.length > 0) separator = ','
    const place = section.findPlace(rows)
    if (place === undefined) break
    const [page] = await answered(db.batch([section.read(place)]))
    rows = page
  }
  yield separator === '[' ? '[]' : ']'
}

/** An outage breaks the stream off, so that neither the transfer nor the JSON ends as a whole one does. */
function streamText(
  pieces: AsyncGenerator<string, undefined>,
  requestId: string,
): ReadableStream<Uint8Array> {
  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const { done, value } = await pieces.next()
      if (done) controller.close()
      else controller.enqueue(utf8(value))
    } catch (error) {
      logInfo('personal data export broken off', { request_id: requestId })
      throw error
    }
  }
  return new ReadableStream({ pull, cancel: () => void pieces.return(undefined) }, { highWaterMark: 0 })
}
