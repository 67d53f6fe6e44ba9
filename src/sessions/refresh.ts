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
import { addressKey } from '../platform/request-facts.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { ACCESS_TOKEN_SECONDS, issueAccessToken } from './access-token.ts'
import { markEnded, recallMark } from './blacklist.ts'
import { deleteSession } from './queries.ts'
import { findRefreshState, rotateRefresh } from './refresh-queries.ts'
import { issueRefreshToken, type RefreshToken, verifyRefreshToken } from './refresh-token.ts'

/**
 * How long a spent token may still get its successor, in seconds. The rotation may have been written
 * although its answer was lost: who asks again after a 503 must still be within the grace.
 */
export const REFRESH_GRACE_SECONDS = 10

/** Together with the Retry-After of 503, which is 5 s, less than the grace. */
const ROTATED_WITHIN_MS = 3_000

export interface TokenPair {
  readonly token: string
  readonly expiresIn: number
  readonly refreshToken: string
}

type RefreshState = Awaited<ReturnType<typeof findRefreshState>>[number]

/**
 * A new pair for a refresh token. Two round trips; a third for who loses a race.
 * `requireRight` may refuse once it is known which session the token is of, before anything is spent.
 * @throws Problem `invalid_refresh_token`, `unavailable`
 */
export async function refreshSession(
  scope: RequestScope,
  token: string,
  requireRight: (sessionId: string) => Promise<void> = async () => undefined,
): Promise<TokenPair> {
  const { db, keys, facts } = scope
  const presented = await verifyRefreshToken(token, keys.refreshToken)
  if (!presented) throw refused('form or MAC')
  if (recallMark(presented.sessionId, facts.now)?.mark) throw refused('session ended')
  await requireRight(presented.sessionId)
  let [state] = await answered(findRefreshState(db, presented.sessionId))
  if (state && isCurrent(state, presented)) {
    const rotation = await rotate(scope, state, presented)
    if ('expiresAt' in rotation) return issuePair(scope, state.accountId, presented.sessionId, rotation)
    state = rotation.stateThen
  }
  if (!state || state.expiresAt <= facts.now) throw refused('session ended')
  // Not spent, but the account is suspended.
  if (isCurrent(state, presented)) throw refused('account suspended')
  const isRepeated = await isRepeat(scope, state, presented)
  if (!isRepeated) await endReused(scope, state, presented)
  if (!isRepeated || state.status !== 'active') throw refused('spent')
  const { refreshCounter: counter, refreshKeyId: keyId, expiresAt } = state
  const pair = await issuePair(scope, state.accountId, presented.sessionId, { counter, keyId, expiresAt })
  await recordRepeat(scope, state, presented)
  return pair
}

/** A session, and whose it is. */
export interface HeldSession {
  readonly id: string
  readonly accountId: number
}

/**
 * The live session that a refresh token is of, spent or not; nothing is spent by asking.
 * @throws Problem `invalid_refresh_token`, `unavailable`
 */
export async function findSessionOfRefreshToken(scope: RequestScope, token: string): Promise<HeldSession> {
  const presented = await verifyRefreshToken(token, scope.keys.refreshToken)
  if (!presented) throw refused('form or MAC')
  const [state] = await answered(findRefreshState(scope.db, presented.sessionId))
  if (!state || state.expiresAt <= scope.facts.now || state.status !== 'active')
    throw refused('session ended')
  return { id: presented.sessionId, accountId: state.accountId }
}

interface Standing {
  readonly counter: number
  readonly keyId: string | null
  /** Of the session, in unix seconds. */
  readonly expiresAt: number
}

/** The tokens of a session as it stands: an access token of its own, and the refresh token that counts. */
export async function issuePair(
  { keys, settings, facts }: RequestScope,
  accountId: number,
  sessionId: string,
  { counter, keyId, expiresAt }: Standing,
): Promise<TokenPair> {
  const key = keys.refreshToken.byId.get(keyId ?? '')
  // The key that the row names has been taken away meanwhile; its holder signs in again.
  if (!key) throw refused('key')
  const token = await issueAccessToken(keys.accessToken, settings, { accountId, sessionId }, facts.now)
  const refreshToken = await issueRefreshToken(key, sessionId, counter)
  // The session may end before its last token does.
  return { token, expiresIn: Math.min(ACCESS_TOKEN_SECONDS, expiresAt - facts.now), refreshToken }
}

function refused(reason: string): Problem {
  return new Problem('invalid_refresh_token', { reason })
}

function isCurrent(state: RefreshState, { counter, keyId }: RefreshToken): boolean {
  return state.refreshCounter === counter && state.refreshKeyId === keyId
}

async function isRepeat({ facts }: RequestScope, state: RefreshState, presented: RefreshToken) {
  if (presented.counter !== state.refreshCounter - 1 || state.rotatedAt === null) return false
  // Not `facts.now`: whoever holds a request open, its body unsent, would hold the grace open.
  if (Math.abs(clock() - state.rotatedAt) > REFRESH_GRACE_SECONDS) return false
  return state.rotatedBy === (await hashToken(facts.userAgent ?? ''))
}

/** Unix seconds at this moment, not when the request came. */
function clock(): number {
  return Math.floor(Date.now() / 1000)
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
  const [[rotated], , [stateThen]] = await answered(
    db.batch([
      rotateRefresh(db, presented, next, clock()),
      insertAuditEvent(db, event, previousChangedOne),
      findRefreshState(db, presented.sessionId),
    ]),
    ROTATED_WITHIN_MS,
  )
  return rotated ? { counter: presented.counter + 1, keyId, ...rotated } : { stateThen }
}

/** One row for all repeats of one token from one address: it may be sent as often as fits into the grace time. */
async function recordRepeat(scope: RequestScope, state: RefreshState, presented: RefreshToken) {
  await recordGrouped(scope, {
    ...whoseSession(state, presented),
    event: 'refresh_token.repeated',
    outcome: 'success',
    actorId: state.accountId,
    details: {},
    groupKey: [
      'refresh_token.repeated',
      presented.sessionId,
      presented.counter,
      addressKey(scope.facts.address),
    ].join(' '),
  })
}

/** Ends the session: which of the two holders asks cannot be known (RFC 9700 §4.14.2). */
async function endReused(scope: RequestScope, state: RefreshState, presented: RefreshToken): Promise<void> {
  const { db, keys, facts } = scope
  const event = await signAuditEvent(keys.auditMac, facts, {
    ...whoseSession(state, presented),
    event: 'refresh_token.reused',
    outcome: 'refused',
    reason: whyReused(state, presented),
    details: { counter: presented.counter, expected: state.refreshCounter },
  })
  const [ended] = await answered(
    db.batch([deleteSession(db, presented.sessionId), insertAuditEvent(db, event, previousChangedOne)]),
  )
  if (ended.length === 0) return
  logAlert('refresh_token_reused', { account_id: state.accountId, request_id: facts.requestId })
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
}

/** The two others mean a database that was restored to an earlier moment, or a forger with a key. */
function whyReused(state: RefreshState, presented: RefreshToken): string {
  if (presented.counter === state.refreshCounter) return 'other_key'
  return presented.counter < state.refreshCounter ? 'spent' : 'not_yet_issued'
}

function whoseSession(
  state: RefreshState,
  presented: RefreshToken,
): Pick<AuditFacts, 'subjectId' | 'sessionId'> {
  return { subjectId: state.accountId, sessionId: presented.sessionId }
}
