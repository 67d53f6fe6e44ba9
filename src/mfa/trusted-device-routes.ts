/** /auth/mfa/trusted-devices: where sign-ins are not asked for the second factor, and ending that. */
import * as z from 'zod'
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
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import { listTrustedDevices } from '../sessions/device-queries.ts'
import { requireSession } from '../sessions/guard.ts'
import { TRUSTED_DEVICE_EXAMPLE, trustedDeviceSchema } from './schemas.ts'
import { endTrust } from './trusted-devices.ts'

export const trustedDeviceRoutes = createRoutes()

const list = createRoute({
  method: 'get',
  path: '/auth/mfa/trusted-devices',
  operationId: 'listTrustedDevices',
  tags: ['Second factor'],
  summary: 'The devices on which sign-ins are not asked for the second factor',
  description:
    'For 30 days since the person asked for it with `trust_device`; a new password, a new factor or a removed one ends it.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read', needsSession: true })] as const,
  responses: later(() => ({
    200: json(z.object({ items: z.array(trustedDeviceSchema()) }), 'The trusted devices', {
      items: [TRUSTED_DEVICE_EXAMPLE],
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'session_required'),
  })),
})

trustedDeviceRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const rows = await answered(listTrustedDevices(scope.db, actor.account.id, scope.facts.now))
  const items = rows.map(({ id, name, browser, os, trustedUntil }) => ({
    ...{ id, current: id === actor.session.deviceId, name, browser, os },
    trusted_until: isoTime(trustedUntil ?? 0),
  }))
  return c.json({ items }, 200)
})

const end = createRoute({
  method: 'delete',
  path: '/auth/mfa/trusted-devices/{id}',
  operationId: 'endTrust',
  tags: ['Second factor'],
  summary: 'Ask for the second factor on one of the own devices again',
  description: 'Its sessions go on; to end them, forget the device at /auth/devices.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: {
    params: z.object({ id: z.string().meta({ maxLength: 64, example: TRUSTED_DEVICE_EXAMPLE.id }) }),
    body: body(z.strictObject({}), {}, false),
  },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Ended', { message: 'Device no longer trusted' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'device_not_found'),
  })),
})

trustedDeviceRoutes.openapi(end, async (c) => {
  const isEnded = await endTrust(c.var.scope, c.var.actor, c.req.valid('param').id)
  if (!isEnded) throw new Problem('device_not_found')
  return c.json({ message: 'Device no longer trusted' }, 200)
})
