/** Deleting a customer for good: the person goes, the shop keeps the tickets without the person. */
import { and, sql } from 'drizzle-orm'
import { deleteCustomer, type Profile } from '../accounts/queries.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { passRings } from '../limits/ring.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession, listEndingSessions } from '../sessions/queries.ts'
import { requireFreshness, whyRefused } from '../sign-in/freshness.ts'

/**
 * Deletes a customer's account with its sessions and link tokens.
 * @throws Problem `reauthentication_required`, `invalid_credentials`, `too_many_requests`, `invalid_token` (the session
 *   ended meanwhile), `sign_in_busy`, `unavailable`
 */
export async function deleteAccount(
  scope: RequestScope,
  actor: Actor,
  target: Profile,
  currentPassword: string | undefined,
): Promise<void> {
  const { db, facts } = scope
  if (currentPassword !== undefined) await passRings(scope, 'password')
  const { condition, cleared, announce } = await requireFreshness(scope, actor, currentPassword)
  const allowed = and(isLiveSession(actor.session.id, facts.now), condition) ?? sql`false`
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'account.deleted',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: target.id,
    sessionId: actor.session.id,
    details: { role: target.role },
  })
  const [sessions, deleted] = await answered(
    db.batch([
      listEndingSessions(db, target.id),
      deleteCustomer(db, target.id, allowed),
      insertAuditEvent(db, event, previousChangedOne),
      ...cleared,
    ]),
  )
  announce()
  if (deleted.meta.changes === 0) throw await whyRefused(scope, actor)
  scope.waitUntil(markEnded(scope.kv, sessions, 'account_deleted', facts.now))
}
