/** /auth/sessions: where one is signed in, and ending it there. */
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
import { endSessions } from './end.ts'
import { requireSession } from './guard.ts'
import { type ListedSession, listSessions } from './queries.ts'

export const sessionRoutes = createRoutes()

const sessionSchema = once(() =>
  z
    .object({
      id: z.string(),
      current: z.boolean().meta({ description: 'Whether the token of this request belongs to it' }),
      created_at: z.iso.datetime(),
      authenticated_at: z.iso.datetime().nullable().meta({
        description: 'When all factors were last proved; null after a sign-in on a trusted device',
      }),
      last_seen_at: z.iso.datetime().meta({ description: 'Up to five minutes late' }),
      expires_at: z.iso.datetime(),
      ip: z.string().nullable().meta({ description: 'From where it was opened' }),
      country: z.string().nullable(),
      city: z.string().nullable(),
      user_agent: z.string().nullable(),
      device: z
        .object({
          id: z.string(),
          name: z.string().nullable(),
          browser: z.string().nullable(),
          os: z.string().nullable(),
        })
        .nullable()
        .meta({ description: 'Null for a session that was opened before devices were known' }),
      methods: z.array(z.string()),
    })
    .meta({ id: 'Session' }),
)

const SESSION_EXAMPLE = {
  id: 'x3Jv1Q0yT9mW2cK8bL5sZg',
  current: true,
  created_at: '2026-01-15T10:00:00.000Z',
  authenticated_at: '2026-01-15T10:00:00.000Z',
  last_seen_at: '2026-01-15T10:20:00.000Z',
  expires_at: '2026-02-14T10:00:00.000Z',
  ip: '203.0.113.7',
  country: 'DE',
  city: 'Leipzig',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  device: { id: 'p7Rk2nV0aXw9sD4fG6hJ1Q', name: 'Office computer', browser: 'Firefox', os: 'Linux' },
  methods: ['password'],
}

function showSession(row: ListedSession, currentId: string): z.infer<ReturnType<typeof sessionSchema>> {
  return {
    id: row.id,
    current: row.id === currentId,
    created_at: isoTime(row.createdAt),
    authenticated_at: row.authenticatedAt === 0 ? null : isoTime(row.authenticatedAt),
    last_seen_at: isoTime(row.lastSeenAt ?? row.createdAt),
    expires_at: isoTime(row.expiresAt),
    ip: row.address,
    country: row.country,
    city: row.city,
    user_agent: row.userAgent,
    device:
      row.deviceId === null
        ? null
        : { id: row.deviceId, name: row.deviceName, browser: row.deviceBrowser, os: row.deviceOs },
    methods: JSON.parse(row.methods),
  }
}

const list = createRoute({
  method: 'get',
  path: '/auth/sessions',
  operationId: 'listSessions',
  tags: ['Sign-in'],
  summary: 'Where the account is signed in, last seen first',
  description: 'An account has 20 sessions at most: another sign-in ends the one that was used longest ago.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read', needsSession: true })] as const,
  responses: later(() => ({
    200: json(z.object({ items: z.array(sessionSchema()) }), 'The own sessions', {
      items: [SESSION_EXAMPLE],
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'session_required'),
  })),
})

sessionRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const rows = await answered(listSessions(scope.db, actor.account.id, scope.facts.now))
  return c.json({ items: rows.map((row) => showSession(row, actor.session.id)) }, 200)
})

const nothing = body(z.strictObject({}), {}, false)

const endOne = createRoute({
  method: 'delete',
  path: '/auth/sessions/{id}',
  operationId: 'endSession',
  tags: ['Sign-in'],
  summary: 'End one of the own sessions: its tokens are refused from the next request on',
  description: 'Another person’s session is as if it were not there.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: {
    params: z.object({ id: z.string().meta({ maxLength: 64, example: SESSION_EXAMPLE.id }) }),
    body: nothing,
  },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Ended', { message: 'Session ended' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'session_not_found'),
  })),
})

sessionRoutes.openapi(endOne, async (c) => {
  const { scope, actor } = c.var
  const ended = await endSessions(scope, actor, { only: c.req.valid('param').id })
  if (ended === 0) throw new Problem('session_not_found')
  return c.json({ message: 'Session ended' }, 200)
})

const endOthers = createRoute({
  method: 'delete',
  path: '/auth/sessions',
  operationId: 'endOtherSessions',
  tags: ['Sign-in'],
  summary: 'End every session of the account but this one',
  description: '`revoked` tells how many there were.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: { body: nothing },
  responses: later(() => ({
    200: json(z.object({ message: z.string(), revoked: z.int() }), 'Ended', {
      message: 'Other sessions ended',
      revoked: 2,
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required'),
  })),
})

sessionRoutes.openapi(endOthers, async (c) => {
  const { scope, actor } = c.var
  const revoked = await endSessions(scope, actor, { except: actor.session.id })
  return c.json({ message: 'Other sessions ended', revoked }, 200)
})
