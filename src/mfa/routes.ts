/** /auth/mfa: the second factor of one's own account. */
import * as z from 'zod'
import { base32 } from '../crypto/base32.ts'
import { limit } from '../limits/middleware.ts'
import { answered } from '../platform/database.ts'
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
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { requireSession } from '../sessions/guard.ts'
import { confirmFactor, offerTotp } from './enrol.ts'
import { makeOtpauthUri, showNumber } from './factor-secret.ts'
import { drawQrCode } from './qr.ts'
import { countRecoveryCodes, listFactors } from './queries.ts'
import { removeFactor, replaceRecoveryCodes } from './remove.ts'
import {
  OFFERED_TOTP_EXAMPLE,
  offeredTotpSchema,
  RECOVERY_CODES_EXAMPLE,
  recoveryCodesSchema,
  SECOND_FACTORS_EXAMPLE,
  secondFactorsSchema,
  sixDigitsSchema,
} from './schemas.ts'

export const mfaRoutes = createRoutes()

/** A factor is a credential: a person who has signed in changes it, never a program. */
const ownFactors = () => requireSession({ permission: 'profile:write', needsSession: true })

const nothing = body(z.strictObject({}), {}, false)

const FACTOR_PROBLEMS = [
  ...CHANGE_PROBLEMS,
  'forbidden',
  'session_required',
  'reauthentication_required',
] as const

const list = createRoute({
  method: 'get',
  path: '/auth/mfa',
  operationId: 'listFactors',
  tags: ['Second factor'],
  summary: 'The own second factors, and how many recovery codes are left',
  description: 'A factor that was offered and never confirmed is none.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read', needsSession: true })] as const,
  responses: later(() => ({
    200: json(secondFactorsSchema(), 'The own second factors', SECOND_FACTORS_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'session_required'),
  })),
})

mfaRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const { id } = actor.account
  const [rows, [codes]] = await answered(
    scope.db.batch([listFactors(scope.db, id), countRecoveryCodes(scope.db, id)]),
  )
  const factors = await Promise.all(
    rows.map(async (row) => ({
      id: row.id,
      method: row.method,
      confirmed_at: isoTime(row.confirmedAt ?? 0),
      disabled: row.isDisabled === 1,
      ...(row.method === 'sms' && { phone_number: await showNumber(scope.keys.factor, row) }),
    })),
  )
  return c.json({ factors, recovery_codes_left: codes?.left ?? 0 }, 200)
})

const offer = createRoute({
  method: 'post',
  path: '/auth/mfa/totp',
  operationId: 'offerTotp',
  tags: ['Second factor'],
  summary: 'Begin with an authenticator app: a secret for it, which counts once it is confirmed',
  description:
    'Needs a recent sign-in or step-up. Nothing changes until `/auth/mfa/totp/confirm`; a factor that is there already stays until then. The offer is good for an hour, and only the newest one. The secret is shown here and never again.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors()] as const,
  request: { body: nothing },
  responses: later(() => ({
    201: json(offeredTotpSchema(), 'The secret, three times', OFFERED_TOTP_EXAMPLE),
    ...problems(...FACTOR_PROBLEMS),
  })),
})

mfaRoutes.openapi(offer, async (c) => {
  const { scope, actor } = c.var
  const { id, secret } = await offerTotp(scope, actor)
  const uri = makeOtpauthUri(secret, scope.settings.shopName, actor.account.email)
  const offered = { factor_id: id, secret: base32(secret), otpauth_uri: uri, qr_svg: await drawQrCode(uri) }
  return c.json(offered, 201)
})

const confirm = createRoute({
  method: 'post',
  path: '/auth/mfa/totp/confirm',
  operationId: 'confirmTotp',
  tags: ['Second factor'],
  summary: 'Confirm the app by a code of it: from now on sign-ins ask for one',
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

mfaRoutes.openapi(confirm, async (c) => {
  const { scope, actor } = c.var
  return c.json({ recovery_codes: await confirmFactor(scope, actor, 'totp', c.req.valid('json').code) }, 200)
})

const remove = createRoute({
  method: 'delete',
  path: '/auth/mfa/totp',
  operationId: 'removeTotp',
  tags: ['Second factor'],
  summary: 'Give up the authenticator app',
  description:
    'Needs a recent sign-in or step-up with a factor. Every other session ends, and no device is trusted any more. If it was the last factor the recovery codes go as well, and sign-ins ask for the password alone.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors()] as const,
  request: { body: nothing },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Removed', { message: 'Second factor removed' }),
    ...problems(...FACTOR_PROBLEMS, 'factor_not_found'),
  })),
})

mfaRoutes.openapi(remove, async (c) => {
  await removeFactor(c.var.scope, c.var.actor, 'totp')
  return c.json({ message: 'Second factor removed' }, 200)
})

const replaceCodes = createRoute({
  method: 'post',
  path: '/auth/mfa/recovery-codes',
  operationId: 'replaceRecoveryCodes',
  tags: ['Second factor'],
  summary: 'Ten new recovery codes; those before count no more',
  description: 'Needs a recent sign-in or step-up, and a second factor for which they stand in.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [ownFactors()] as const,
  request: { body: nothing },
  responses: later(() => ({
    201: json(recoveryCodesSchema(), 'The new codes', RECOVERY_CODES_EXAMPLE),
    ...problems(...FACTOR_PROBLEMS, 'factor_not_found'),
  })),
})

mfaRoutes.openapi(replaceCodes, async (c) =>
  c.json({ recovery_codes: await replaceRecoveryCodes(c.var.scope, c.var.actor) }, 201),
)
