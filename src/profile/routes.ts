/** /auth/me and /auth/password/change: the own profile and password of whoever is signed in, staff too. */
import * as z from 'zod'
import { permissionsOf } from '../access/decide.ts'
import { permissionSchema } from '../access/schemas.ts'
import { accountSchema, CUSTOMER_EXAMPLE, showAccount } from '../accounts/schemas.ts'
import { API_TOKEN_PREFIX } from '../api-tokens/token.ts'
import { refuseInvalidWithPassword } from '../passwords/validation.ts'
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
import { type Actor, requireSession } from '../sessions/guard.ts'
import { changeProfile } from './change.ts'
import { passwordChangeSchema, profileChangeSchema } from './schemas.ts'

export const profileRoutes = createRoutes()

const meSchema = once(() =>
  z
    .object({
      account: accountSchema(),
      // Not in `account`: clients send that back as it came.
      email_verified: z
        .boolean()
        .meta({ description: 'Whether mail to `email` is known to reach the person' }),
      permissions: z.array(permissionSchema),
      // Not `nullable()`: the document would then ask for a value that is both an object and null.
      session: z
        .union([
          z.object({ id: z.string(), created_at: z.iso.datetime(), expires_at: z.iso.datetime() }),
          z.null(),
        ])
        .meta({ description: 'Null for an API token' }),
      api_token: z
        .object({ id: z.string(), created_at: z.iso.datetime(), expires_at: z.iso.datetime() })
        .optional()
        .meta({ description: 'The API token that was sent; left out for a session' }),
    })
    .meta({ id: 'Me' }),
)

const ME_EXAMPLE = {
  account: { ...CUSTOMER_EXAMPLE, role: 'customer' },
  email_verified: true,
  permissions: ['profile:read', 'profile:write', 'tickets:read', 'tickets:write', 'inventory:read'],
  session: {
    id: 'x3Jv1Q0yT9mW2cK8bL5sZg',
    created_at: '2026-01-15T10:00:00.000Z',
    expires_at: '2026-02-14T10:00:00.000Z',
  },
}

function showMe({ account, session, rights }: Actor): z.infer<ReturnType<typeof meSchema>> {
  const times = {
    created_at: isoTime(session.createdAt),
    expires_at: isoTime(session.expiresAt),
  }
  const { id } = session
  return {
    account: showAccount(account),
    email_verified: account.emailVerifiedAt !== null,
    permissions: permissionsOf(rights),
    ...(rights.scopes === undefined
      ? { session: { id, ...times } }
      : { session: null, api_token: { id: id.slice(API_TOKEN_PREFIX.length), ...times } }),
  }
}

const readMe = createRoute({
  method: 'get',
  path: '/auth/me',
  operationId: 'getMe',
  tags: ['Profile'],
  summary: 'Who am I, and what may I do',
  description: 'The account, what this token may do, and the session or API token that it is.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read' })] as const,
  responses: later(() => ({
    200: json(meSchema(), 'The signed-in account', ME_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden'),
  })),
})

profileRoutes.openapi(readMe, (c) => c.json(showMe(c.var.actor), 200))

const changeMe = createRoute({
  method: 'patch',
  path: '/auth/me',
  operationId: 'updateMe',
  tags: ['Profile'],
  summary: 'Change any part of the own profile',
  description:
    'A new password or e-mail address needs a recent sign-in or `current_password`. A new password ends every other session.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write' })] as const,
  request: { body: body(profileChangeSchema, { first_name: 'Johnny' }) },
  responses: later(() => ({
    200: json(meSchema(), 'The changed account', ME_EXAMPLE),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'session_required',
      'email_taken',
      'reauthentication_required',
      'invalid_credentials',
      'too_many_requests',
      'sign_in_busy',
    ),
  })),
})

profileRoutes.openapi(
  changeMe,
  async (c) => {
    const { scope, actor } = c.var
    const account = await changeProfile(scope, actor, actor.account, c.req.valid('json'))
    return c.json(showMe({ ...actor, account }), 200)
  },
  refuseInvalidWithPassword,
)

const PASSWORD_CHANGED = 'Password changed successfully'

const changePassword = createRoute({
  method: 'post',
  path: '/auth/password/change',
  operationId: 'changePassword',
  tags: ['Passwords'],
  summary: 'Change the own password',
  description: 'Ends every other session. A wrong current password counts like a failed sign-in.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: {
    body: body(passwordChangeSchema, {
      current_password: 'securepassword123',
      password: 'a-long-new-passphrase',
    }),
  },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Changed', { message: PASSWORD_CHANGED }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'session_required',
      'reauthentication_required',
      'invalid_credentials',
      'too_many_requests',
      'sign_in_busy',
    ),
  })),
})

profileRoutes.openapi(
  changePassword,
  async (c) => {
    const { scope, actor } = c.var
    await changeProfile(scope, actor, actor.account, c.req.valid('json'))
    return c.json({ message: PASSWORD_CHANGED }, 200)
  },
  refuseInvalidWithPassword,
)
