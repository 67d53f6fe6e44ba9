/** Making and revoking API tokens, each in one batch with its audit row. */

import type { Permission } from '../access/roles.ts'
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { prepareNotice } from '../notices/notice.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { findSession, isLiveSession } from '../sessions/queries.ts'
import { requireRecentSignIn } from '../sign-in/freshness.ts'
import { deleteApiToken, insertApiToken, type ListedApiToken } from './queries.ts'
import { issueApiToken } from './token.ts'

const DAY_SECONDS = 86_400

interface WantedToken {
  readonly name: string
  /** All of them within the role's permissions. */
  readonly scopes: readonly Permission[]
  readonly expiresInDays: number
}

/**
 * Makes a token for the actor, whose sign-in must be recent: a token outlives the session that made it. Its text is
 * nowhere but in what this returns.
 * @throws Problem `reauthentication_required`, `api_token_limit_reached`, `invalid_token` (the session ended meanwhile),
 *   `unavailable`
 */
export async function createApiToken(
  scope: RequestScope,
  actor: Actor,
  wanted: WantedToken,
): Promise<{ token: string; row: ListedApiToken }> {
  const { db, facts } = scope
  requireRecentSignIn(scope, actor)
  const { token, id, tokenHash } = await issueApiToken()
  const expiresAt = facts.now + wanted.expiresInDays * DAY_SECONDS
  const row = { id, name: wanted.name, scopes: JSON.stringify(wanted.scopes), expiresAt }
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'token.created',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { token_id: id, scopes: wanted.scopes, expires_at: expiresAt },
  })
  // A changed role ends the session: what was within the role a moment ago still is.
  const isAllowed = isLiveSession(actor.session.id, facts.now)
  const owner = { id: actor.account.id, contact: contactOf(actor.account) }
  const notice = await prepareNotice(scope, 'token.created', owner)
  const [inserted] = await answered(
    db.batch([
      insertApiToken(db, { ...row, tokenHash, accountId: actor.account.id }, facts.now, isAllowed),
      insertAuditEvent(db, event, previousChangedOne),
      ...notice.insert(isRecorded(event)),
    ]),
  )
  if (inserted.meta.changes === 0) throw await whyRefused(scope, actor)
  notice.sendSoon()
  return { token, row: { ...row, createdAt: facts.now, lastUsedAt: null } }
}

async function whyRefused({ db, facts }: RequestScope, actor: Actor): Promise<Problem> {
  const query = { sessionId: actor.session.id, accountId: actor.account.id, now: facts.now }
  const [row] = await findSession(db, query)
  return row?.sessionId && row.status === 'active'
    ? new Problem('api_token_limit_reached')
    : new Problem('invalid_token', { reason: 'ended during the request' })
}

/**
 * Revokes a token of the actor's: it is refused from the next request on. Tells whether there was one.
 * @throws Problem `unavailable`
 */
export async function revokeApiToken(scope: RequestScope, actor: Actor, id: string): Promise<boolean> {
  const { db, facts, keys } = scope
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'token.revoked',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { token_id: id },
  })
  const isAllowed = isLiveSession(actor.session.id, facts.now)
  const [revoked] = await answered(
    db.batch([
      deleteApiToken(db, actor.account.id, id, isAllowed),
      insertAuditEvent(db, event, previousChangedOne),
    ]),
  )
  return revoked.length === 1
}
