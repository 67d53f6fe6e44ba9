/** What the links of mails do, but for those that set a password: confirm an address, undo a change of it, "this was not me". */
import * as z from 'zod'
import { limit } from '../limits/middleware.ts'
import { codeFields, refineCode } from '../mfa/schemas.ts'
import { linkToken } from '../passwords/schemas.ts'
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
} from '../platform/openapi.ts'
import { requireSession } from '../sessions/guard.ts'
import { disown } from './disown.ts'
import { undoEmailChange } from './undo-email.ts'
import { UNDO_METHODS } from './undo-factor.ts'
import { resendVerification, verifyEmail } from './verify-email.ts'

export const linkRoutes = createRoutes()

const presented = body(z.strictObject({ token: linkToken }).meta({ id: 'PresentedLink' }), {
  token: 'Yk0bq1rP2sV3tX4wZ5aB6cD7eF8gH9iJ0kL1mN2oP3Q',
})

const messageOf = (message: string) => limited(json(z.object({ message: z.string() }), message, { message }))

const LINK_PROBLEMS = [...BODY_PROBLEMS, 'link_token_invalid', 'too_many_requests', 'unavailable'] as const

const VERIFIED = 'Email verified'

const verify = createRoute({
  method: 'post',
  path: '/auth/email/verify',
  operationId: 'verifyEmail',
  tags: ['Mail links'],
  summary: 'Confirm an address by the token of its link',
  description:
    'The link works once, for one hour, and only the newest one, as long as the address is the account’s.',
  security: ANYONE,
  middleware: [limit('reset')] as const,
  request: { body: presented },
  responses: later(() => ({ 200: messageOf(VERIFIED), ...problems(...LINK_PROBLEMS) })),
})

linkRoutes.openapi(verify, async (c) => {
  await verifyEmail(c.var.scope, c.req.valid('json').token)
  return c.json({ message: VERIFIED }, 200)
})

const SENT = 'If the address is not verified, a mail is on its way to it'

const resend = createRoute({
  method: 'post',
  path: '/auth/email/resend',
  operationId: 'resendVerification',
  tags: ['Mail links'],
  summary: 'Ask for another link that confirms the own address',
  description:
    'It replaces the one before. An account gets at most five an hour; further requests change nothing.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [
    requireSession({ permission: 'profile:write', needsSession: true }),
    limit('password'),
  ] as const,
  request: { body: body(z.strictObject({}), {}, false) },
  responses: later(() => ({
    202: messageOf(SENT),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'too_many_requests'),
  })),
})

linkRoutes.openapi(resend, async (c) => {
  await resendVerification(c.var.scope, c.var.actor)
  return c.json({ message: SENT }, 202)
})

/** A code needs its method, and a method its code. */
const presentedWithFactor = body(
  z
    .strictObject({
      token: linkToken,
      // No code goes to a telephone here: the person is not signed in.
      method: z.enum(UNDO_METHODS).optional(),
      code: codeFields.code.optional(),
    })
    .superRefine((sent, context) => {
      const { method, code } = sent
      if ((method === undefined) !== (code === undefined)) {
        const path = [method === undefined ? 'method' : 'code']
        context.addIssue({ code: 'custom', path, message: 'Missing data for required field.' })
      }
      refineCode(sent, context)
    })
    .meta({ id: 'PresentedUndoLink' }),
  { token: 'Yk0bq1rP2sV3tX4wZ5aB6cD7eF8gH9iJ0kL1mN2oP3Q' },
)

const UNDONE = 'The former address is back; set a new password'

const undo = createRoute({
  method: 'post',
  path: '/auth/email/undo',
  operationId: 'undoEmailChange',
  tags: ['Mail links'],
  summary: 'Undo a change of address by the token that the old one was sent',
  description:
    'The old address is back, every session and API token ends, and the password is removed: ask for a new one at /auth/password/forgot. The link works once, for three days, and for one day after the new address has been verified. An account with a second factor answers 401 `factor_code_missing` with the member `methods` until a code comes along, by `method` and `code`; a wrong one counts like one of a sign-in, and the link stays good.',
  security: ANYONE,
  middleware: [limit('reset')] as const,
  request: { body: presentedWithFactor },
  responses: later(() => ({
    200: messageOf(UNDONE),
    ...problems(...LINK_PROBLEMS, 'factor_code_missing', 'factor_code_invalid', 'former_email_taken'),
  })),
})

linkRoutes.openapi(undo, async (c) => {
  const { token, method, code } = c.req.valid('json')
  const presented = method === undefined || code === undefined ? undefined : { method, code }
  await undoEmailChange(c.var.scope, token, presented)
  return c.json({ message: UNDONE }, 200)
})

const SECURED = 'You are signed out everywhere; set a new password'

const notMe = createRoute({
  method: 'post',
  path: '/auth/not-me',
  operationId: 'disown',
  tags: ['Mail links'],
  summary: '“This was not me”: end everything by the token of a notice',
  description:
    'Every session and API token ends, and the password is removed: ask for a new one at /auth/password/forgot. The link works once, for one day.',
  security: ANYONE,
  middleware: [limit('reset')] as const,
  request: { body: presented },
  responses: later(() => ({ 200: messageOf(SECURED), ...problems(...LINK_PROBLEMS) })),
})

linkRoutes.openapi(notMe, async (c) => {
  await disown(c.var.scope, c.req.valid('json').token)
  return c.json({ message: SECURED }, 200)
})
