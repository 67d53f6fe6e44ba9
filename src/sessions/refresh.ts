/**
 * Refreshing a session (RFC 9700 §4.14.2): each refresh token works once. The same token again within
 * the grace time, from the same user agent and before its successor was used, gets that successor:
 * an answer was lost, or two tabs asked at once. Any other spent token means that somebody else has a
 * copy, so the session ends for both.
 */
import type { AuditFacts } from '../audit/events.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { recordGrouped } from '../audit/refusal.ts'
import { hashToken } from '../crypto/digest.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { ACCESS_TOKEN_SECONDS, issueAccessToken } from './access-token.ts'
import { markEnded, recallMark } from './blacklist.ts'
import { deleteSession, findRefreshState, rotateRefresh } from './queries.ts'
import { issueRefreshToken, type RefreshToken, verifyRefreshToken } from './refresh-token.ts'

/** How long a spent token may still get its successor. */
export const REFRESH_GRACE_SECONDS = 10

export interface TokenPair {
  readonly token: string
  readonly expiresIn: number
  readonly refreshToken: string
}

type RefreshState = Awaited<ReturnType<typeof findRefreshState>>[number]

/**
 * A new pair for a refresh token. Two round trips; a third only for who loses a race.
 * @throws Problem `invalid_refresh_token`, `unavailable`
 */
export async function refreshSession(scope: RequestScope, token: string): Promise<TokenPair> {
  const { db, keys, facts } = scope
  const presented = await verifyRefreshToken(token, keys.refreshToken)
  if (!presented) throw refused('form or MAC')
  if (recallMark(presented.sessionId, facts.now)?.mark) throw refused('session ended')
  let [state] = await answered(findRefreshState(db, presented.sessionId))
  if (state && isCurrent(state, presented)) {
    const rotation = await rotate(scope, state, presented)
    if (rotation.isDone) return issuePair(scope, state.accountId, presented.sessionId, rotation)
    state = rotation.stateThen
  }
  if (!state || state.expiresAt <= facts.now || state.status !== 'active') throw refused('session ended')
  if (isCurrent(state, presented)) throw refused('session changed')
  if (await isRepeat(scope, state, presented)) {
    await recordRepeat(scope, state, presented)
    const { refreshCounter: counter, refreshKeyId: keyId } = state
    return issuePair(scope, state.accountId, presented.sessionId, { counter, keyId })
  }
  await endReused(scope, state, presented)
  throw refused('spent')
}

/** The tokens of a session as it stands: an access token of its own, and the refresh token that counts. */
export async function issuePair(
  { keys, settings, facts }: RequestScope,
  accountId: number,
  sessionId: string,
  { counter, keyId }: { readonly counter: number; readonly keyId: string | null },
): Promise<TokenPair> {
  const key = keys.refreshToken.byId.get(keyId ?? '')
  // The key that the row names has been taken away meanwhile; its holder signs in again.
  if (!key) throw refused('key')
  const token = await issueAccessToken(keys.accessToken, settings, { accountId, sessionId }, facts.now)
  const refreshToken = await issueRefreshToken(key, sessionId, counter)
  return { token, expiresIn: ACCESS_TOKEN_SECONDS, refreshToken }
}

function refused(reason: string): Problem {
  return new Problem('invalid_refresh_token', { reason })
}

function isCurrent(state: RefreshState, { counter, keyId }: RefreshToken): boolean {
  return state.refreshCounter === counter && state.refreshKeyId === keyId
}

async function isRepeat({ facts }: RequestScope, state: RefreshState, presented: RefreshToken) {
  if (presented.counter !== state.refreshCounter - 1 || state.rotatedAt === null) return false
  if (facts.now - state.rotatedAt > REFRESH_GRACE_SECONDS) return false
  return state.rotatedBy === (await hashToken(facts.userAgent ?? ''))
}

/** Moves the counter on, if the token still counts when the database gets to it. */
async function rotate(scope: RequestScope, state: RefreshState, presented: RefreshToken) {
  const { db, keys, facts } = scope
  const keyId = keys.refreshToken.newest.id
  const event = await signAuditEvent(keys.auditMac, facts, {
    ...whoseSession(state, presented),
    event: 'session.refreshed',
    outcome: 'success',
    actorId: state.accountId,
    details: {},
  })
  const next = { keyId, rotatedBy: await hashToken(facts.userAgent ?? '') }
  const [rotated, , [stateThen]] = await answered(
    db.batch([
      rotateRefresh(db, presented, next, facts.now),
      insertAuditEvent(db, event, previousChangedOne),
      findRefreshState(db, presented.sessionId),
    ]),
  )
  return { isDone: rotated.length === 1, counter: presented.counter + 1, keyId, stateThen }
}

/** One row for all repeats of one token: it may be sent as often as fits into the grace time. */
async function recordRepeat(scope: RequestScope, state: RefreshState, presented: RefreshToken) {
  await recordGrouped(scope, {
    ...whoseSession(state, presented),
    event: 'refresh_token.repeated',
    outcome: 'success',
    actorId: state.accountId,
    details: {},
    groupKey: ['refresh_token.repeated', presented.sessionId, presented.counter].join(' '),
  })
}

/** Ends the session: which of the two holders asks cannot be known (RFC 9700 §4.14.2). */
async function endReused(scope: RequestScope, state: RefreshState, presented: RefreshToken): Promise<void> {
  const { db, keys, facts } = scope
  const event = await signAuditEvent(keys.auditMac, facts, {
    ...whoseSession(state, presented),
    event: 'refresh_token.reused',
    outcome: 'refused',
    reason: presented.counter < state.refreshCounter ? 'spent' : 'not_yet_issued',
    details: { counter: presented.counter, expected: state.refreshCounter },
  })
  const [ended] = await answered(
    db.batch([deleteSession(db, presented.sessionId), insertAuditEvent(db, event, previousChangedOne)]),
  )
  if (ended.length === 0) return
  logAlert('refresh_token_reused', { account_id: state.accountId, request_id: facts.requestId })
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
}

function whoseSession(
  state: RefreshState,
  presented: RefreshToken,
): Pick<AuditFacts, 'subjectId' | 'sessionId'> {
  return { subjectId: state.accountId, sessionId: presented.sessionId }
}
