/** Ending sessions of one's own, each in one batch with its audit row. */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedSome } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from './blacklist.ts'
import type { Actor } from './guard.ts'
import { deleteSessionsOf, isLiveSession, type SessionsToEnd } from './queries.ts'

/**
 * Ends sessions of the actor as long as the actor's own lives, and tells how many.
 * @throws Problem `unavailable`
 */
export async function endSessions(scope: RequestScope, actor: Actor, which: SessionsToEnd): Promise<number> {
  const { db, facts, keys } = scope
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'session.ended',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { by: 'owner', ended: 'only' in which ? which.only : 'others' },
  })
  const [ended] = await answered(
    db.batch([
      deleteSessionsOf(db, actor.account.id, isLiveSession(actor.session.id, facts.now), which),
      insertAuditEvent(db, event, previousChangedSome),
    ]),
  )
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
  return ended.length
}
