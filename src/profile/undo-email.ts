/** Undoing a changed address: the link that the old one was sent brings it back. */
import { and, sql } from 'drizzle-orm'
import { restoreEmail } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { deleteAttempt } from '../limits/queries.ts'
import type { PresentedCode } from '../mfa/code.ts'
import { deleteUndoLinksSince } from '../notices/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { presentLink } from './present-link.ts'
import { secureAccount } from './secure-account.ts'
import { judgeProof } from './undo-factor.ts'

/**
 * Uses up the link, and those of the changes that came after it. The old address is back, and verified, for the link came
 * to it; every session and API token ends, and nobody signs in before a new password is set. An account with a second
 * factor needs a code of it as well.
 * @throws Problem `too_many_requests`, `link_token_invalid`, `unavailable`; and, with which the link stays good,
 *   `former_email_taken`, `factor_code_missing`, `factor_code_invalid`
 */
export async function undoEmailChange(
  scope: RequestScope,
  token: string,
  presented: PresentedCode | undefined,
): Promise<void> {
  const { db, facts } = scope
  const { place, link, isLive } = await presentLink(scope, 'undo', token)
  const { linkEmail: email, linkEmailCanonical: emailCanonical } = link
  if (email === null || emailCanonical === null) throw new TypeError('an undo link without an address')
  if (link.isTaken) {
    await answered(deleteAttempt(db, place.attempt.id, sql`true`))
    throw new Problem('former_email_taken')
  }
  const proof = await judgeProof(scope, place, { id: link.id, contact: email }, presented)
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'email.change_undone',
    outcome: 'success',
    actorId: link.id,
    subjectId: link.id,
    details: {},
  })
  const held = isRecorded(event)
  const allowed = and(isLive, proof.condition) ?? sql`false`
  const [restored, , ended] = await answered(
    db.batch([
      restoreEmail(db, link.id, { email, emailCanonical }, facts.now, allowed),
      insertAuditEvent(db, event, previousChangedOne),
      ...secureAccount(scope, link.id, held),
      deleteUndoLinksSince(db, link.id, link.number, held),
      deleteAttempt(db, place.attempt.id, held),
      // Behind what ends links: that of the notice of a recovery code stays.
      ...proof.spend(held),
    ]),
  )
  await proof.conclude(restored.length === 1)
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
}
