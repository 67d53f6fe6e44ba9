/**
 * Proof that the person is still there (NIST SP 800-63B-4 §2.2.3): a recent sign-in, or the current
 * password in the same request, as long as there is no second factor.
 */
import { and, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import { hasPasswordHash } from '../accounts/queries.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import {
  admit,
  announceSuccess,
  beginAttempt,
  clearFailures,
  type Place,
  recordFailure,
  sessionSubject,
  takePlace,
} from '../limits/attempt.ts'
import { SESSION_MAX_FAILURES } from '../limits/policy.ts'
import { deleteAttempt, hasFailures } from '../limits/queries.ts'
import { sessionKey } from '../limits/subject-keys.ts'
import { hasFactor } from '../mfa/queries.ts'
import { checkPassword } from '../passwords/check.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem, reauthenticationRequired } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { ACCESS_TOKEN_SECONDS } from '../sessions/access-token.ts'
import { markEnded } from '../sessions/blacklist.ts'
import type { Actor, Session } from '../sessions/guard.ts'
import { deleteSessionsOf, findSession } from '../sessions/queries.ts'
import { findOwnProofs } from './queries.ts'

/** Whether a sign-in is recent enough; a limit of 0 seconds means never. */
export function isFresh(session: Session, freshAuthSeconds: number, now: number): boolean {
  return now - session.authenticatedAt < freshAuthSeconds
}

/** What allows a change, and what its batch writes of the attempt that proved it. */
export interface Proof {
  /** It holds as long as the password that was checked stays the password. */
  readonly condition: SQL | undefined
  readonly cleared: readonly BatchItem<'sqlite'>[]
  /** After that batch: an outage must not tell a right password, which no count would hold. */
  readonly announce: () => void
}

/** What a recent sign-in proves, and what needs no proof. */
export const NO_ATTEMPT: Proof = { condition: undefined, cleared: [], announce: () => undefined }

/**
 * Requires the proof. A current password that is sent is checked even where it is not needed. The caller passes
 * the rings before.
 * @throws Problem `session_required` (an API token proves nobody's presence), `reauthentication_required`,
 *   `invalid_credentials`, `too_many_requests`, `sign_in_busy`
 */
export async function requireFreshness(
  scope: RequestScope,
  actor: Actor,
  currentPassword: string | undefined,
): Promise<Proof> {
  const { settings, facts } = scope
  // Also with the password: who holds a token that was given to a program must not guess at it.
  if (actor.rights.scopes !== undefined) throw new Problem('session_required')
  const isRecent = isFresh(actor.session, settings.freshAuthSeconds, facts.now)
  if (currentPassword !== undefined) return requireCurrentPassword(scope, actor, currentPassword, isRecent)
  if (isRecent) return NO_ATTEMPT
  throw reauthenticationRequired(settings.freshAuthSeconds)
}

/**
 * Requires the proof before this request, where the body has no room for a password.
 * @throws Problem `reauthentication_required`
 */
export function requireRecentSignIn({ settings, facts }: RequestScope, { session }: Actor): void {
  if (isFresh(session, settings.freshAuthSeconds, facts.now)) return
  throw reauthenticationRequired(
    settings.freshAuthSeconds,
    'Sign in again, or confirm your password or second factor at /auth/step-up',
  )
}

/**
 * Why a change did not hold although it was allowed when the request began: its session has ended, or
 * the password that proved it was changed, or hashed anew, meanwhile.
 */
export async function whyRefused(scope: RequestScope, actor: Actor): Promise<Problem> {
  const { db, facts, settings } = scope
  const query = { sessionId: actor.session.id, accountId: actor.account.id, now: facts.now }
  const [row] = await findSession(db, query)
  const isLive = row !== undefined && row.sessionId !== null && row.status === 'active'
  return isLive
    ? reauthenticationRequired(settings.freshAuthSeconds)
    : new Problem('invalid_token', { reason: 'ended during the request' })
}

/**
 * For a change that did not hold and had another reason than freshness: whether it was that its session has ended.
 * @throws Problem `invalid_token`, `unavailable`
 */
export async function requireStillThere(scope: RequestScope, actor: Actor): Promise<void> {
  const refused = await whyRefused(scope, actor)
  if (refused.code === 'invalid_token') throw refused
}

const STEP_UP_WITH_FACTOR = 'Confirm a code of your second factor at /auth/step-up'

/**
 * Requires the password in use. A wrong one counts like a failed sign-in, in the account's row too; but whether
 * there is an attempt left is counted by session. So strangers who fail to sign in cannot keep the owner from
 * changing the password, and a stolen access token guesses `SESSION_MAX_FAILURES` times, with growing waits,
 * before its session ends. A right one ends the account's count: it proves what a sign-in would. Where there is a
 * second factor it proves less, so that it is not even looked at unless `isRecent` is proof enough.
 * @throws Problem `invalid_credentials`, `reauthentication_required`, `too_many_requests`, `sign_in_busy`
 */
export async function requireCurrentPassword(
  scope: RequestScope,
  actor: Actor,
  password: string,
  isRecent = false,
): Promise<Proof> {
  const { db } = scope
  const { id } = actor.account
  const attempt = beginAttempt(scope, 'password', sessionSubject(actor.session.id, id))
  const [tally, taken, [stored]] = await answered(
    db.batch([...takePlace(db, attempt), findOwnProofs(db, id)]),
  )
  const place = admit(scope, 'password', attempt, tally, taken)
  if (stored?.factorMethods && !isRecent) {
    await answered(deleteAttempt(db, attempt.id, sql`true`))
    throw reauthenticationRequired(scope.settings.freshAuthSeconds, STEP_UP_WITH_FACTOR)
  }
  const verdict = await checkPassword(scope, password, stored?.passwordHash, { mayRehash: false })
  if (verdict.matches && stored?.passwordHash) {
    const isEnough = isRecent ? undefined : sql`NOT ${hasFactor(id)}`
    return {
      condition: and(hasPasswordHash(id, stored.passwordHash), isEnough),
      cleared: clearFailures(scope, place, sql`true`),
      announce: () => announceSuccess(scope, place),
    }
  }
  await failCheck(scope, actor, place, verdict.matches ? 'no_password_set' : verdict.reason)
  throw new Problem('invalid_credentials', { detail: 'Current password is incorrect' })
}

async function failCheck(scope: RequestScope, actor: Actor, place: Place, reason: string): Promise<void> {
  const { db, keys, facts, kv } = scope
  const { id } = actor.account
  const who = { actorId: id, subjectId: id, sessionId: actor.session.id }
  const failed = await signAuditEvent(keys.auditMac, facts, {
    ...who,
    event: 'password.check_failed',
    outcome: 'failure',
    reason,
    details: {},
  })
  const ended = await signAuditEvent(keys.auditMac, facts, {
    ...who,
    event: 'session.ended',
    outcome: 'refused',
    details: { by: 'throttle' },
  })
  const isSpent = hasFailures(sessionKey(actor.session.id), '>=', SESSION_MAX_FAILURES)
  const owner = { id, contact: contactOf(actor.account) }
  const failures = await recordFailure(scope, place, failed, owner, [
    deleteSessionsOf(db, id, isSpent, { only: actor.session.id }),
    insertAuditEvent(db, ended, previousChangedOne),
  ])
  if (failures < SESSION_MAX_FAILURES) return
  const session = { id: actor.session.id, tokenUntil: facts.now + ACCESS_TOKEN_SECONDS }
  scope.waitUntil(markEnded(kv, [session], 'session_ended', facts.now))
}
