/** /auth/mfa/sms, and the codes that are sent: a telephone number as second factor. */
import * as z from 'zod'
import { limit } from '../limits/middleware.ts'
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
import { confirmFactor } from './enrol.ts'
import { removeFactor } from './remove.ts'
import {
  challengeSchema,
  RECOVERY_CODES_EXAMPLE,
  recoveryCodesSchema,
  sixDigitsSchema,
  smsOfferSchema,
  smsStepUpSchema,
} from './schemas.ts'
import { sendSignInCode, sendStepUpCode } from './sms-challenge.ts'
import { offerSms } from './sms-offer.ts'

export const smsRoutes = createRoutes()

/** A factor is a credential: a person who has signed in changes it, never a program. */
const ownFactors = () => requireSession({ permission: 'profile:write', needsSession: true })

const FACTOR_PROBLEMS = [
  ...CHANGE_PROBLEMS,
  'forbidden',
  'session_required',
  'reauthentication_required',
] as const

const CODE_SENT = { message: 'Code sent' }

const sent = () => limited(json(z.object({ message: z.string() }), 'On its way', CODE_SENT))

const offer = createRoute({
  method: 'post',
  path: '/auth/mfa/sms',
  operationId: 'offerSms',
  tags: ['Second factor'],
  summary: 'Begin with a telephone number: a code is sent to it, and it counts once that comes back',
  description:
    'Needs a recent sign-in or step-up, and a verified e-mail address. An authenticator app is safer: numbers can be taken over. Only numbers of the countries that the shop sends to; three codes an hour to one number and of one account. Nothing changes until `/auth/mfa/sms/confirm`; the code is good for ten minutes, and only the newest one.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors(), limit('sms')] as const,
  request: { body: body(smsOfferSchema, { phone_number: '+4915112345678' }) },
  responses: later(() => ({
    201: limited(
      json(z.object({ factor_id: z.string() }), 'A code is on its way', {
        factor_id: 'W8cR3nY6vK1xB5mT9qZ2Lg',
      }),
    ),
    ...problems(...FACTOR_PROBLEMS, 'email_unverified', 'too_many_requests', 'sms_unavailable'),
  })),
})

smsRoutes.openapi(offer, async (c) => {
  const { scope, actor } = c.var
  return c.json({ factor_id: await offerSms(scope, actor, c.req.valid('json').phone_number) }, 201)
})

const confirm = createRoute({
  method: 'post',
  path: '/auth/mfa/sms/confirm',
  operationId: 'confirmSms',
  tags: ['Second factor'],
  summary: 'Confirm the number by the code that was sent: from now on sign-ins ask for a second factor',
  description:
    'Needs a recent sign-in or step-up. Gives ten recovery codes; those before count no more. Every other session ends, and no device is trusted any more.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors(), limit('mfa')] as const,
  request: { body: body(sixDigitsSchema, { code: '492039' }) },
  responses: later(() => ({
    200: limited(json(recoveryCodesSchema(), 'Confirmed', RECOVERY_CODES_EXAMPLE)),
    ...problems(...FACTOR_PROBLEMS, 'factor_not_found', 'factor_code_invalid', 'too_many_requests'),
  })),
})

smsRoutes.openapi(confirm, async (c) => {
  const { scope, actor } = c.var
  return c.json({ recovery_codes: await confirmFactor(scope, actor, 'sms', c.req.valid('json').code) }, 200)
})

const remove = createRoute({
  method: 'delete',
  path: '/auth/mfa/sms',
  operationId: 'removeSms',
  tags: ['Second factor'],
  summary: 'Give up the telephone number as second factor',
  description:
    'Needs a recent sign-in or step-up with a factor. Every other session ends, and no device is trusted any more. If it was the last factor the recovery codes go as well, and sign-ins ask for the password alone.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors()] as const,
  request: { body: body(z.strictObject({}), {}, false) },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Removed', { message: 'Second factor removed' }),
    ...problems(...FACTOR_PROBLEMS, 'factor_not_found'),
  })),
})

smsRoutes.openapi(remove, async (c) => {
  await removeFactor(c.var.scope, c.var.actor, 'sms')
  return c.json({ message: 'Second factor removed' }, 200)
})

const challenge = createRoute({
  method: 'post',
  path: '/auth/mfa/challenge',
  operationId: 'sendSignInCode',
  tags: ['Second factor'],
  summary: 'Have a code sent that completes a sign-in which answered `mfa_required`',
  description:
    'For `/auth/mfa/verify` with the same `mfa_token`. Good for ten minutes and for this sign-in alone; asking again replaces it. Three an hour.',
  security: ANYONE,
  middleware: [limit('mfa')] as const,
  request: { body: body(challengeSchema, { mfa_token: 'u6Wd0aPzX3kRq9sVtB1yNc', method: 'sms' }) },
  responses: later(() => ({
    202: sent(),
    ...problems(
      ...BODY_PROBLEMS,
      'mfa_token_invalid',
      'factor_not_found',
      'too_many_requests',
      'sms_unavailable',
      'unavailable',
    ),
  })),
})

smsRoutes.openapi(challenge, async (c) => {
  await sendSignInCode(c.var.scope, c.req.valid('json').mfa_token)
  return c.json(CODE_SENT, 202)
})

const stepUpChallenge = createRoute({
  method: 'post',
  path: '/auth/step-up/challenge',
  operationId: 'sendStepUpCode',
  tags: ['Sign-in'],
  summary: 'Have a code sent for /auth/step-up',
  description: 'Good for ten minutes and for this session alone; asking again replaces it. Three an hour.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors(), limit('mfa')] as const,
  request: { body: body(smsStepUpSchema, { method: 'sms' }) },
  responses: later(() => ({
    202: sent(),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'session_required',
      'factor_not_found',
      'too_many_requests',
      'sms_unavailable',
    ),
  })),
})

smsRoutes.openapi(stepUpChallenge, async (c) => {
  await sendStepUpCode(c.var.scope, c.var.actor)
  return c.json(CODE_SENT, 202)
})
