/** The doors: /customers/login for customers, as the old service had it, and /auth/login for everyone. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import {
  accountSchema,
  CUSTOMER_EXAMPLE,
  customerSchema,
  emailField,
  showAccount,
  showCustomer,
} from '../accounts/schemas.ts'
import { limit } from '../limits/middleware.ts'
import { triedPassword } from '../passwords/schemas.ts'
import {
  ANYONE,
  BODY_PROBLEMS,
  body,
  createRoute,
  createRoutes,
  json,
  later,
  limited,
  problems,
} from '../platform/openapi.ts'
import type { AppEnv, RequestScope } from '../platform/request-scope.ts'
import { readCookie, setDeviceCookie, setTokenCookies } from '../sessions/cookies.ts'
import { requireSameOrigin } from '../sessions/csrf.ts'
import { readDeviceToken } from '../sessions/devices.ts'
import { verifyRefreshToken } from '../sessions/refresh-token.ts'
import { cookieMembers, SIGNED_IN_EXAMPLE, showSignedIn, signedInMembers } from './schemas.ts'
import { signIn } from './sign-in.ts'

export const signInRoutes = createRoutes()

const credentials = z.strictObject({ email: emailField, password: triedPassword }).meta({ id: 'Credentials' })

const CREDENTIALS_EXAMPLE = { email: 'john@example.com', password: 'securepassword123' }

const deviceHeader = z.object({
  'device-token': z.string().optional().meta({
    maxLength: 64,
    // No example: the page /docs would send it.
    description: 'The `device_token` of the last sign-in on this device',
  }),
})

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
    'Gives a token for 24 hours. A staff account gets the answer of a wrong password here; it uses /auth/login. The same limits hold.',
  middleware: [limit('login')] as const,
  request: { headers: deviceHeader, body: body(credentials, CREDENTIALS_EXAMPLE) },
  responses: later(() => ({
    200: limited(
      json(z.object({ ...signedInMembers, customer: customerSchema() }), 'Signed in', {
        ...SIGNED_IN_EXAMPLE,
        customer: CUSTOMER_EXAMPLE,
      }),
    ),
    ...problems(...SIGN_IN_PROBLEMS),
  })),
})

signInRoutes.openapi(customerLogin, async (c) => {
  const deviceToken = readDeviceToken(c.req.valid('header')['device-token'])
  const signedIn = await signIn(c.var.scope, { ...c.req.valid('json'), door: 'customers', deviceToken })
  return c.json({ ...showSignedIn(signedIn), customer: showCustomer(signedIn.account) }, 200)
})

/** Another site must not sign a browser in as somebody else (login CSRF). */
const requireOwnPageForCookies = createMiddleware<AppEnv>(async function requireOwnPageForCookies(c, next) {
  if (c.req.header('x-auth-mode') === 'cookie') requireSameOrigin(c.req)
  await next()
})

/** The refresh cookie outlives the other, and is never read by a script. */
async function findSessionOfCookies(c: Context, { keys }: RequestScope): Promise<string | undefined> {
  const token = readCookie(c, 'refresh_token')
  return token === undefined ? undefined : (await verifyRefreshToken(token, keys.refreshToken))?.sessionId
}

const login = createRoute({
  method: 'post',
  path: '/auth/login',
  operationId: 'signIn',
  tags: ['Sign-in'],
  summary: 'Sign in, whatever the role',
  description:
    'An unknown address and a wrong password get the same answer after the same work. After five wrong passwords in a row there are growing waits (429, `Retry-After`); after a hundred the password is disabled and answers as a wrong one until it is reset. With `X-Auth-Mode: cookie`, from a page of this origin, the tokens come in cookies and none is in the body.',
  security: ANYONE,
  middleware: [requireOwnPageForCookies, limit('login')] as const,
  request: {
    headers: deviceHeader.extend({
      'x-auth-mode': z
        .enum(['bearer', 'cookie'])
        .optional()
        .meta({ description: 'Where the tokens go: into the body, by default, or into cookies' }),
    }),
    body: body(credentials, CREDENTIALS_EXAMPLE),
  },
  responses: later(() => ({
    200: limited(
      json(
        z.union([
          z.object({ ...signedInMembers, account: accountSchema() }),
          z.object({ ...cookieMembers, account: accountSchema() }),
        ]),
        'Signed in',
        { ...SIGNED_IN_EXAMPLE, account: { ...CUSTOMER_EXAMPLE, role: 'customer' } },
      ),
    ),
    ...problems(...SIGN_IN_PROBLEMS, 'csrf_failed'),
  })),
})

signInRoutes.openapi(login, async (c) => {
  const { 'x-auth-mode': mode, 'device-token': sent } = c.req.valid('header')
  const inCookies = mode === 'cookie'
  const deviceToken = readDeviceToken(inCookies ? readCookie(c, 'device_token') : sent)
  const replaces = inCookies ? await findSessionOfCookies(c, c.var.scope) : undefined
  const credentials = { ...c.req.valid('json'), door: 'everyone', deviceToken, replaces } as const
  const signedIn = await signIn(c.var.scope, credentials)
  const account = showAccount(signedIn.account)
  if (!inCookies) return c.json({ ...showSignedIn(signedIn), account }, 200)
  setTokenCookies(c, signedIn.tokens)
  setDeviceCookie(c, signedIn.deviceToken)
  return c.json({ message: 'Login successful', expires_in: signedIn.tokens.expiresIn, account }, 200)
})
