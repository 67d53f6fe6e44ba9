/** /auth/password: what a person without a session can do about a password. */
import * as z from 'zod'
import { emailField } from '../accounts/schemas.ts'
import { limit } from '../limits/middleware.ts'
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
import { requestReset } from './forgot.ts'
import { resetPassword } from './reset.ts'
import { linkToken, newPassword } from './schemas.ts'

export const passwordRoutes = createRoutes()

const resetRoute = createRoute({
  method: 'post',
  path: '/auth/password/reset',
  operationId: 'resetPassword',
  tags: ['Passwords'],
  summary: 'Set a password by a one-time link token',
  security: ANYONE,
  description: 'Uses up the token and ends every session of the account. Sign in afterwards.',
  middleware: [limit('reset')] as const,
  request: {
    body: body(z.strictObject({ token: linkToken, password: newPassword }), {
      token: 'Yk0bq1rP2sV3tX4wZ5aB6cD7eF8gH9iJ0kL1mN2oP3Q',
      password: 'a-long-new-passphrase',
    }),
  },
  responses: later(() => ({
    200: limited(
      json(z.object({ message: z.string() }), 'The password is set', {
        message: 'Password reset successfully',
      }),
    ),
    ...problems(...BODY_PROBLEMS, 'link_token_invalid', 'too_many_requests', 'sign_in_busy', 'unavailable'),
  })),
})

passwordRoutes.openapi(resetRoute, async (c) => {
  const { token, password } = c.req.valid('json')
  await resetPassword(c.var.scope, token, password)
  return c.json({ message: 'Password reset successfully' }, 200)
})

const REQUESTED = 'If there is an account with this address, a mail is on its way to it'

const forgotRoute = createRoute({
  method: 'post',
  path: '/auth/password/forgot',
  operationId: 'forgotPassword',
  tags: ['Passwords'],
  summary: 'Ask for a link that sets a new password',
  security: ANYONE,
  description:
    'The answer is the same whether or not there is such an account. The link works once, for one hour, and a further one replaces it; an account gets at most five an hour.',
  middleware: [limit('forgot')] as const,
  request: { body: body(z.strictObject({ email: emailField }), { email: 'john@example.com' }) },
  responses: later(() => ({
    202: limited(json(z.object({ message: z.string() }), 'Accepted', { message: REQUESTED })),
    ...problems(...BODY_PROBLEMS, 'too_many_requests', 'unavailable'),
  })),
})

passwordRoutes.openapi(forgotRoute, async (c) => {
  await requestReset(c.var.scope, c.req.valid('json').email)
  return c.json({ message: REQUESTED }, 202)
})
