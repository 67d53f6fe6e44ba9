/** What an admin does for somebody who has neither the telephone nor a recovery code: the factors go, and the person begins anew. */
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { deleteFactors } from '../mfa/queries.ts'
import { followRemoval } from '../mfa/remove.ts'
import { prepareNotice } from '../notices/notice.ts'
import { answered, previousChangedSome } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import type { Actor } from '../sessions/guard.ts'
import { deleteSessionsOf, isLiveSession } from '../sessions/queries.ts'
import { requireRecentSignIn, requireStillThere } from '../sign-in/freshness.ts'
import type { AccountRow } from './queries.ts'

/**
 * Removes every factor of an account with its recovery codes, ends its sessions, the actor's own too, mails the owner, and
 * tells how many factors there were. The password stays, so whoever knows it signs in: make sure first who is asking.
 * @throws Problem `reauthentication_required`, `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function resetFactors(scope: RequestScope, actor: Actor, target: AccountRow): Promise<number> {
  requireRecentSignIn(scope, actor)
  const { db, facts, keys, kv } = scope
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'factor.reset',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: target.id,
    sessionId: actor.session.id,
    details: {},
  })
  const isRemoved = isRecorded(event)
  const owner = { id: target.id, contact: contactOf(target) }
  const notice = await prepareNotice(scope, 'factor.reset', owner)
  const [removed, , ...rest] = await answered(
    db.batch([
      deleteFactors(db, target.id, isLiveSession(actor.session.id, facts.now)),
      insertAuditEvent(db, event, previousChangedSome),
      deleteSessionsOf(db, target.id, isRemoved),
      ...followRemoval(db, target.id, isRemoved),
      ...notice.insert(isRemoved),
    ]),
  )
  notice.sendSoon()
  scope.waitUntil(markEnded(kv, rest[0], 'session_ended', facts.now))
  if (removed.length === 0) await requireStillThere(scope, actor)
  return removed.length
}
