/** Deleting a customer for good: the person goes, the shop keeps the tickets without the person. */
import { and, sql } from 'drizzle-orm'
import { contactOf } from '../accounts/address-queries.ts'
import { deleteCustomer, type Profile } from '../accounts/queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { passRings } from '../limits/ring.ts'
import { insertOutboxMessage, withdrawOrphanedLinkMails } from '../outbox/queries.ts'
import { sealMail } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession, listEndingSessions } from '../sessions/queries.ts'
import { requireFreshness, whyRefused } from '../sign-in/freshness.ts'

/**
 * Deletes a customer's account with its sessions and link tokens, and confirms it by mail.
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
  const confirmation = await sealMail(scope, {
    to: contactOf(target),
    // The account is gone by the time that the message is written.
    accountId: null,
    template: 'account_deleted',
    values: {},
  })
  const [sessions, deleted] = await answered(
    db.batch([
      listEndingSessions(db, target.id),
      deleteCustomer(db, target.id, allowed),
      insertAuditEvent(db, event, previousChangedOne),
      insertOutboxMessage(db, confirmation, isRecorded(event)),
      ...cleared,
      withdrawOrphanedLinkMails(db, facts.now),
    ]),
  )
  announce()
  if (deleted.meta.changes === 0) throw await whyRefused(scope, actor)
  sendSoon(scope, confirmation.id)
  scope.waitUntil(markEnded(scope.kv, sessions, 'account_deleted', facts.now))
}
