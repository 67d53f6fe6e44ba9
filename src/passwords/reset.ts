/** Setting a password by a one-time link, also the first one by an invitation: single use, no session comes of it, every session ends. */
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import {
  admit,
  announceSuccess,
  beginAttempt,
  NOBODY,
  recordAddressFailure,
  takePlace,
} from '../limits/attempt.ts'
import { deleteAttempt, deleteThrottlesOf } from '../limits/queries.ts'
import { prepareNotice } from '../notices/notice.ts'
import { withdrawLinkMails } from '../outbox/queries.ts'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { deleteSessionsOf } from '../sessions/queries.ts'
import { hashNewPassword } from './check.ts'
import { findPasswordFaults } from './policy.ts'
import {
  consumeLinkTokens,
  findLinkTokenAccount,
  isLiveLinkToken,
  PASSWORD_LINKS,
  updatePassword,
} from './queries.ts'

/**
 * Sets the password that the link's account will sign in with.
 * @throws Problem `too_many_requests`, `link_token_invalid`, `validation_failed`, `sign_in_busy`, `unavailable`
 */
export async function resetPassword(scope: RequestScope, token: string, password: string): Promise<void> {
  const { db, settings, facts } = scope
  const tokenHash = await hashToken(token)
  const attempt = beginAttempt(scope, 'reset', NOBODY)
  const [tally, taken, [account]] = await answered(
    db.batch([...takePlace(db, attempt), findLinkTokenAccount(db, tokenHash, facts.now)]),
  )
  const place = admit(scope, 'reset', attempt, tally, taken)
  if (!account) {
    await recordAddressFailure(scope, place)
    throw new Problem('link_token_invalid')
  }
  const faults = findPasswordFaults(password, {
    ...account,
    minLength: settings.passwordMinLength,
    shopName: settings.shopName,
  })
  if (faults.length > 0) throw new Problem('validation_failed', { errors: { password: faults } })
  const passwordHash = await hashNewPassword(scope, password)

  const isInvitation = account.purpose === 'invitation'
  const isLive = isLiveLinkToken(tokenHash, facts.now)
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: isInvitation ? 'invitation.accepted' : 'password.reset',
    outcome: 'success',
    actorId: account.id,
    subjectId: account.id,
    details: {},
  })
  // A first password is no change that anybody need hear of.
  const owner = { id: account.id, contact: contactOf(account) }
  const notice = account.hadPassword ? await prepareNotice(scope, 'password.reset', owner) : undefined
  // The token is deleted last: every statement before it holds for exactly one of many parallel uses.
  const [changed, , ended] = await answered(
    db.batch([
      updatePassword(db, account.id, { passwordHash, provesAddress: isInvitation }, facts.now, isLive),
      insertAuditEvent(db, event, isLive),
      deleteSessionsOf(db, account.id, isLive),
      // The password that was guessed at is gone, and with it what stood against it.
      deleteThrottlesOf(db, account.id, isLive),
      deleteAttempt(db, attempt.id, isLive),
      ...(notice?.insert(isLive) ?? []),
      withdrawLinkMails(db, account.id, PASSWORD_LINKS, facts.now, isLive),
      consumeLinkTokens(db, account.id, isLive),
    ]),
  )
  if (changed.length === 0) {
    await recordAddressFailure(scope, place)
    throw new Problem('link_token_invalid')
  }
  announceSuccess(scope, place)
  notice?.sendSoon()
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
}
