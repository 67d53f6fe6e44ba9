/** The OpenAPI 3.1 document, made from the routes' own schemas. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import { ANYONE, createRoute, json, later, problems } from './openapi.ts'
import type { AppEnv } from './request-scope.ts'
import { SERVICE_NAME, VERSION } from './version.ts'

type OpenApiDocument = ReturnType<OpenAPIHono<AppEnv>['getOpenAPI31Document']>

export const documentRoute = createRoute({
  method: 'get',
  path: '/openapi.json',
  operationId: 'getOpenApiDocument',
  tags: ['Service'],
  summary: 'This document',
  description: 'Made from the schemas that validate the requests.',
  security: ANYONE,
  responses: later(() => ({
    200: json(z.looseObject({ openapi: z.string() }), 'An OpenAPI 3.1 document', { openapi: '3.1.0' }),
    ...problems(),
  })),
})

const TAGS = [
  { name: 'Service', description: 'What the service says of itself' },
  { name: 'Sign-in', description: 'Getting and ending a session' },
  { name: 'Second factor', description: 'Authenticator app, SMS, recovery codes and trusted devices' },
  { name: 'API tokens', description: 'What programs sign in with' },
  { name: 'Customers', description: 'The paths of the old service' },
  { name: 'Profile', description: 'The own account, whatever the role' },
  { name: 'Passwords', description: 'Setting a password, with or without a session' },
  {
    name: 'Mail links',
    description: 'What the links of mails do: confirm an address, undo a change of it, "this was not me"',
  },
  { name: 'Service tickets', description: 'What the shop does for its customers' },
  { name: 'Accounts', description: 'Staff, roles and access, for admins' },
  { name: 'Mechanics', description: 'Who works in the shop' },
  { name: 'Inventory', description: 'What the shop sells' },
  { name: 'Outbox', description: 'Mail and SMS on their way, for admins; not what they say' },
  { name: 'Audit', description: 'What happened, for admins; it cannot be changed' },
]

type PathItem = NonNullable<OpenApiDocument['paths']>[string]

const CHANGES = ['post', 'put', 'patch', 'delete'] as const

let document: OpenApiDocument | undefined

/** Built at first use: generating it is work that only its readers should pay for. */
export function openApiDocument(app: OpenAPIHono<AppEnv>): OpenApiDocument {
  document ??= generate(app)
  return document
}

function generate(app: OpenAPIHono<AppEnv>): OpenApiDocument {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'The `token` of a sign-in: HS256, checked as RFC8725 asks. Or an API token, `msk_…`. The permissions listed are those that the role must have, and an API token’s scopes name.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'cookie', {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-access_token',
    description:
      'Set by a sign-in with `X-Auth-Mode: cookie`; ignored when there is an Authorization header.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'csrf', {
    type: 'apiKey',
    in: 'header',
    name: 'X-CSRF-Token',
    description:
      'The `csrf_token` of GET /auth/csrf. What changes something by cookies carries it, and comes from a page of the same origin.',
  })
  const generated = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: SERVICE_NAME,
      version: VERSION,
      description:
        'Authentication and authorization for a mechanic’s shop. Every path works with and without a trailing slash.',
    },
    servers: [{ url: '/', description: 'The origin that serves this document' }],
    tags: TAGS,
  })
  // Routes carry the form of their ids in the path, so that a malformed id is no path at all.
  const paths = Object.entries(generated.paths ?? {}).map(([path, item]) => [
    path.replace(/\{(\w+)\{[^}]*\}\}/g, '{$1}'),
    { ...item, ...changesWithCsrf(item) },
  ])
  return { ...generated, paths: Object.fromEntries(paths) }
}

/** The operations that change something, where a cookie is accepted only together with the CSRF token. */
function changesWithCsrf(item: PathItem): Pick<PathItem, (typeof CHANGES)[number]> {
  const changes = CHANGES.flatMap((method) => {
    const operation = item[method]
    const security = operation?.security?.map((each) => ('cookie' in each ? { ...each, csrf: [] } : each))
    return security ? [[method, { ...operation, security }]] : []
  })
  return Object.fromEntries(changes)
}
