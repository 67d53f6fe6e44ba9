/** /auth/tokens: API tokens, made and revoked by a person who has signed in, never by another token. */
import * as z from 'zod'
import { decideAccess } from '../access/decide.ts'
import { answered } from '../platform/database.ts'
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
import { Problem, permissionMissing } from '../platform/problem.ts'
import { refuseAccess, requireSession } from '../sessions/guard.ts'
import { listApiTokens } from './queries.ts'
import {
  API_TOKEN_EXAMPLE,
  apiTokenSchema,
  createdApiTokenSchema,
  newApiTokenSchema,
  showApiToken,
} from './schemas.ts'
import { createApiToken, revokeApiToken } from './write.ts'

export const apiTokenRoutes = createRoutes()

const create = createRoute({
  method: 'post',
  path: '/auth/tokens',
  operationId: 'createApiToken',
  tags: ['API tokens'],
  summary: 'Make an API token, for a program',
  description:
    'Needs a recent sign-in or step-up. The answer is the only place where the token is shown. It may do what its scopes name, as far as your role may at each use; it can neither make tokens nor change credentials. An account has 20 at most that have not expired.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: {
    body: body(newApiTokenSchema, {
      name: API_TOKEN_EXAMPLE.name,
      scopes: API_TOKEN_EXAMPLE.scopes,
      expires_in_days: 90,
    }),
  },
  responses: later(() => ({
    201: json(createdApiTokenSchema(), 'The token', {
      ...API_TOKEN_EXAMPLE,
      token: `msk_${API_TOKEN_EXAMPLE.id}_…`,
    }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'session_required',
      'reauthentication_required',
      'api_token_limit_reached',
    ),
  })),
})

apiTokenRoutes.openapi(create, async (c) => {
  const { scope, actor } = c.var
  const { name, scopes, expires_in_days } = c.req.valid('json')
  const beyond = scopes.filter((permission) => !decideAccess(actor.rights, permission).isAllowed)
  if (beyond[0] !== undefined) {
    await refuseAccess(scope, actor, c.req, beyond[0])
    throw permissionMissing(beyond.join(' '), `Your role does not have ${beyond.join(', ')}`)
  }
  const { token, row } = await createApiToken(scope, actor, { name, scopes, expiresInDays: expires_in_days })
  return c.json({ ...showApiToken(row), token }, 201)
})

const list = createRoute({
  method: 'get',
  path: '/auth/tokens',
  operationId: 'listApiTokens',
  tags: ['API tokens'],
  summary: 'The own API tokens, newest first',
  description:
    'What a token may do is what its scopes name and your role has. Expired ones stay for a month.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read', needsSession: true })] as const,
  responses: later(() => ({
    200: json(z.object({ items: z.array(apiTokenSchema()) }), 'The own tokens', {
      items: [API_TOKEN_EXAMPLE],
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'session_required'),
  })),
})

apiTokenRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const rows = await answered(listApiTokens(scope.db, actor.account.id))
  return c.json({ items: rows.map(showApiToken) }, 200)
})

const revoke = createRoute({
  method: 'delete',
  path: '/auth/tokens/{id}',
  operationId: 'revokeApiToken',
  tags: ['API tokens'],
  summary: 'Revoke one of the own API tokens: it is refused from the next request on',
  description: 'Another person’s token is as if it were not there.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write',
  middleware: [requireSession({ permission: 'profile:write', needsSession: true })] as const,
  request: {
    params: z.object({ id: z.string().meta({ maxLength: 64, example: API_TOKEN_EXAMPLE.id }) }),
    body: body(z.strictObject({}), {}, false),
  },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Revoked', { message: 'API token revoked' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'session_required', 'api_token_not_found'),
  })),
})

apiTokenRoutes.openapi(revoke, async (c) => {
  const { scope, actor } = c.var
  const isRevoked = await revokeApiToken(scope, actor, c.req.valid('param').id)
  if (!isRevoked) throw new Problem('api_token_not_found')
  return c.json({ message: 'API token revoked' }, 200)
})
