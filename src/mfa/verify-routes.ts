/** /auth/mfa/verify: the second half of a sign-in, whatever the first factor was. */
import * as z from 'zod'
import { limit } from '../limits/middleware.ts'
import {
  ANYONE,
  BODY_PROBLEMS,
  body,
  createRoute,
  createRoutes,
  later,
  problems,
} from '../platform/openapi.ts'
import {
  authMode,
  findSessionOfCookies,
  requireOwnPageForCookies,
  showSignedInByMode,
  signedInAnswer,
} from '../sign-in/cookie-mode.ts'
import { verifySchema } from './schemas.ts'
import { verifySecondFactor } from './verify.ts'

export const mfaVerifyRoutes = createRoutes()

const verify = createRoute({
  method: 'post',
  path: '/auth/mfa/verify',
  operationId: 'verifySecondFactor',
  tags: ['Second factor'],
  summary: 'Complete a sign-in that answered `mfa_required`',
  description:
    'Answers as /auth/login does, at whichever door the sign-in began. A code works once, and so does the `mfa_token`; five wrong codes end it. All wrong codes of an account count together: after five there are growing waits. With `X-Auth-Mode: cookie`, from a page of this origin, the tokens come in cookies and none is in the body.',
  security: ANYONE,
  middleware: [requireOwnPageForCookies, limit('mfa')] as const,
  request: {
    headers: z.object(authMode),
    body: body(verifySchema, {
      mfa_token: 'u6Wd0aPzX3kRq9sVtB1yNc',
      method: 'totp',
      code: '492039',
      trust_device: false,
    }),
  },
  responses: later(() => ({
    200: signedInAnswer(),
    ...problems(
      ...BODY_PROBLEMS,
      'mfa_token_invalid',
      'factor_code_invalid',
      'csrf_failed',
      'too_many_requests',
      'unavailable',
    ),
  })),
})

mfaVerifyRoutes.openapi(verify, async (c) => {
  const { scope } = c.var
  const inCookies = c.req.valid('header')['x-auth-mode'] === 'cookie'
  const { mfa_token: mfaToken, method, code, trust_device: trustsDevice = false } = c.req.valid('json')
  const replaces = inCookies ? await findSessionOfCookies(c, scope) : undefined
  const signedIn = await verifySecondFactor(scope, { mfaToken, method, code, trustsDevice, replaces })
  return c.json(showSignedInByMode(c, signedIn, inCookies), 200)
})
