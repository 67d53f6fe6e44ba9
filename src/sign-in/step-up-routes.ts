/** /auth/step-up: signed in already, and now proving it again. */
import * as z from 'zod'
import { limit } from '../limits/middleware.ts'
import { triedPassword } from '../passwords/schemas.ts'
import { isoTime } from '../platform/iso-time.ts'
import {
  bearer,
  body,
  CHANGE_PROBLEMS,
  createRoute,
  createRoutes,
  json,
  later,
  limited,
  problems,
} from '../platform/openapi.ts'
import { requireSession } from '../sessions/guard.ts'
import { stepUp } from './step-up.ts'

export const stepUpRoutes = createRoutes()

const stepUpRoute = createRoute({
  method: 'post',
  path: '/auth/step-up',
  operationId: 'stepUp',
  tags: ['Sign-in'],
  summary: 'Prove the password again: this session then counts as fresh',
  description:
    'For what asks for a recent sign-in, without a new one. Other sessions of the account stay as they are.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [
    requireSession({ permission: 'profile:write', needsSession: true }),
    limit('password'),
  ] as const,
  request: {
    body: body(z.strictObject({ password: triedPassword }).meta({ id: 'StepUp' }), {
      password: 'securepassword123',
    }),
  },
  responses: later(() => ({
    200: limited(
      json(z.object({ message: z.string(), fresh_until: z.iso.datetime() }), 'The session is fresh', {
        message: 'Step-up successful',
        fresh_until: '2026-01-15T10:10:00.000Z',
      }),
    ),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'session_required',
      'invalid_credentials',
      'reauthentication_required',
      'too_many_requests',
      'sign_in_busy',
    ),
  })),
})

stepUpRoutes.openapi(stepUpRoute, async (c) => {
  const { scope, actor } = c.var
  const freshUntil = await stepUp(scope, actor, c.req.valid('json').password)
  return c.json({ message: 'Step-up successful', fresh_until: isoTime(freshUntil) }, 200)
})
