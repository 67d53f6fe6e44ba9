/** Stepping up with the second factor: whoever has one proves by it that they are still there. */
import { and, sql } from 'drizzle-orm'
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { admit, announceSuccess, takePlace } from '../limits/attempt.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession, updateAuthenticatedAt } from '../sessions/queries.ts'
import { requireStillThere } from '../sign-in/freshness.ts'
import { beginFactorAttempt, clearWrongCodes, factorSubject, recordWrongCode } from './budget.ts'
import { type CodeFailure, judgeCode, type PresentedCode, readCodeEvidence } from './code.ts'
import { ofSession } from './sms-code.ts'

/**
 * Checks the code and makes this session, no other, as fresh as a new sign-in. Gives the time until which it counts,
 * in unix seconds. The caller passes the rings before.
 * @throws Problem `factor_code_invalid`, `too_many_requests`, `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function stepUpWithFactor(
  scope: RequestScope,
  actor: Actor,
  presented: PresentedCode,
): Promise<number> {
  const { db, facts, keys, settings } = scope
  const accountId = actor.account.id
  const sessionId = actor.session.id
  const attempt = beginFactorAttempt(scope, factorSubject(accountId))
  const [tally, taken, [factor], [recoveryCode], [smsCode]] = await answered(
    db.batch([
      ...takePlace(db, attempt),
      ...(await readCodeEvidence(scope, accountId, presented, ofSession(sessionId))),
    ]),
  )
  const place = admit(scope, 'mfa', attempt, tally, taken)
  const { failures } = place.tally
  const owner = { id: accountId, contact: contactOf(actor.account) }
  const verdict = await judgeCode(scope, owner, presented, { factor, recoveryCode, smsCode, failures })
  const fail = async (reason: CodeFailure) => {
    const { method } = presented
    await recordWrongCode(scope, place, { accountId, sessionId, method, reason })
    throw new Problem('factor_code_invalid', { reason })
  }
  if (!verdict.isRight) return fail(verdict.reason)
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'session.stepped_up',
    outcome: 'success',
    actorId: accountId,
    subjectId: accountId,
    sessionId,
    details: { methods: [presented.method] },
  })
  const allowed = and(isLiveSession(sessionId, facts.now), verdict.isUnused) ?? sql`false`
  const [fresh] = await answered(
    db.batch([
      updateAuthenticatedAt(db, sessionId, presented.method, facts.now, allowed),
      insertAuditEvent(db, event, previousChangedOne),
      ...verdict.spend(isRecorded(event)),
      ...clearWrongCodes(scope, place, accountId, isRecorded(event)),
    ]),
  )
  if (fresh.length === 0) {
    await requireStillThere(scope, actor)
    return fail('code_used')
  }
  announceSuccess(scope, place)
  verdict.sendSoon()
  return facts.now + settings.freshAuthSeconds
}
