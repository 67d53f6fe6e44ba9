/**
 * Who is asking. The token says which session; the database says in one read whether session and
 * account live and what role the account has; KV may say "no" sooner. Data that a route needs anyway
 * can come along in the same statement, which reads it only if the session lives. An API token, which
 * a program sends, is read in the same way, without KV.
 */
import type { SQL } from 'drizzle-orm'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { decideAccess, type Rights } from '../access/decide.ts'
import { type AccessRule, askedOf, declareRule } from '../access/declared.ts'
import type { Permission } from '../access/roles.ts'
import type { Profile } from '../accounts/queries.ts'
import {
  compileApiTokenRead,
  findApiToken,
  USED_EVERY_SECONDS,
  updateLastUsed,
} from '../api-tokens/queries.ts'
import { API_TOKEN_PREFIX, isApiToken, parseApiToken } from '../api-tokens/token.ts'
import { recordRefusal } from '../audit/refusal.ts'
import { answered } from '../platform/database.ts'
import { Problem, permissionMissing } from '../platform/problem.ts'
import type { AppEnv, RequestScope } from '../platform/request-scope.ts'
import { type AccessToken, verifyAccessToken } from './access-token.ts'
import { readBearerToken } from './bearer.ts'
import { type EndReason, readMark, recallMark } from './blacklist.ts'
import { readCookie } from './cookies.ts'
import { requireOwnPage } from './csrf.ts'
import { compileSessionRead, findSession, SEEN_EVERY_SECONDS, updateLastSeen } from './queries.ts'

export interface Session {
  readonly id: string
  readonly createdAt: number
  readonly authenticatedAt: number
  readonly expiresAt: number
  /** Where it was opened; null if that was before devices were known. */
  readonly deviceId: string | null
}

/** The signed-in person, read from the database for this request. */
export interface Actor {
  readonly account: Profile
  /** Of an API token, what stands in its place: an id that is no session's, and a sign-in that is never fresh. */
  readonly session: Session
  readonly rights: Rights
}

/** How long an outage of the database waits for KV to refuse, in milliseconds. */
const KV_PATIENCE_MS = 500

interface GuardOptions extends AccessRule {
  /** What somebody is told who asks for another person's `{id}` without the permission for it. */
  readonly refusal?: string
  /** A scalar subquery about the account, whose JSON shares the guard's statement. */
  readonly alongside?: SQL
}

/** The statements that find out who is asking. */
const READS = { session: findSession, apiToken: findApiToken }

/** Lets only a live session, or an API token, with the permission through; sets `actor`, and `alongside` if asked for. */
export function requireSession(options: GuardOptions) {
  const { alongside: data } = options
  const reads = data ? { session: compileSessionRead(data), apiToken: compileApiTokenRead(data) } : READS
  const guard = createMiddleware<AppEnv & { Variables: { actor: Actor; alongside: string | null } }>(
    async function requireSession(c, next) {
      const { actor, alongside } = await admit(c.get('scope'), c, options, reads)
      c.set('actor', actor)
      c.set('person', { ...actor.account, isActor: true })
      c.set('alongside', alongside)
      await next()
    },
  )
  return declareRule(guard, options)
}

/**
 * The actor of a request, if the session lives, has the permission and, with cookies, was asked by a page of this
 * origin.
 * @throws Problem of RFC 6750, `invalid_customer`, `csrf_failed`, `forbidden`, `session_required`, `unavailable`
 */
export async function admit(scope: RequestScope, c: Context, options: GuardOptions, reads = READS) {
  const header = c.req.header('authorization')
  // A request with the header ignores cookies: what counts is never a mix of both.
  const cookie = header === undefined ? readCookie(c, 'access_token') : undefined
  const sent = cookie ?? readBearerToken(header)
  if (cookie === undefined && isApiToken(sent)) {
    const admitted = await readProgram(scope, sent, reads.apiToken)
    await requireAccess(scope, admitted.actor, c, options)
    return admitted
  }
  const token = await authenticateToken(sent, scope)
  const admitted = await readActor(scope, token, reads.session)
  if (cookie !== undefined) await requireOwnPage(c.req, scope.keys.csrf, token.sessionId)
  await requireAccess(scope, admitted.actor, c, options)
  return admitted
}

/** The actor of an API token: its owner, narrowed to what the token names. */
async function readProgram(scope: RequestScope, sent: string, read: typeof findApiToken) {
  const { db, facts } = scope
  const key = await parseApiToken(sent)
  if (!key) throw new Problem('invalid_token', { reason: 'API token form' })
  const [row] = await read(db, { ...key, now: facts.now })
  if (row?.status !== 'active') throw new Problem('invalid_token', { reason: 'API token' })
  const { tokenId, scopes, tokenCreatedAt, tokenExpiresAt, lastUsedAt, alongside, ...account } = row
  if (tokenExpiresAt <= facts.now) throw new Problem('token_expired')
  if (facts.now - (lastUsedAt ?? 0) >= USED_EVERY_SECONDS) {
    // As with sessions: nobody waits for it, and nothing is lost if it fails.
    scope.waitUntil(answered(updateLastUsed(db, tokenId, facts.now)).catch(() => undefined))
  }
  const session: Session = {
    id: API_TOKEN_PREFIX + tokenId,
    createdAt: tokenCreatedAt,
    authenticatedAt: 0,
    expiresAt: tokenExpiresAt,
    deviceId: null,
  }
  const rights: Rights = { role: account.role, scopes: JSON.parse(scopes) }
  return { actor: { account, session, rights }, alongside }
}

async function authenticateToken(sent: string, scope: RequestScope): Promise<AccessToken> {
  const { settings, keys, facts } = scope
  const token = await verifyAccessToken(sent, keys.accessToken, settings, facts.now)
  if (token === 'invalid') throw new Problem('invalid_token', { reason: 'token' })
  if (token === 'expired') throw new Problem('token_expired')
  return token
}

async function readActor(scope: RequestScope, token: AccessToken, readSession: typeof findSession) {
  const { db, kv, facts } = scope
  const recalled = recallMark(token.sessionId, facts.now)
  if (recalled?.mark) throw endedProblem(recalled.mark)
  const read = readSession(db, { sessionId: token.sessionId, accountId: token.accountId, now: facts.now })
  const [row] = recalled
    ? await read
    : await firstRefusalOr(scope, read, readMark(kv, token.sessionId, facts.now))
  if (!row) throw new Problem('invalid_customer')
  if (row.sessionId === null || row.status !== 'active') throw endedProblem('session_ended')
  const {
    sessionId,
    sessionCreatedAt,
    authenticatedAt,
    sessionExpiresAt,
    deviceId,
    lastSeenAt,
    alongside,
    ...account
  } = row
  if (facts.now - (lastSeenAt ?? 0) >= SEEN_EVERY_SECONDS) {
    // Nobody waits for it, and nothing is lost if it fails: the next request tries again.
    scope.waitUntil(answered(updateLastSeen(db, sessionId, facts.now)).catch(() => undefined))
  }
  const times = { createdAt: sessionCreatedAt, authenticatedAt, expiresAt: sessionExpiresAt }
  const session = { id: sessionId, ...times, deviceId }
  const rights: Rights = { role: account.role, scopes: undefined }
  return { actor: { account, session, rights }, alongside }
}

/** Whichever comes first: what the database read, or a mark that refuses. A mark also answers an outage. */
async function firstRefusalOr<T>(
  scope: RequestScope,
  read: Promise<T>,
  mark: Promise<EndReason | undefined>,
): Promise<T> {
  // The answer must not wait for KV, but what KV says is worth remembering.
  scope.waitUntil(mark)
  const refusal = mark.then((reason) => (reason ? Promise.reject(endedProblem(reason)) : undefined))
  const readUnlessRefused = read.catch(async (outage: unknown) => {
    await Promise.race([refusal, scheduler.wait(KV_PATIENCE_MS)])
    throw outage
  })
  return Promise.race([readUnlessRefused, refusal.then(() => readUnlessRefused)])
}

function endedProblem(reason: EndReason): Problem {
  return reason === 'account_deleted'
    ? new Problem('invalid_customer')
    : new Problem('invalid_token', { reason: 'session ended' })
}

async function requireAccess(scope: RequestScope, actor: Actor, c: Context, options: GuardOptions) {
  const { permission, ownership } = askedOf(options, Number(c.req.param('id')), actor.account.id)
  const decision = decideAccess(actor.rights, permission, ownership)
  const lacksSession = options.needsSession === true && actor.rights.scopes !== undefined
  if (decision.isAllowed && !lacksSession) return
  await refuseAccess(scope, actor, c.req, permission)
  // No scope helps there, so none is asked for.
  if (lacksSession) throw new Problem('session_required')
  throw permissionMissing(permission, ownership === 'others' ? options.refusal : undefined)
}

interface Asked {
  readonly method: string
  readonly routePath: string
}

/** Writes a refusal to the audit log, with the route's pattern: its path may name somebody else, and be anything. */
export async function refuseAccess(
  scope: RequestScope,
  actor: Actor,
  request: Asked,
  permission: Permission,
) {
  await recordRefusal(scope, {
    actorId: actor.account.id,
    sessionId: actor.session.id,
    method: request.method,
    route: request.routePath.replace(/\{[^}]*\}/g, ''),
    permission,
  })
}
