/** Asking for a code by SMS: for a sign-in whose first factor was right, or for a step-up. */
import { and, type SQL, sql } from 'drizzle-orm'
import { signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { admit, type Place, recordAddressFailure, takePlace } from '../limits/attempt.ts'
import { FACTOR_MAX_FAILURES } from '../limits/policy.ts'
import { deleteAttempt } from '../limits/queries.ts'
import { answered } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import { isNumberOf } from '../platform/phone-number.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession } from '../sessions/queries.ts'
import { beginFactorAttempt, factorSubject } from './budget.ts'
import { accountOfChallenge, challengeSubject, isLiveChallenge } from './challenge-queries.ts'
import { openNumber } from './factor-secret.ts'
import { findFactor, isFactorHeld, type StoredFactor } from './queries.ts'
import { ofChallenge, ofSession } from './sms-code.ts'
import { canSendCodes, sendCode } from './sms-send.ts'

/**
 * Sends a code that completes this sign-in and no other. Whoever has to wait with guesses gets none.
 * @throws Problem `mfa_token_invalid`, `factor_not_found` (no such factor, or too many wrong codes have disabled it),
 *   `sms_unavailable`, `too_many_requests`, `unavailable`
 */
export async function sendSignInCode(scope: RequestScope, mfaToken: string): Promise<void> {
  const { db, facts } = scope
  const tokenHash = await hashToken(mfaToken)
  const attempt = beginFactorAttempt(scope, challengeSubject(tokenHash, facts.now))
  const account = accountOfChallenge(tokenHash, facts.now)
  const [tally, taken, [factor]] = await answered(
    db.batch([...takePlace(db, attempt), findFactor(db, account, 'sms')]),
  )
  const place = admit(scope, 'mfa', attempt, tally, taken)
  if (place.tally.accountId === null) {
    await recordAddressFailure(scope, place)
    throw new Problem('mfa_token_invalid')
  }
  const isLive = isLiveChallenge(tokenHash, facts.now)
  const isSent = await sendTo(scope, place, factor, { use: ofChallenge(tokenHash), isLive, who: {} })
  if (!isSent) throw new Problem('mfa_token_invalid')
}

/**
 * Sends a code that makes this session fresh and no other.
 * @throws Problem as `sendSignInCode`, but `invalid_token` (the session ended meanwhile)
 */
export async function sendStepUpCode(scope: RequestScope, actor: Actor): Promise<void> {
  const { db, facts } = scope
  const accountId = actor.account.id
  const sessionId = actor.session.id
  const attempt = beginFactorAttempt(scope, factorSubject(accountId))
  const [tally, taken, [factor]] = await answered(
    db.batch([...takePlace(db, attempt), findFactor(db, sql`${accountId}`, 'sms')]),
  )
  const place = admit(scope, 'mfa', attempt, tally, taken)
  const isLive = isLiveSession(sessionId, facts.now)
  const who = { actorId: accountId, sessionId }
  const isSent = await sendTo(scope, place, factor, { use: ofSession(sessionId), isLive, who })
  if (!isSent) throw new Problem('invalid_token', { reason: 'ended during the request' })
}

interface Asked {
  readonly use: string
  /** What asks for it is still there. */
  readonly isLive: SQL
  /** Of a person who is signed in. */
  readonly who: { readonly actorId?: number; readonly sessionId?: string }
}

async function sendTo(
  scope: RequestScope,
  { attempt, tally }: Place,
  factor: StoredFactor | undefined,
  { use, isLive, who }: Asked,
): Promise<boolean> {
  const { db, keys, facts, settings } = scope
  // Asking for a code is no guess: the place is given back whatever comes of it.
  const giveBack = deleteAttempt(db, attempt.id, sql`true`)
  const refuse = async (problem: Problem) => {
    await answered(giveBack)
    throw problem
  }
  if (!factor) return refuse(new Problem('factor_not_found'))
  if (tally.failures >= FACTOR_MAX_FAILURES)
    return refuse(new Problem('factor_not_found', { reason: 'factor_disabled' }))
  const { id: factorId, accountId } = factor
  const number = await openNumber(keys.factor, factor)
  if (number === undefined)
    logAlert('factor_unreadable', { factor_id: factorId, key_id: factor.secret.slice(0, 8) })
  // The settings may have changed since the number was confirmed.
  if (number === undefined || !canSendCodes(settings) || !isNumberOf(number, settings.smsCountries))
    return refuse(new Problem('sms_unavailable', { reason: 'not configured, or not to this number' }))
  const event = await signAuditEvent(keys.auditMac, facts, {
    ...who,
    event: 'factor.code_sent',
    outcome: 'success',
    subjectId: accountId,
    details: { method: 'sms', factor_id: factorId },
  })
  const isAllowed = and(isLive, isFactorHeld(factorId)) ?? sql`false`
  return sendCode(scope, {
    ...{ accountId, factorId, number, use, event, isAllowed },
    alongside: () => [giveBack],
  })
}
