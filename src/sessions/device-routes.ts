/** /auth/devices: from where one has signed in, what one calls it, and forgetting it. */
import * as z from 'zod'
import { answered } from '../platform/database.ts'
import { isoTime } from '../platform/iso-time.ts'
import { once } from '../platform/once.ts'
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
import { codePoints, text } from '../platform/validate.ts'
import { type ListedDevice, listDevices } from './device-queries.ts'
import { forgetDevice, renameDevice } from './devices.ts'
import { requireSession } from './guard.ts'

export const deviceRoutes = createRoutes()

const deviceSchema = once(() =>
  z
    .object({
      id: z.string(),
      current: z.boolean().meta({ description: 'Whether this session was opened on it' }),
      name: z.string().nullable().meta({ description: 'What its owner calls it' }),
      browser: z.string().nullable(),
      os: z.string().nullable(),
      first_seen_at: z.iso.datetime(),
      last_seen_at: z.iso.datetime(),
      ip: z.string().nullable().meta({ description: 'Of the last sign-in' }),
      country: z.string().nullable(),
      city: z.string().nullable(),
      network: z.string().nullable(),
      known: z.boolean().meta({ description: 'Whether its device token still counts' }),
      sessions: z.int().meta({ description: 'How many live sessions were opened on it' }),
    })
    .meta({ id: 'Device' }),
)

const DEVICE_EXAMPLE = {
  id: 'p7Rk2nV0aXw9sD4fG6hJ1Q',
  current: true,
  name: 'Office computer',
  browser: 'Firefox',
  os: 'Linux',
  first_seen_at: '2026-01-15T10:00:00.000Z',
  last_seen_at: '2026-01-15T10:20:00.000Z',
  ip: '203.0.113.7',
  country: 'DE',
  city: 'Leipzig',
  network: 'Example Telecom',
  known: true,
  sessions: 1,
}

function showDevice(row: ListedDevice, currentId: string | null): z.infer<ReturnType<typeof deviceSchema>> {
  const { id, name, browser, os, country, city, network, sessions } = row
  const seen = { first_seen_at: isoTime(row.firstSeenAt), last_seen_at: isoTime(row.lastSeenAt) }
  const place = { ip: row.address, country, city, network }
  return {
    id,
    current: id === currentId,
    name,
    browser,
    os,
    ...seen,
    ...place,
    known: row.isKnown === 1,
    sessions,
  }
}

const list = createRoute({
  method: 'get',
  path: '/auth/devices',
  operationId: 'listDevices',
  tags: ['Sign-in'],
  summary: 'From where the account has signed in, last seen first',
  description:
    'A device is known by the `device_token` of its last sign-in. A client that sends none is a new device each time.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read', needsSession: true })] as const,
  responses: later(() => ({
    200: json(z.object({ items: z.array(deviceSchema()) }), 'The own devices', { items: [DEVICE_EXAMPLE] }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'session_required'),
  })),
})

deviceRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const rows = await answered(listDevices(scope.db, actor.account.id, scope.facts.now))
  return c.json({ items: rows.map((row) => showDevice(row, actor.session.deviceId)) }, 200)
})

const deviceId = z.object({ id: z.string().meta({ maxLength: 64, example: DEVICE_EXAMPLE.id }) })

const nameField = text()
  .transform((name) => name.trim())
  .refine((name) => name !== '' && codePoints(name) <= 100, 'Length must be between 1 and 100.')
  .meta({ minLength: 1, maxLength: 100 })

const rename = createRoute({
  method: 'patch',
  path: '/auth/devices/{id}',
  operationId: 'renameDevice',
  tags: ['Sign-in'],
  summary: 'Give one of the own devices a name',
  description: 'Another person’s device is as if it were not there.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: {
    params: deviceId,
    body: body(z.strictObject({ name: nameField }).meta({ id: 'DeviceName' }), { name: DEVICE_EXAMPLE.name }),
  },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Renamed', { message: 'Device renamed' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'device_not_found'),
  })),
})

deviceRoutes.openapi(rename, async (c) => {
  const { scope, actor } = c.var
  const isRenamed = await renameDevice(scope, actor, c.req.valid('param').id, c.req.valid('json').name)
  if (!isRenamed) throw new Problem('device_not_found')
  return c.json({ message: 'Device renamed' }, 200)
})

const forget = createRoute({
  method: 'delete',
  path: '/auth/devices/{id}',
  operationId: 'forgetDevice',
  tags: ['Sign-in'],
  summary: 'Forget one of the own devices: its sessions end and its device token counts no more',
  description: 'This session ends as well if it was opened there. `revoked` tells how many sessions ended.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: { params: deviceId, body: body(z.strictObject({}), {}, false) },
  responses: later(() => ({
    200: json(z.object({ message: z.string(), revoked: z.int() }), 'Forgotten', {
      message: 'Device forgotten',
      revoked: 1,
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'device_not_found'),
  })),
})

deviceRoutes.openapi(forget, async (c) => {
  const { scope, actor } = c.var
  const revoked = await forgetDevice(scope, actor, c.req.valid('param').id)
  if (revoked === undefined) throw new Problem('device_not_found')
  return c.json({ message: 'Device forgotten', revoked }, 200)
})
