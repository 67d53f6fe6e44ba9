/** /auth/step-up: signed in already, and now proving it again. */
import * as z from 'zod'
import { limit } from '../limits/middleware.ts'
import { codeFields, refineCode } from '../mfa/schemas.ts'
import { stepUpWithFactor } from '../mfa/step-up.ts'
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

/** The password, or a method with its code: exactly one of the two. */
const stepUpSchema = z
  .strictObject({
    password: triedPassword.optional().meta({
      description: 'Enough for an account without a second factor only',
    }),
    method: codeFields.method.optional(),
    code: codeFields.code.optional(),
  })
  .superRefine(({ password, method, code }, context) => {
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message })
    const missing = 'Missing data for required field.'
    if (method === undefined && code === undefined) {
      if (password === undefined) refuse('password', missing)
      return
    }
    if (password !== undefined) refuse('password', 'Send either the password or a code.')
    if (method === undefined) refuse('method', missing)
    if (code === undefined) refuse('code', missing)
    refineCode({ method, code }, context)
  })
  .meta({ id: 'StepUp', minProperties: 1 })

const stepUpRoute = createRoute({
  method: 'post',
  path: '/auth/step-up',
  operationId: 'stepUp',
  tags: ['Sign-in'],
  summary: 'Prove the password, or the second factor, again: this session then counts as fresh',
  description:
    'For what asks for a recent sign-in, without a new one. Whoever has a second factor proves that, by `method` and `code`. Other sessions of the account stay as they are.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [
    requireSession({ permission: 'profile:write', needsSession: true }),
    limit('password'),
  ] as const,
  request: {
    body: body(stepUpSchema, { password: 'securepassword123' }),
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
      'factor_code_invalid',
      'reauthentication_required',
      'too_many_requests',
      'sign_in_busy',
    ),
  })),
})

stepUpRoutes.openapi(stepUpRoute, async (c) => {
  const { scope, actor } = c.var
  const { password, method, code } = c.req.valid('json')
  const freshUntil =
    method !== undefined && code !== undefined
      ? await stepUpWithFactor(scope, actor, { method, code })
      : await stepUp(scope, actor, password ?? '')
  return c.json({ message: 'Step-up successful', fresh_until: isoTime(freshUntil) }, 200)
})
