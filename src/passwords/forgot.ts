/** A forgotten password: a link by mail. Whether there is such an account, nothing tells: no answer, no time, no count. */
import { sql } from 'drizzle-orm'
import { contactOf } from '../accounts/address-queries.ts'
import { canonicalEmail } from '../accounts/email-address.ts'
import { findActiveRecipient, isActiveRecipient } from '../accounts/queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { base64url } from '../crypto/encoding.ts'
import { randomBytes } from '../crypto/random.ts'
import { admit, beginAttempt, NOBODY, takePlace } from '../limits/attempt.ts'
import { NO_ACCOUNT } from '../notices/link-mail.ts'
import { hasFewMessages, insertOutboxMessage, withdrawLinkMails } from '../outbox/queries.ts'
import { sealMail } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
import { answered } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { consumeLinkTokens, insertLinkToken, RESET_LINK_SECONDS } from './queries.ts'

/** 256 bits. */
const TOKEN_BYTES = 32

/** Whoever asks for somebody else must not fill that mailbox; a further request changes nothing. */
const MAX_MAILS = 5
const MAILS_WITHIN_SECONDS = 3_600

/**
 * Sends a link that sets a new password, if there is an active account of this address: the newest link alone counts. It goes
 * to the last address of the account that was verified, if there is one.
 * @throws Problem `too_many_requests`, `unavailable`
 */
export async function requestReset(scope: RequestScope, email: string): Promise<void> {
  const { db, facts } = scope
  const emailCanonical = canonicalEmail(email) ?? ''
  const attempt = beginAttempt(scope, 'forgot', NOBODY)
  const [tally, place, [account]] = await answered(
    db.batch([...takePlace(db, attempt), findActiveRecipient(db, emailCanonical)]),
  )
  admit(scope, 'forgot', attempt, tally, place)

  // From here on a stranger costs what a customer costs: all is made and asked, and the condition holds for nobody.
  const id = account?.id ?? NO_ACCOUNT
  const token = base64url(randomBytes(TOKEN_BYTES))
  const mail = await sealMail(scope, {
    to: account ? contactOf(account) : email,
    accountId: id,
    template: 'reset',
    values: { token },
  })
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'password.reset_requested',
    outcome: 'success',
    subjectId: id,
    details: {},
  })
  const isAsked = sql`${isActiveRecipient(id, emailCanonical)} AND ${hasFewMessages(id, 'reset', facts.now - MAILS_WITHIN_SECONDS, MAX_MAILS)}`
  const isHeld = isRecorded(event)
  const link = {
    tokenHash: await hashToken(token),
    accountId: id,
    purpose: 'password_reset',
    createdAt: facts.now,
    expiresAt: facts.now + RESET_LINK_SECONDS,
    emailCanonical,
  } as const
  await answered(
    db.batch([
      insertAuditEvent(db, event, isAsked),
      // Anybody may ask for this: an invitation stays what it was.
      consumeLinkTokens(db, id, isHeld, 'password_reset'),
      withdrawLinkMails(db, id, ['reset'], facts.now, isHeld),
      insertLinkToken(db, link, isHeld),
      insertOutboxMessage(db, mail, isHeld),
    ]),
  )
  sendSoon(scope, mail.id)
}
