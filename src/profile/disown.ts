/** "This was not me": the link of a notice ends what somebody else may have begun. */
import { removePassword } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { deleteAttempt } from '../limits/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { concludeLink, presentLink } from './present-link.ts'
import { secureAccount } from './secure-account.ts'

/**
 * Uses up the link, and with it those of the other notices: every session and API token ends, and nobody signs in before a
 * new password is set by a link that is mailed.
 * @throws Problem `too_many_requests`, `link_token_invalid`, `unavailable`
 */
export async function disown(scope: RequestScope, token: string): Promise<void> {
  const { db, facts } = scope
  const { place, link, isLive } = await presentLink(scope, 'not_me', token)
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'account.disowned',
    outcome: 'success',
    actorId: link.id,
    subjectId: link.id,
    details: {},
  })
  const held = isRecorded(event)
  const [removed, , ended] = await answered(
    db.batch([
      removePassword(db, link.id, facts.now, isLive),
      insertAuditEvent(db, event, previousChangedOne),
      ...secureAccount(scope, link.id, held),
      deleteAttempt(db, place.attempt.id, held),
    ]),
  )
  await concludeLink(scope, place, removed.length === 1)
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
}
