/** /auth/introspect: for other services of the shop, which are sent tokens of this one. */
import * as z from 'zod'
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
} from '../platform/openapi.ts'
import { text } from '../platform/validate.ts'
import { requireSession } from '../sessions/guard.ts'
import { describeToken, introspectToken } from './introspect.ts'

export const introspectionRoutes = createRoutes()

const tokenField = text()
  .refine((value) => value.length >= 1 && value.length <= 4_096, 'Length must be between 1 and 4096.')
  .meta({ minLength: 1, maxLength: 4096, description: 'An access token or an API token' })

const introspectionSchema = once(() =>
  z
    .object({
      active: z
        .boolean()
        .meta({ description: 'Whether it would be let in now; if not, there is nothing else' }),
      scope: z.string().optional().meta({ description: 'What it may do, separated by blanks' }),
      token_type: z.string().optional(),
      sub: z.string().optional().meta({ description: 'The id of the account' }),
      iat: z.int().optional().meta({ description: 'Unix seconds' }),
      exp: z.int().optional().meta({ description: 'Unix seconds' }),
      iss: z.string().optional(),
      aud: z.string().optional(),
    })
    .meta({ id: 'Introspection' }),
)

const introspect = createRoute({
  method: 'post',
  path: '/auth/introspect',
  operationId: 'introspectToken',
  tags: ['API tokens'],
  summary: 'What a token is good for at this moment (RFC 7662)',
  description:
    'For other services of the shop, by an API token with this one scope. Role, status and scopes are read at each call. A token that is refused, for whatever reason, is `{"active": false}`. A refresh token is none.',
  security: bearer('tokens:introspect'),
  'x-permission': 'tokens:introspect',
  middleware: [requireSession({ permission: 'tokens:introspect' })] as const,
  request: {
    body: body(z.strictObject({ token: tokenField }).meta({ id: 'TokenToIntrospect' }), {
      token: 'msk_5d1f0c9a7b3e2864f0a1c2d3_…',
    }),
  },
  responses: later(() => ({
    200: json(introspectionSchema(), 'What it is good for', {
      active: true,
      scope: 'profile:read tickets:read',
      token_type: 'Bearer',
      sub: '1',
      iat: 1_768_471_200,
      exp: 1_768_557_600,
      iss: 'mechanic-shop-api',
      aud: 'mechanic-shop',
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden'),
  })),
})

introspectionRoutes.openapi(introspect, async (c) => {
  const { scope } = c.var
  const token = await introspectToken(scope, c.req.valid('json').token)
  return c.json(token ? describeToken(token, scope.settings) : { active: false }, 200)
})
