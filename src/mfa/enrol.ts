/** Getting a second factor: it is offered, and counts once a code of it has been sent back. */
import { and, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { randomBytes, randomId } from '../crypto/random.ts'
import { TOTP_SECRET_BYTES } from '../crypto/totp.ts'
import { admit, announceSuccess, takePlace } from '../limits/attempt.ts'
import { deleteAttempt } from '../limits/queries.ts'
import { prepareNotice } from '../notices/notice.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { distrustDevicesOf } from '../sessions/device-queries.ts'
import type { Actor } from '../sessions/guard.ts'
import { deleteSessionsOf, isLiveSession, updateAuthenticatedAt } from '../sessions/queries.ts'
import { requireFreshness, requireStillThere } from '../sign-in/freshness.ts'
import { beginFactorAttempt, clearWrongCodes, factorSubject, recordWrongCode } from './budget.ts'
import { deleteChallengesOf } from './challenge-queries.ts'
import { type CodeFailure, findStep, judgeSmsCode } from './code.ts'
import { sealFactorSecret } from './factor-secret.ts'
import {
  confirmOffer,
  deleteFactor,
  deleteOffer,
  deleteRecoveryCodes,
  type FactorMethod,
  findOffer,
  insertOffer,
  insertRecoveryCodes,
  isOnOffer,
  type StoredFactor,
} from './queries.ts'
import { hashRecoveryCode, makeRecoveryCodes } from './recovery-codes.ts'
import { ofOffer } from './sms-code.ts'
import { findSmsCode, type StoredSmsCode } from './sms-queries.ts'

/**
 * Offers a factor in the place of any offer before. The secret is nowhere readable but in what this returns.
 * @throws Problem `session_required`, `reauthentication_required`, `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function offerTotp(
  scope: RequestScope,
  actor: Actor,
): Promise<{ readonly id: string; readonly secret: Uint8Array }> {
  await requireFreshness(scope, actor, undefined)
  const { db, facts, keys } = scope
  const id = randomId()
  const secret = randomBytes(TOTP_SECRET_BYTES)
  const accountId = actor.account.id
  const box = await sealFactorSecret(keys.factor, { id, accountId }, secret)
  const event = await signFactorEvent(scope, actor, 'factor.offered', { method: 'totp', id })
  const isAllowed = isLiveSession(actor.session.id, facts.now)
  const [, offered] = await answered(
    db.batch([
      deleteOffer(db, accountId, 'totp', isAllowed),
      insertOffer(db, { id, accountId, method: 'totp', secret: box }, facts.now, isAllowed),
      insertAuditEvent(db, event, previousChangedOne),
    ]),
  )
  if (offered.length === 0) throw new Problem('invalid_token', { reason: 'ended during the request' })
  return { id, secret }
}

/**
 * Makes the offered factor count, in the place of the one before, and gives the new recovery codes. Every other session
 * ends: it was opened without this factor.
 * @throws Problem `session_required`, `reauthentication_required`, `factor_not_found`, `factor_code_invalid`,
 *   `too_many_requests`, `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function confirmFactor(
  scope: RequestScope,
  actor: Actor,
  method: FactorMethod,
  code: string,
): Promise<string[]> {
  await requireFreshness(scope, actor, undefined)
  const { db, facts } = scope
  const { id: accountId } = actor.account
  const attempt = beginFactorAttempt(scope, factorSubject(accountId))
  const [tally, taken, [offer], [smsCode]] = await answered(
    db.batch([
      ...takePlace(db, attempt),
      findOffer(db, accountId, method, facts.now),
      findSmsCode(db, ofOffer(accountId), facts.now),
    ]),
  )
  const place = admit(scope, 'mfa', attempt, tally, taken)
  if (!offer) {
    await answered(deleteAttempt(db, attempt.id, sql`true`))
    throw new Problem('factor_not_found')
  }
  const fail = async (reason: CodeFailure) => {
    const wrong = { accountId, sessionId: actor.session.id, method, reason }
    await recordWrongCode(scope, place, wrong)
    throw new Problem('factor_code_invalid', { reason })
  }
  const proof = await judgeOffer(scope, { ...offer, method }, smsCode, code)
  if ('reason' in proof) return fail(proof.reason)
  const codes = makeRecoveryCodes()
  const isConfirmed = await writeConfirmation(scope, actor, { ...offer, method }, proof, codes, (isWritten) =>
    clearWrongCodes(scope, place, accountId, isWritten),
  )
  if (!isConfirmed) {
    await requireStillThere(scope, actor)
    return fail('code_used')
  }
  announceSuccess(scope, place)
  return codes
}

interface Offer extends StoredFactor {
  readonly method: FactorMethod
}

/** What a right code spends: the step of an app, or the one that was sent. */
interface OfferProof {
  readonly step: number | null
  readonly isUnused: SQL
  readonly spend: (when: SQL) => readonly BatchItem<'sqlite'>[]
}

async function judgeOffer(
  scope: RequestScope,
  offer: Offer,
  smsCode: StoredSmsCode | undefined,
  code: string,
): Promise<OfferProof | { readonly reason: CodeFailure }> {
  if (offer.method === 'sms') {
    const verdict = await judgeSmsCode(scope, offer, smsCode, code)
    return verdict.isRight ? { ...verdict, step: null } : verdict
  }
  const found = await findStep(scope, offer, code)
  return 'reason' in found ? found : { ...found, isUnused: sql`true`, spend: () => [] }
}

async function writeConfirmation(
  scope: RequestScope,
  actor: Actor,
  { id, accountId, method }: Offer,
  { step, isUnused, spend }: OfferProof,
  codes: readonly string[],
  clear: (isWritten: ReturnType<typeof isRecorded>) => ReturnType<typeof clearWrongCodes>,
): Promise<boolean> {
  const { db, facts } = scope
  const sessionId = actor.session.id
  const hashes = await Promise.all(codes.map(hashRecoveryCode))
  const event = await signFactorEvent(scope, actor, 'factor.added', { method, id })
  const isWritten = isRecorded(event)
  const notice = await prepareNotice(scope, 'factor.added', {
    id: accountId,
    contact: contactOf(actor.account),
  })
  const isProved = and(isUnused, isLiveSession(sessionId, facts.now)) ?? sql`false`
  const isAllowed = and(isOnOffer(id, facts.now), isProved) ?? sql`false`
  const [, confirmed, , , , ended] = await answered(
    db.batch([
      deleteFactor(db, accountId, method, isAllowed),
      confirmOffer(db, id, step, facts.now, isProved),
      insertAuditEvent(db, event, previousChangedOne),
      deleteRecoveryCodes(db, accountId, isWritten),
      insertRecoveryCodes(db, accountId, hashes, facts.now, isWritten),
      deleteSessionsOf(db, accountId, isWritten, { except: sessionId }),
      updateAuthenticatedAt(db, sessionId, method, facts.now, isWritten),
      distrustDevicesOf(db, accountId, isWritten),
      deleteChallengesOf(db, accountId, isWritten),
      ...spend(isWritten),
      ...clear(isWritten),
      ...notice.insert(isWritten),
    ]),
  )
  notice.sendSoon()
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
  return confirmed.length === 1
}

export function signFactorEvent(
  { keys, facts }: RequestScope,
  actor: Actor,
  event: 'factor.offered' | 'factor.added',
  { method, id }: { readonly method: FactorMethod; readonly id: string },
) {
  return signAuditEvent(keys.auditMac, facts, {
    event,
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { method, factor_id: id },
  })
}
