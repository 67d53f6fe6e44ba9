/** /admin/access/explain: why an account may or may not do something. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import { findStanding } from '../accounts/queries.ts'
import { ACCOUNT_STATUSES } from '../accounts/tables.ts'
import { answered } from '../platform/database.ts'
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
import { Problem } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { text } from '../platform/validate.ts'
import { requireSession } from '../sessions/guard.ts'
import { describeRule, documentedPath, ruleOf } from './declared.ts'
import { EXPLANATIONS, explainAccess } from './explain.ts'
import { permissionSchema, roleSchema } from './schemas.ts'

type App = Pick<OpenAPIHono<AppEnv>, 'router'>

const questionSchema = z
  .strictObject({
    account_id: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    path: text()
      .refine((path) => path.length <= 1_024 && /^\/[^?#\s]*$/.test(path), 'Not a valid path.')
      .meta({ maxLength: 1024, description: 'As in a request, with ids, without a query' }),
  })
  .meta({ id: 'AccessQuestion' })

const explanationSchema = once(() =>
  z
    .object({
      allowed: z.boolean().meta({ description: 'Whether the guard would let a session of this account in' }),
      reason: z.enum(Object.keys(EXPLANATIONS) as (keyof typeof EXPLANATIONS)[]),
      explanation: z.string(),
      account: z.object({ id: z.int(), role: roleSchema, status: z.enum(ACCOUNT_STATUSES) }),
      operation: z.string().nullable().meta({ description: 'The operation that the path leads to' }),
      rule: z.string().nullable().meta({ description: 'What it asks for, as in its `x-permission`' }),
      // Not `nullable()`: the document would then ask for a value that is both a permission and null.
      permission: z.union([permissionSchema, z.null()]).meta({ description: 'The one that decides here' }),
      reach: z
        .enum(['own', 'any'])
        .nullable()
        .meta({ description: '`own`: what belongs to somebody else is as if it were not there' }),
      needs_session: z.boolean().meta({ description: 'Whether an API token is refused whatever its scopes' }),
      missing: z.array(permissionSchema),
    })
    .meta({ id: 'AccessExplanation' }),
)

const explain = createRoute({
  method: 'post',
  path: '/admin/access/explain',
  operationId: 'explainAccess',
  tags: ['Accounts'],
  summary: 'Why an account may or may not do something, and what is missing',
  description:
    'Decides by the same table as a request, of the account as it is now, and does nothing. What a route asks beyond its guard, such as a recent sign-in, stands in its description.',
  security: bearer('accounts:admin'),
  'x-permission': 'accounts:admin',
  middleware: [requireSession({ permission: 'accounts:admin' })] as const,
  request: { body: body(questionSchema, { account_id: 2, method: 'DELETE', path: '/customers/1' }) },
  responses: later(() => ({
    200: json(explanationSchema(), 'The decision', {
      allowed: false,
      reason: 'role',
      explanation: EXPLANATIONS.role,
      account: { id: 2, role: 'mechanic', status: 'active' },
      operation: 'DELETE /customers/{id}',
      rule: 'profile:write for oneself, customers:write for others',
      permission: 'customers:write',
      reach: null,
      needs_session: true,
      missing: ['customers:write'],
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'account_unknown'),
  })),
})

/** The route, over the operations of the whole app. */
export function createAccessRoutes(app: App) {
  return createRoutes().openapi(explain, async (c) => {
    const { account_id, method, path } = c.req.valid('json')
    const [account] = await answered(findStanding(c.var.scope.db, account_id))
    if (!account) throw new Problem('account_unknown')
    const operation = findOperation(app, method, path)
    const { isAllowed, reason, permission, reach, missing } = explainAccess(account, operation)
    const rule = operation?.rule
    return c.json(
      {
        allowed: isAllowed,
        reason,
        explanation: EXPLANATIONS[reason],
        account,
        operation: operation?.name ?? null,
        rule: rule ? describeRule(rule) : null,
        permission,
        reach,
        needs_session: rule?.needsSession === true,
        missing: [...missing],
      },
      200,
    )
  })
}

/** The operation that a request would reach, found as the app finds it, with the rule of its very guard. */
function findOperation({ router }: App, method: string, path: string) {
  // HEAD is answered by GET, and every path works with a slash at its end.
  const asked = method === 'HEAD' ? 'GET' : method
  const plain = path.length > 1 ? path.replace(/\/$/, '') : path
  const handlers = router.match(asked, plain)[0].map(([handler]) => handler)
  const own = handlers.filter(([, route]) => route.method !== 'ALL')
  const pattern = own.at(-1)?.[1].path
  if (pattern === undefined) return undefined
  const place = pattern.split('/').findIndex((segment) => /^:id\b/.test(segment))
  const id = place < 0 ? undefined : Number(plain.split('/')[place])
  const rule = ruleOf(own.map(([handler]) => handler))
  return { name: `${asked} ${documentedPath(pattern)}`, rule, id }
}
