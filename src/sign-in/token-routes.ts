/** What a signed-in client does with its tokens: /auth/refresh, /auth/logout, /auth/csrf. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import { type AccessRule, declareRule } from '../access/declared.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { limit } from '../limits/middleware.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import {
  ANYONE,
  BODY_PROBLEMS,
  bearer,
  body,
  CHANGE_PROBLEMS,
  createRoute,
  createRoutes,
  json,
  later,
  limited,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import type { AppEnv, RequestScope } from '../platform/request-scope.ts'
import { text } from '../platform/validate.ts'
import { verifyAccessToken } from '../sessions/access-token.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { clearTokenCookies, readCookie, setTokenCookies } from '../sessions/cookies.ts'
import { issueCsrfToken, requireOwnPage } from '../sessions/csrf.ts'
import { admit } from '../sessions/guard.ts'
import { deleteSession } from '../sessions/queries.ts'
import { findSessionOfRefreshToken, type HeldSession, refreshSession } from '../sessions/refresh.ts'
import { cookieMembers, REFRESH_TOKEN_EXAMPLE, showTokens, TOKENS_EXAMPLE, tokenMembers } from './schemas.ts'

export const tokenRoutes = createRoutes()

/** Anything of a sane length is looked at; what is no token of ours is refused like a spent one. */
const refreshTokenField = text()
  .refine((value) => value.length <= 1_024, 'Longer than maximum length 1024.')
  .optional()
  .meta({ maxLength: 1024, description: 'Left out in cookie mode' })

const refresh = createRoute({
  method: 'post',
  path: '/auth/refresh',
  operationId: 'refreshSession',
  tags: ['Sign-in'],
  summary: 'New tokens for a refresh token, which is spent by it',
  description:
    'The same token again within 10 seconds, from the same user agent, gets the same successor as long as that is unused. Any other spent token ends the session. A session ends 30 days after its last refresh, and 90 days after the sign-in. In cookie mode the body is `{}`, and `X-CSRF-Token` is needed.',
  security: ANYONE,
  // Each rotation is an audit row, which nobody can take back.
  middleware: [limit('refresh')] as const,
  request: {
    body: body(z.strictObject({ refresh_token: refreshTokenField }).meta({ id: 'Refresh' }), {
      refresh_token: REFRESH_TOKEN_EXAMPLE,
    }),
  },
  responses: later(() => ({
    200: limited(
      json(
        z.union([z.object(tokenMembers).meta({ id: 'Tokens' }), z.object(cookieMembers)]),
        'The next pair of tokens',
        TOKENS_EXAMPLE,
      ),
    ),
    ...problems(...BODY_PROBLEMS, 'invalid_refresh_token', 'csrf_failed', 'too_many_requests', 'unavailable'),
  })),
})

tokenRoutes.openapi(refresh, async (c) => {
  const { scope } = c.var
  const { refresh_token: sent } = c.req.valid('json')
  if (sent !== undefined) return c.json(showTokens(await refreshSession(scope, sent)), 200)
  const cookie = c.req.header('authorization') === undefined ? readCookie(c, 'refresh_token') : undefined
  if (cookie === undefined) throw new Problem('input_missing')
  const tokens = await refreshSession(scope, cookie, (sessionId) =>
    requireOwnPage(c.req, scope.keys.csrf, sessionId),
  )
  setTokenCookies(c, tokens)
  return c.json({ message: 'Session refreshed', expires_in: tokens.expiresIn }, 200)
})

const ANY_SESSION: AccessRule = { permission: 'profile:read', needsSession: true }

/** A browser whose access token has expired can still sign out, and get the CSRF token for /auth/refresh. */
const requireSessionOrRefreshCookie = declareRule(
  createMiddleware<AppEnv & { Variables: { session: HeldSession } }>(
    async function requireSessionOrRefreshCookie(c, next) {
      c.set('session', await admitByAnyToken(c.get('scope'), c))
      await next()
    },
  ),
  ANY_SESSION,
)

async function admitByAnyToken(scope: RequestScope, c: Context): Promise<HeldSession> {
  const refreshCookie = (await hasAccessToken(scope, c)) ? undefined : readCookie(c, 'refresh_token')
  if (refreshCookie === undefined) {
    const { actor } = await admit(scope, c, ANY_SESSION)
    return { id: actor.session.id, accountId: actor.account.id }
  }
  const session = await findSessionOfRefreshToken(scope, refreshCookie)
  await requireOwnPage(c.req, scope.keys.csrf, session.id)
  return session
}

/** An expired token is none: by the clock of the browser its cookie may live on, and no script can remove it. */
async function hasAccessToken({ keys, settings, facts }: RequestScope, c: Context): Promise<boolean> {
  if (c.req.header('authorization') !== undefined) return true
  const cookie = readCookie(c, 'access_token') ?? ''
  return typeof (await verifyAccessToken(cookie, keys.accessToken, settings, facts.now)) === 'object'
}

const logout = createRoute({
  method: 'post',
  path: '/auth/logout',
  operationId: 'signOut',
  tags: ['Sign-in'],
  summary: 'Sign out: the session ends at once, everywhere',
  description:
    'Access token and refresh token are refused from the next request on. In cookie mode the cookies go as well, and the refresh cookie alone is enough.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSessionOrRefreshCookie] as const,
  request: { body: body(z.strictObject({}), {}, false) },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Signed out', { message: 'Logout successful' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'invalid_refresh_token'),
  })),
})

tokenRoutes.openapi(logout, async (c) => {
  const { scope, session } = c.var
  const event = await signAuditEvent(scope.keys.auditMac, scope.facts, {
    event: 'session.ended',
    outcome: 'success',
    actorId: session.accountId,
    subjectId: session.accountId,
    sessionId: session.id,
    details: { by: 'logout' },
  })
  const [ended] = await answered(
    scope.db.batch([
      deleteSession(scope.db, session.id),
      insertAuditEvent(scope.db, event, previousChangedOne),
    ]),
  )
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', scope.facts.now))
  if (c.req.header('authorization') === undefined) clearTokenCookies(c)
  return c.json({ message: 'Logout successful' }, 200)
})

const csrf = createRoute({
  method: 'get',
  path: '/auth/csrf',
  operationId: 'getCsrfToken',
  tags: ['Sign-in'],
  summary: 'The CSRF token of this session, for cookie mode',
  description:
    'Send it as `X-CSRF-Token` with every POST, PUT, PATCH and DELETE that relies on cookies. It stays good until the session ends or the signing key is retired; ask again after `csrf_failed`. The refresh cookie alone is enough.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSessionOrRefreshCookie] as const,
  responses: later(() => ({
    200: json(z.object({ csrf_token: z.string() }), 'The token', {
      csrf_token: '3f9a0c12.q0Zt8mG1cQx5n2VbJw7sYh4kLd9pRf6uTa3eWi0oXyE',
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'session_required', 'invalid_refresh_token'),
  })),
})

tokenRoutes.openapi(csrf, async (c) =>
  c.json({ csrf_token: await issueCsrfToken(c.var.scope.keys.csrf, c.var.session.id) }, 200),
)
