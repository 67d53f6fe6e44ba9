/** Showing that mail to an address reaches the person: by the link that was sent there. */
import { and, sql } from 'drizzle-orm'
import { updateEmailVerified } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { deleteAttempt } from '../limits/queries.ts'
import { deleteMailLinks } from '../notices/queries.ts'
import { isVerificationSeldom, prepareVerification } from '../notices/verification.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession } from '../sessions/queries.ts'
import { concludeLink, presentLink } from './present-link.ts'

/**
 * Uses up the link; the address that it was sent to counts as verified, if it still is the account's.
 * @throws Problem `too_many_requests`, `link_token_invalid`, `unavailable`
 */
export async function verifyEmail(scope: RequestScope, token: string): Promise<void> {
  const { db, facts } = scope
  const { place, link, isLive } = await presentLink(scope, 'verify', token)
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'email.verified',
    outcome: 'success',
    actorId: link.id,
    subjectId: link.id,
    details: {},
  })
  const held = isRecorded(event)
  const [verified] = await answered(
    db.batch([
      updateEmailVerified(db, link.id, facts.now, isLive),
      insertAuditEvent(db, event, previousChangedOne),
      deleteAttempt(db, place.attempt.id, held),
      deleteMailLinks(db, link.id, ['verify'], held),
    ]),
  )
  await concludeLink(scope, place, verified.length === 1)
}

/**
 * Mails the actor a new link, which replaces the one before; nothing if the address is verified, or if there have been many.
 * @throws Problem `unavailable`
 */
export async function resendVerification(scope: RequestScope, { account, session }: Actor): Promise<void> {
  if (account.emailVerifiedAt !== null) return
  const { db, facts } = scope
  const { id, email } = account
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'email.verification_requested',
    outcome: 'success',
    actorId: id,
    subjectId: id,
    sessionId: session.id,
    details: {},
  })
  const mail = await prepareVerification(scope, { id, email })
  const isAllowed = and(isLiveSession(session.id, facts.now), isVerificationSeldom(id, facts.now))
  const held = isRecorded(event)
  await answered(
    db.batch([
      insertAuditEvent(db, event, isAllowed ?? sql`false`),
      deleteMailLinks(db, id, ['verify'], held),
      ...mail.insert(held),
    ]),
  )
  mail.sendSoon()
}
