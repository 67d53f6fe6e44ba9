/** An admin sends a message again that has not arrived. */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { findMessage, type ListedMessage, requeueMessage } from './queries.ts'
import { sendSoon } from './send.ts'

/**
 * Puts a message back to the beginning of its attempts and sends it after the answer.
 * @throws Problem `message_not_found`, `message_not_resendable`, `unavailable`
 */
export async function resendMessage(scope: RequestScope, actor: Actor, id: string): Promise<ListedMessage> {
  const { db, facts, keys } = scope
  const [found] = await answered(findMessage(db, id))
  if (!found) throw new Problem('message_not_found')
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'message.resent',
    outcome: 'success',
    actorId: actor.account.id,
    ...(found.accountId !== null && { subjectId: found.accountId }),
    sessionId: actor.session.id,
    details: { message_id: id, template: found.template },
  })
  const [[message]] = await answered(
    db.batch([requeueMessage(db, id, facts.now), insertAuditEvent(db, event, previousChangedOne)]),
  )
  if (!message) throw new Problem('message_not_resendable')
  sendSoon(scope, id)
  return message
}
