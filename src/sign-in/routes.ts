/** The doors: /customers/login for customers, as the old service had it, and /auth/login for everyone. */
import * as z from 'zod'
import {
  accountSchema,
  CUSTOMER_EXAMPLE,
  customerSchema,
  emailField,
  showAccount,
  showCustomer,
} from '../accounts/schemas.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { shed } from '../limits/ring.ts'
import { triedPassword } from '../passwords/schemas.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import {
  ANYONE,
  BODY_PROBLEMS,
  bearer,
  body,
  createRoute,
  createRoutes,
  json,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { text } from '../platform/validate.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { requireSession } from '../sessions/guard.ts'
import { deleteSession } from '../sessions/queries.ts'
import { refreshSession, type TokenPair } from '../sessions/refresh.ts'
import { signIn } from './sign-in.ts'

export const signInRoutes = createRoutes()

const credentials = z.strictObject({ email: emailField, password: triedPassword }).meta({ id: 'Credentials' })

const CREDENTIALS_EXAMPLE = { email: 'john@example.com', password: 'securepassword123' }
const TOKEN_EXAMPLE = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjNmOWEwYzEyIn0…'

const REFRESH_TOKEN_EXAMPLE = 'v1.3f9a0c12.x3Jv1Q0yT9mW2cK8bL5sZg.0.Yb1…'

const tokenMembers = {
  token: z.string().meta({ description: 'HS256 JWT; send it as `Authorization: Bearer <token>`' }),
  token_type: z.literal('Bearer'),
  expires_in: z.int().meta({ description: 'Seconds until the token expires' }),
  refresh_token: z.string().meta({ description: 'For /auth/refresh; works once' }),
}

const TOKENS_EXAMPLE = {
  token: TOKEN_EXAMPLE,
  token_type: 'Bearer',
  expires_in: 86_400,
  refresh_token: REFRESH_TOKEN_EXAMPLE,
}

function showTokens({ token, expiresIn, refreshToken }: TokenPair) {
  return { token, token_type: 'Bearer' as const, expires_in: expiresIn, refresh_token: refreshToken }
}

/** Anything of a sane length is looked at; what is no token of ours is refused like a spent one. */
const refreshTokenField = text()
  .refine((value) => value.length <= 1_024, 'Longer than maximum length 1024.')
  .meta({ maxLength: 1024 })

const SIGN_IN_PROBLEMS = [
  ...BODY_PROBLEMS,
  'invalid_credentials',
  'account_suspended',
  'too_many_requests',
  'sign_in_busy',
  'unavailable',
] as const

const customerLogin = createRoute({
  method: 'post',
  path: '/customers/login',
  operationId: 'signInCustomer',
  tags: ['Sign-in'],
  summary: 'Sign in as a customer',
  security: ANYONE,
  description:
    'Gives a token for 24 hours. A staff account gets the answer of a wrong password here; it uses /auth/login.',
  middleware: [shed('SIGN_IN_RING')] as const,
  request: { body: body(credentials, CREDENTIALS_EXAMPLE) },
  responses: {
    200: json(z.object({ message: z.string(), ...tokenMembers, customer: customerSchema }), 'Signed in', {
      message: 'Login successful',
      ...TOKENS_EXAMPLE,
      customer: CUSTOMER_EXAMPLE,
    }),
    ...problems(...SIGN_IN_PROBLEMS),
  },
})

signInRoutes.openapi(customerLogin, async (c) => {
  const { email, password } = c.req.valid('json')
  const { account, tokens } = await signIn(c.var.scope, email, password, 'customers')
  return c.json({ message: 'Login successful', ...showTokens(tokens), customer: showCustomer(account) }, 200)
})

const login = createRoute({
  method: 'post',
  path: '/auth/login',
  operationId: 'signIn',
  tags: ['Sign-in'],
  summary: 'Sign in, whatever the role',
  description: 'An unknown address and a wrong password get the same answer after the same work.',
  security: ANYONE,
  middleware: [shed('SIGN_IN_RING')] as const,
  request: { body: body(credentials, CREDENTIALS_EXAMPLE) },
  responses: {
    200: json(z.object({ message: z.string(), ...tokenMembers, account: accountSchema }), 'Signed in', {
      message: 'Login successful',
      ...TOKENS_EXAMPLE,
      account: { ...CUSTOMER_EXAMPLE, role: 'customer' },
    }),
    ...problems(...SIGN_IN_PROBLEMS),
  },
})

signInRoutes.openapi(login, async (c) => {
  const { email, password } = c.req.valid('json')
  const { account, tokens } = await signIn(c.var.scope, email, password, 'everyone')
  return c.json({ message: 'Login successful', ...showTokens(tokens), account: showAccount(account) }, 200)
})

const refresh = createRoute({
  method: 'post',
  path: '/auth/refresh',
  operationId: 'refreshSession',
  tags: ['Sign-in'],
  summary: 'New tokens for a refresh token, which is spent by it',
  description:
    'The same token again within 10 seconds, from the same user agent, gets the same successor as long as that is unused. Any other spent token ends the session. A session ends 30 days after its last refresh, and 90 days after the sign-in.',
  security: ANYONE,
  // Each rotation is an audit row, which nobody can take back.
  middleware: [shed('SIGN_IN_RING', 'refresh ')] as const,
  request: {
    body: body(z.strictObject({ refresh_token: refreshTokenField }).meta({ id: 'Refresh' }), {
      refresh_token: REFRESH_TOKEN_EXAMPLE,
    }),
  },
  responses: {
    200: json(z.object(tokenMembers).meta({ id: 'Tokens' }), 'The next pair of tokens', TOKENS_EXAMPLE),
    ...problems(...BODY_PROBLEMS, 'invalid_refresh_token', 'too_many_requests', 'unavailable'),
  },
})

signInRoutes.openapi(refresh, async (c) =>
  c.json(showTokens(await refreshSession(c.var.scope, c.req.valid('json').refresh_token)), 200),
)

const logout = createRoute({
  method: 'post',
  path: '/auth/logout',
  operationId: 'signOut',
  tags: ['Sign-in'],
  summary: 'Sign out: the session ends at once, everywhere',
  description: 'Access token and refresh token are refused from the next request on.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read' })] as const,
  request: { body: body(z.strictObject({}), {}, false) },
  responses: {
    200: json(z.object({ message: z.string() }), 'Signed out', { message: 'Logout successful' }),
    ...problems(...SESSION_PROBLEMS, ...BODY_PROBLEMS, 'forbidden'),
  },
})

signInRoutes.openapi(logout, async (c) => {
  const { scope, actor } = c.var
  const event = await signAuditEvent(scope.keys.auditMac, scope.facts, {
    event: 'session.ended',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { by: 'logout' },
  })
  await answered(
    scope.db.batch([
      deleteSession(scope.db, actor.session.id),
      insertAuditEvent(scope.db, event, previousChangedOne),
    ]),
  )
  scope.waitUntil(markEnded(scope.kv, [actor.session], 'session_ended', scope.facts.now))
  return c.json({ message: 'Logout successful' }, 200)
})
