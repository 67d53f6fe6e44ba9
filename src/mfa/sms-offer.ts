/** Offering a telephone number as a second factor. It counts once the code that is sent to it has come back. */
import { and, sql } from 'drizzle-orm'
import { isVerified } from '../accounts/queries.ts'
import { utf8 } from '../crypto/encoding.ts'
import { randomId } from '../crypto/random.ts'
import { isNumberOf } from '../platform/phone-number.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { findSession, isLiveSession } from '../sessions/queries.ts'
import { requireFreshness } from '../sign-in/freshness.ts'
import { signFactorEvent } from './enrol.ts'
import { sealFactorSecret } from './factor-secret.ts'
import { deleteOffer, insertOffer } from './queries.ts'
import { ofOffer } from './sms-code.ts'
import { canSendCodes, sendCode } from './sms-send.ts'

const METHOD = 'sms'

/**
 * Offers a number, in the place of any offer before, and sends a code to it. Gives the id of the factor. Only for an
 * account whose address of mail is verified: one that anybody can open must not send SMS to anybody.
 * @throws Problem `session_required`, `reauthentication_required`, `validation_failed` (its country is not one that gets
 *   SMS), `email_unverified`, `sms_unavailable`, `too_many_requests`, `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function offerSms(scope: RequestScope, actor: Actor, number: string): Promise<string> {
  await requireFreshness(scope, actor, undefined)
  const { db, facts, keys, settings } = scope
  if (!canSendCodes(settings)) throw new Problem('sms_unavailable', { reason: 'not configured' })
  if (!isNumberOf(number, settings.smsCountries)) {
    const message = `Not a number of: ${settings.smsCountries.join(', ')}.`
    throw new Problem('validation_failed', { errors: { phone_number: [message] } })
  }
  const id = randomId()
  const accountId = actor.account.id
  const secret = await sealFactorSecret(keys.factor, { id, accountId }, utf8(number))
  const isSent = await sendCode(scope, {
    ...{ accountId, factorId: id, number, use: ofOffer(accountId) },
    event: await signFactorEvent(scope, actor, 'factor.offered', { method: METHOD, id }),
    isAllowed: and(isLiveSession(actor.session.id, facts.now), isVerified(accountId)) ?? sql`false`,
    alongside: (isAllowed) => [
      deleteOffer(db, accountId, METHOD, isAllowed),
      insertOffer(db, { id, accountId, method: METHOD, secret }, facts.now, isAllowed),
    ],
  })
  if (!isSent) throw await whyNotOffered(scope, actor)
  return id
}

async function whyNotOffered({ db, facts }: RequestScope, { session, account }: Actor): Promise<Problem> {
  const [row] = await findSession(db, { sessionId: session.id, accountId: account.id, now: facts.now })
  return row?.sessionId && row.status === 'active'
    ? new Problem('email_unverified')
    : new Problem('invalid_token', { reason: 'ended during the request' })
}
