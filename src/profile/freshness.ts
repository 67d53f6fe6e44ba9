/**
 * Proof that the person is still there (NIST SP 800-63B-4 §2.2.3): a recent sign-in, or the current
 * password in the same request.
 */
import type { SQL } from 'drizzle-orm'
import { findPasswordHash, hasPasswordHash } from '../accounts/queries.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { checkPassword } from '../passwords/check.ts'
import { answered } from '../platform/database.ts'
import { Problem, reauthenticationRequired } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor, Session } from '../sessions/guard.ts'
import { findSession } from '../sessions/queries.ts'

/** Whether a sign-in is recent enough; a limit of 0 seconds means never. */
export function isFresh(session: Session, freshAuthSeconds: number, now: number): boolean {
  return now - session.authenticatedAt < freshAuthSeconds
}

/**
 * Requires the proof. A current password that is sent is checked even where it is not needed, and the
 * condition returned holds as long as it stays the password. The caller spends from the ring before.
 * @throws Problem `reauthentication_required`, `invalid_credentials`, `sign_in_busy`
 */
export async function requireFreshness(
  scope: RequestScope,
  actor: Actor,
  currentPassword: string | undefined,
): Promise<SQL | undefined> {
  const { settings, facts } = scope
  if (currentPassword !== undefined) return requireCurrentPassword(scope, actor, currentPassword)
  if (isFresh(actor.session, settings.freshAuthSeconds, facts.now)) return undefined
  throw reauthenticationRequired(settings.freshAuthSeconds)
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
 * Requires the password in use, and gives the condition that it still is.
 * @throws Problem `invalid_credentials`, `sign_in_busy`
 */
export async function requireCurrentPassword(
  scope: RequestScope,
  actor: Actor,
  password: string,
): Promise<SQL> {
  const { id } = actor.account
  const [stored] = await answered(findPasswordHash(scope.db, id))
  const verdict = await checkPassword(scope, password, stored?.passwordHash)
  if (verdict.matches && stored?.passwordHash) return hasPasswordHash(id, stored.passwordHash)
  const event = await signAuditEvent(scope.keys.auditMac, scope.facts, {
    event: 'password.check_failed',
    outcome: 'failure',
    reason: verdict.matches ? 'no_password_set' : verdict.reason,
    actorId: id,
    subjectId: id,
    sessionId: actor.session.id,
    details: {},
  })
  await answered(insertAuditEvent(scope.db, event))
  throw new Problem('invalid_credentials', { detail: 'Current password is incorrect' })
}
