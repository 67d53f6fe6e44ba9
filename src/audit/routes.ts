/** /admin/audit-events: listing, exporting and checking the audit log, each of which it records as well. */
import { issueCursor, verifyCursor } from '../platform/cursor.ts'
import { answered } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import {
  bearer,
  createRoute,
  createRoutes,
  json,
  later,
  ndjson,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { type Actor, requireSession } from '../sessions/guard.ts'
import type { AuditFacts } from './events.ts'
import { EXPORT_CHUNK, streamAuditEvents } from './export.ts'
import {
  findLastGivenId,
  insertAuditEvent,
  listAuditEvents,
  listAuditEventsBetween,
  signAuditEvent,
} from './queries.ts'
import {
  AUDIT_EVENT_EXAMPLE,
  auditFilterQuery,
  auditListQuery,
  auditListSchema,
  auditVerdictSchema,
  nameFilters,
  readFilter,
  showAuditEvent,
} from './schemas.ts'
import { verifyAuditLog } from './verify.ts'

export const auditRoutes = createRoutes()

const guarded = {
  tags: ['Audit'],
  security: bearer('audit:read'),
  'x-permission': 'audit:read',
  middleware: requireSession({ permission: 'audit:read' }),
}

/** Whoever reads the log stands in it. */
function signReading<Name extends 'audit.read' | 'audit.exported' | 'audit.verified'>(
  scope: RequestScope,
  actor: Actor,
  facts: Pick<AuditFacts<Name>, 'event' | 'outcome' | 'details' | 'reason'>,
) {
  return signAuditEvent<Name>(scope.keys.auditMac, scope.facts, {
    ...facts,
    actorId: actor.account.id,
    sessionId: actor.session.id,
  })
}

const list = createRoute({
  ...guarded,
  method: 'get',
  path: '/admin/audit-events',
  operationId: 'listAuditEvents',
  summary: 'List audit events, newest first',
  description:
    '`next_cursor` continues the list; it is null on the last page. Each page read is an event too.',
  request: { query: auditListQuery },
  responses: later(() => ({
    200: json(auditListSchema(), 'A page of events', { items: [AUDIT_EVENT_EXAMPLE], next_cursor: null }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed'),
  })),
})

auditRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const { cursor, limit, ...query } = c.req.valid('query')
  const beforeId =
    cursor === undefined ? undefined : await verifyCursor(scope.keys.cursor, 'audit-events', cursor)
  if (cursor !== undefined && beforeId === undefined) {
    throw new Problem('validation_failed', { errors: { cursor: ['Not a valid cursor.'] } })
  }
  const details = { filters: nameFilters(query) }
  const reading = await signReading(scope, actor, { event: 'audit.read', outcome: 'success', details })
  const [rows] = await answered(
    scope.db.batch([
      // One more than asked for tells whether there is a next page.
      listAuditEvents(scope.db, readFilter(query), beforeId, limit + 1),
      insertAuditEvent(scope.db, reading),
    ]),
  )
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor = last ? await issueCursor(scope.keys.cursor, 'audit-events', last.id) : null
  return c.json({ items: rows.slice(0, limit).map(showAuditEvent), next_cursor: nextCursor }, 200)
})

const exportAll = createRoute({
  ...guarded,
  method: 'get',
  path: '/admin/audit-events/export',
  operationId: 'exportAuditEvents',
  summary: 'Download audit events as NDJSON, oldest first',
  description:
    'One event a line, as in the list, up to the newest when the download began. A download that breaks off is not whole.',
  request: { query: auditFilterQuery },
  responses: later(() => ({
    200: ndjson('The events, a JSON object a line', AUDIT_EVENT_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed'),
  })),
})

auditRoutes.openapi(exportAll, async (c) => {
  const { scope, actor } = c.var
  const query = c.req.valid('query')
  const filter = readFilter(query)
  const details = { filters: nameFilters(query) }
  const reading = await signReading(scope, actor, { event: 'audit.exported', outcome: 'success', details })
  const [newest] = await answered(findLastGivenId(scope.db))
  const throughId = newest?.seq ?? 0
  const [first] = await answered(
    scope.db.batch([
      listAuditEventsBetween(scope.db, filter, { afterId: 0, throughId }, EXPORT_CHUNK),
      insertAuditEvent(scope.db, reading),
    ]),
  )
  const { requestId } = scope.facts
  return c.body(streamAuditEvents(scope.db, { filter, first, throughId, requestId }), 200, {
    'Content-Type': 'application/x-ndjson',
    'Content-Disposition': 'attachment; filename="audit-events.ndjson"',
  })
})

const verify = createRoute({
  ...guarded,
  method: 'get',
  path: '/admin/audit-events/verify',
  operationId: 'verifyAuditLog',
  summary: 'Check that no audit event was changed or removed',
  description:
    'Reads the whole log. `first_bad_id` is the first row that is changed, missing or no longer sealed; it is null when all is well, or only the mark outside the database is wrong.',
  responses: later(() => ({
    200: json(auditVerdictSchema(), 'What the check found', {
      ok: true,
      checked: 42,
      sealed_through: 40,
      first_bad_id: null,
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden'),
  })),
})

auditRoutes.openapi(verify, async (c) => {
  const { scope, actor } = c.var
  const { checked, sealedThrough, fault } = await verifyAuditLog(scope.db, scope.kv, scope.keys)
  const firstBadId = fault?.id ?? null
  if (fault) logAlert('audit_verification_failed', { first_bad_id: firstBadId, reason: fault.reason })
  const event = await signReading(scope, actor, {
    event: 'audit.verified',
    outcome: fault ? 'failure' : 'success',
    ...(fault && { reason: fault.reason }),
    details: { checked, first_bad_id: firstBadId },
  })
  await answered(insertAuditEvent(scope.db, event))
  return c.json({ ok: !fault, checked, sealed_through: sealedThrough, first_bad_id: firstBadId }, 200)
})
