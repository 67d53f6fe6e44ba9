/**
 * The second half of a sign-in: the token of the first one and a code. Two round trips, as the first half; the session,
 * the code and the token are one batch, so of many uses at once exactly one opens a session.
 */
import { and, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { randomId } from '../crypto/random.ts'
import { admit, announceSuccess, type Place, recordAddressFailure, takePlace } from '../limits/attempt.ts'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { trustDevice } from '../sessions/device-queries.ts'
import { judgeFamiliarity } from '../sign-in/familiarity.ts'
import { admitOpened, type SignedIn } from '../sign-in/gate.ts'
import { openSession } from '../sign-in/open-session.ts'
import { beginFactorAttempt, clearWrongCodes, recordWrongCode } from './budget.ts'
import {
  accountOfChallenge,
  challengeSubject,
  countChallengeFailure,
  deleteChallenge,
  findChallenge,
  isLiveChallenge,
} from './challenge-queries.ts'
import { type CodeFailure, judgeCode, type PresentedCode, readCodeEvidence } from './code.ts'
import { ofChallenge } from './sms-code.ts'

interface SecondHalf extends PresentedCode {
  readonly mfaToken: string
  readonly trustsDevice: boolean
  /** The session that the browser came with, whose cookies the new ones replace. */
  readonly replaces: string | undefined
}

type Challenge = Awaited<ReturnType<typeof findChallenge>>[number]

/**
 * Opens the session that the first factor was right for.
 * @throws Problem `mfa_token_invalid`, `factor_code_invalid`, `too_many_requests`, `unavailable`
 */
export async function verifySecondFactor(scope: RequestScope, sent: SecondHalf): Promise<SignedIn> {
  const { db, facts } = scope
  const tokenHash = await hashToken(sent.mfaToken)
  const attempt = beginFactorAttempt(scope, challengeSubject(tokenHash, facts.now))
  const [tally, taken, [challenge], [factor], [recoveryCode], [smsCode]] = await answered(
    db.batch([
      ...takePlace(db, attempt),
      findChallenge(db, tokenHash, facts),
      ...(await readCodeEvidence(
        scope,
        accountOfChallenge(tokenHash, facts.now),
        sent,
        ofChallenge(tokenHash),
      )),
    ]),
  )
  const place = admit(scope, 'mfa', attempt, tally, taken)
  if (!challenge) {
    await recordAddressFailure(scope, place)
    throw new Problem('mfa_token_invalid')
  }
  const { failures } = place.tally
  const owner = { id: challenge.id, contact: contactOf(challenge) }
  const verdict = await judgeCode(scope, owner, sent, { factor, recoveryCode, smsCode, failures })
  const fail = (reason: CodeFailure) => failCode(scope, place, { challenge, tokenHash, sent, reason })
  if (!verdict.isRight) return fail(verdict.reason)
  const { methods, deviceId: known, ...account } = challenge
  const deviceId = known ?? randomId()
  const trusting = sent.trustsDevice ? await trusts(scope, account.id, deviceId) : undefined
  const opened = await openSession(scope, {
    accountId: account.id,
    methods: [...(JSON.parse(methods) as string[]), sent.method],
    stillProved: and(isLiveChallenge(tokenHash, facts.now), verdict.isUnused) ?? sql`false`,
    isFresh: true,
    rehash: undefined,
    deviceId,
    replaces: sent.replaces,
    held: { sessions: account.sessionCount, devices: account.deviceCount },
    news: judgeFamiliarity(account, known !== null, facts.country),
    contact: owner.contact,
    clear: (isOpened) => [
      ...verdict.spend(isOpened),
      deleteChallenge(db, tokenHash, isOpened),
      ...clearWrongCodes(scope, place, account.id, isOpened),
      ...(trusting?.(isOpened) ?? []),
    ],
  })
  // Somebody else was quicker with this code or this token, or the account has changed.
  if (!opened) return fail('code_used')
  announceSuccess(scope, place)
  verdict.sendSoon()
  return admitOpened(scope, account, opened)
}

interface Failure {
  readonly challenge: Challenge
  readonly tokenHash: string
  readonly sent: SecondHalf
  readonly reason: CodeFailure
}

async function failCode(scope: RequestScope, place: Place, failure: Failure): Promise<never> {
  const { challenge, tokenHash, sent, reason } = failure
  const wrong = { accountId: challenge.id, method: sent.method, reason }
  await recordWrongCode(scope, place, wrong, [countChallengeFailure(scope.db, tokenHash)])
  throw new Problem('factor_code_invalid', { reason })
}

/** The statements that trust the device of the session that is being opened. */
async function trusts(
  { db, keys, facts }: RequestScope,
  accountId: number,
  deviceId: string,
): Promise<(when: SQL) => BatchItem<'sqlite'>[]> {
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'device.trusted',
    outcome: 'success',
    actorId: accountId,
    subjectId: accountId,
    details: { device_id: deviceId },
  })
  return (when) => [trustDevice(db, accountId, deviceId, facts.now, when), insertAuditEvent(db, event, when)]
}
