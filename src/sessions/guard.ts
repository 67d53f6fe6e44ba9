/**
 * Who is asking. The token says which session; the database says in one read whether session and
 * account live and what role the account has; KV may say "no" sooner. Data that a route needs anyway
 * can come along in the same statement, which reads it only if the session lives.
 */
import type { SQL } from 'drizzle-orm'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { decideAccess, type Rights } from '../access/decide.ts'
import { type AccessRule, declareRule } from '../access/declared.ts'
import type { Permission } from '../access/roles.ts'
import type { Profile } from '../accounts/queries.ts'
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

/** Lets only a live session with the permission through; sets `actor`, and `alongside` if asked for. */
export function requireSession(options: GuardOptions) {
  const readSession = options.alongside ? compileSessionRead(options.alongside) : findSession
  const guard = createMiddleware<AppEnv & { Variables: { actor: Actor; alongside: string | null } }>(
    async function requireSession(c, next) {
      const { actor, alongside } = await admit(c.get('scope'), c, options, readSession)
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
 * @throws Problem of RFC 6750, `invalid_customer`, `csrf_failed`, `forbidden`, `unavailable`
 */
export async function admit(
  scope: RequestScope,
  c: Context,
  options: GuardOptions,
  readSession = findSession,
) {
  const header = c.req.header('authorization')
  // A request with the header ignores cookies: what counts is never a mix of both.
  const cookie = header === undefined ? readCookie(c, 'access_token') : undefined
  const token = await authenticateToken(cookie ?? readBearerToken(header), scope)
  const admitted = await readActor(scope, token, readSession)
  if (cookie !== undefined) await requireOwnPage(c.req, scope.keys.csrf, token.sessionId)
  await requireAccess(scope, admitted.actor, c, options)
  return admitted
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
  return { actor: { account, session, rights: { role: account.role, scopes: undefined } }, alongside }
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
  const isOther = options.others !== undefined && Number(c.req.param('id')) !== actor.account.id
  const permission = (isOther ? options.others : undefined) ?? options.permission
  const decision = decideAccess(actor.rights, permission, isOther ? 'others' : undefined)
  if (decision.isAllowed) return
  await refuseAccess(scope, actor, c.req, permission)
  throw permissionMissing(permission, isOther ? options.refusal : undefined)
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
