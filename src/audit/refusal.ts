/**
 * Refused access is logged without becoming a tool to flood the log: one row per actor, route and five
 * minutes, and a count of the repeats.
 */
import { answered } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { AuditEventName, AuditFacts } from './events.ts'
import { countAuditRepeat, insertGroupedAuditEvent, signAuditEvent } from './queries.ts'

export const GROUP_SECONDS = 300

interface Refusal {
  readonly actorId: number
  readonly sessionId: string
  readonly method: string
  /** The route's pattern, not the path: the path may hold somebody's id. */
  readonly route: string
  readonly permission: string
}

export async function recordRefusal(scope: RequestScope, refusal: Refusal): Promise<void> {
  const { actorId, sessionId, ...details } = refusal
  const { now } = scope.facts
  const window = Math.floor(now / GROUP_SECONDS)
  const groupKey = ['access.refused', actorId, refusal.method, refusal.route, window].join(' ')
  await recordGrouped(scope, {
    event: 'access.refused',
    outcome: 'refused',
    actorId,
    sessionId,
    details,
    groupKey,
  })
}

/** Writes an event once for its group, and counts how often it happened. */
export async function recordGrouped<Name extends AuditEventName>(
  scope: RequestScope,
  event: AuditFacts<Name> & { readonly groupKey: string },
  times = 1,
): Promise<void> {
  const { groupKey } = event
  const row = await signAuditEvent(scope.keys.auditMac, scope.facts, event)
  await answered(
    scope.db.batch([
      insertGroupedAuditEvent(scope.db, row),
      countAuditRepeat(scope.db, groupKey, scope.facts.now, times),
    ]),
  )
}
