/** The doors: /customers/login for customers, as the old service had it, and /auth/login for everyone. */
import * as z from 'zod'
import { CUSTOMER_EXAMPLE, customerSchema, emailField, showCustomer } from '../accounts/schemas.ts'
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
import { readCookie } from '../sessions/cookies.ts'
import { readDeviceToken } from '../sessions/devices.ts'
import {
  authMode,
  findSessionOfCookies,
  requireOwnPageForCookies,
  showSignedInByMode,
  signedInAnswer,
} from './cookie-mode.ts'
import { SIGNED_IN_EXAMPLE, showSignedIn, signedInMembers } from './schemas.ts'
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
  'mfa_required',
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
    'Gives a token for 24 hours. A staff account gets the answer of a wrong password here; it uses /auth/login. The same limits hold, and a second factor is asked for in the same way.',
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

const login = createRoute({
  method: 'post',
  path: '/auth/login',
  operationId: 'signIn',
  tags: ['Sign-in'],
  summary: 'Sign in, whatever the role',
  description:
    'An unknown address and a wrong password get the same answer after the same work. After five wrong passwords in a row there are growing waits (429, `Retry-After`); after a hundred the password is disabled and answers as a wrong one until it is reset. With `X-Auth-Mode: cookie`, from a page of this origin, the tokens come in cookies and none is in the body. An account with a second factor gets 401 `mfa_required`, with the members `mfa_token` and `methods` for /auth/mfa/verify.',
  security: ANYONE,
  middleware: [requireOwnPageForCookies, limit('login')] as const,
  request: {
    headers: deviceHeader.extend(authMode),
    body: body(credentials, CREDENTIALS_EXAMPLE),
  },
  responses: later(() => ({
    200: signedInAnswer(),
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
  return c.json(showSignedInByMode(c, signedIn, inCookies), 200)
})
