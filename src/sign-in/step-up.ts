/** Stepping up: the person proves again who they are, and the session counts as fresh from then on. */
import { and, sql } from 'drizzle-orm'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession, updateAuthenticatedAt } from '../sessions/queries.ts'
import { requireCurrentPassword, whyRefused } from './freshness.ts'

/**
 * Checks the password and makes this session, no other, as fresh as a new sign-in. Gives the time until
 * which it counts, in unix seconds. The caller passes the rings before.
 * @throws Problem `invalid_credentials`, `too_many_requests`, `invalid_token` (the session ended meanwhile),
 *   `sign_in_busy`, `unavailable`
 */
export async function stepUp(scope: RequestScope, actor: Actor, password: string): Promise<number> {
  const { db, facts, keys, settings } = scope
  const { condition, cleared, announce } = await requireCurrentPassword(scope, actor, password)
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'session.stepped_up',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { methods: ['password'] },
  })
  // A logout or password change that happened during the derivation must win.
  const allowed = and(isLiveSession(actor.session.id, facts.now), condition) ?? sql`false`
  const [fresh] = await answered(
    db.batch([
      updateAuthenticatedAt(db, actor.session.id, 'password', facts.now, allowed),
      insertAuditEvent(db, event, previousChangedOne),
      ...cleared,
    ]),
  )
  announce()
  if (fresh.length === 0) throw await whyRefused(scope, actor)
  return facts.now + settings.freshAuthSeconds
}
