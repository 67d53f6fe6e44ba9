/** /mechanics: staff read, admins write; salaries are for admins only. */
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import { issueCursor, verifyCursor } from '../platform/cursor.ts'
import { answered } from '../platform/database.ts'
import {
  bearer,
  body,
  CHANGE_PROBLEMS,
  createRoute,
  createRoutes,
  idParam,
  json,
  later,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { refuseInvalidList } from '../platform/validate.ts'
import { countMechanics, listMechanicsByWorkload } from '../service-tickets/queries.ts'
import { requireSession } from '../sessions/guard.ts'
import { findMechanic, listMechanics, type MechanicRow } from './queries.ts'
import {
  MECHANIC_EXAMPLE,
  mechanicChangeSchema,
  mechanicListQuery,
  mechanicListSchema,
  mechanicSchema,
  newMechanicSchema,
  showMechanic,
  workloadQuery,
  workloadSchema,
} from './schemas.ts'
import { addMechanic, changeMechanic, removeMechanic } from './write.ts'

export const mechanicRoutes = createRoutes()

const ONE_MECHANIC = '/mechanics/{id{[1-9][0-9]*}}'

/** The mechanic that the path names. */
const loadMechanic = createMiddleware<AppEnv & { Variables: { mechanic: MechanicRow } }>(
  async function loadMechanic(c, next) {
    const id = Number(c.req.param('id'))
    const [mechanic] = Number.isSafeInteger(id) ? await answered(findMechanic(c.var.scope.db, id)) : []
    if (!mechanic) throw new Problem('mechanic_not_found')
    c.set('mechanic', mechanic)
    await next()
  },
)

const add = createRoute({
  method: 'post',
  path: '/mechanics',
  operationId: 'addMechanic',
  tags: ['Mechanics'],
  summary: 'Add a mechanic',
  description:
    'One mechanic per e-mail address, however it is spelled. Who is to sign in as well is invited at /admin/accounts.',
  security: bearer('mechanics:write'),
  'x-permission': 'mechanics:write',
  middleware: [requireSession({ permission: 'mechanics:write' })] as const,
  request: {
    body: body(newMechanicSchema, {
      name: 'Maria Keller',
      email: 'maria@example.com',
      phone: '555-0145',
      salary: 52000,
    }),
  },
  responses: later(() => ({
    201: json(mechanicSchema(), 'The mechanic', MECHANIC_EXAMPLE),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'mechanic_email_taken'),
  })),
})

mechanicRoutes.openapi(add, async (c) => {
  const { scope, actor } = c.var
  return c.json(showMechanic(await addMechanic(scope, actor, c.req.valid('json')), actor.rights), 201)
})

const list = createRoute({
  method: 'get',
  path: '/mechanics',
  operationId: 'listMechanics',
  tags: ['Mechanics'],
  summary: 'List mechanics in the order of their ids',
  description: '`next_cursor` continues the list; it is null on the last page.',
  security: bearer('mechanics:read'),
  'x-permission': 'mechanics:read',
  middleware: [requireSession({ permission: 'mechanics:read' })] as const,
  request: { query: mechanicListQuery },
  responses: later(() => ({
    200: json(mechanicListSchema(), 'A page of mechanics', { items: [MECHANIC_EXAMPLE], next_cursor: null }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed'),
  })),
})

mechanicRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const { cursor, limit } = c.req.valid('query')
  const afterId =
    cursor === undefined ? undefined : await verifyCursor(scope.keys.cursor, 'mechanics', cursor)
  if (cursor !== undefined && afterId === undefined) {
    throw new Problem('validation_failed', { errors: { cursor: ['Not a valid cursor.'] } })
  }
  // One more than asked for tells whether there is a next page.
  const rows = await answered(listMechanics(scope.db, afterId, limit + 1))
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor = last ? await issueCursor(scope.keys.cursor, 'mechanics', last.id) : null
  const items = rows.slice(0, limit).map((row) => showMechanic(row, actor.rights))
  return c.json({ items, next_cursor: nextCursor }, 200)
})

const byWorkload = createRoute({
  method: 'get',
  path: '/mechanics/by-workload',
  operationId: 'listMechanicsByWorkload',
  tags: ['Mechanics'],
  summary: 'Mechanics by how many tickets they are assigned to',
  description: 'Whoever has as many as another comes in the order of ids.',
  security: bearer('mechanics:read'),
  'x-permission': 'mechanics:read',
  middleware: [requireSession({ permission: 'mechanics:read' })] as const,
  request: { query: workloadQuery },
  responses: later(() => ({
    200: json(workloadSchema(), 'The mechanics', {
      mechanics: [{ ...MECHANIC_EXAMPLE, ticket_count: 3 }],
      total_mechanics: 1,
      sort_order: 'desc',
      message: 'Mechanics by workload, most tickets first',
      limit_applied: 100,
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed', 'order_invalid'),
  })),
})

mechanicRoutes.openapi(
  byWorkload,
  async (c) => {
    const { scope, actor } = c.var
    const { order, limit } = c.req.valid('query')
    const [rows, [counted]] = await answered(
      scope.db.batch([listMechanicsByWorkload(scope.db, order, limit), countMechanics(scope.db)]),
    )
    return c.json(
      {
        mechanics: rows.map(({ ticketCount, ...row }) => ({
          ...showMechanic(row, actor.rights),
          ticket_count: ticketCount,
        })),
        total_mechanics: counted?.count ?? 0,
        sort_order: order,
        message: `Mechanics by workload, ${order === 'desc' ? 'most' : 'fewest'} tickets first`,
        limit_applied: limit,
      },
      200,
    )
  },
  refuseInvalidList,
)

const read = createRoute({
  method: 'get',
  path: ONE_MECHANIC,
  operationId: 'getMechanic',
  tags: ['Mechanics'],
  summary: 'One mechanic',
  description: 'The salary is there for admins only.',
  security: bearer('mechanics:read'),
  'x-permission': 'mechanics:read',
  middleware: [requireSession({ permission: 'mechanics:read' }), loadMechanic] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(mechanicSchema(), 'The mechanic', MECHANIC_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'mechanic_not_found'),
  })),
})

mechanicRoutes.openapi(read, (c) => c.json(showMechanic(c.var.mechanic, c.var.actor.rights), 200))

const update = createRoute({
  method: 'put',
  path: ONE_MECHANIC,
  operationId: 'updateMechanic',
  tags: ['Mechanics'],
  summary: 'Change any part of a mechanic',
  description: 'What is not sent stays; null takes the phone number or the salary away.',
  security: bearer('mechanics:write'),
  'x-permission': 'mechanics:write',
  middleware: [requireSession({ permission: 'mechanics:write' }), loadMechanic] as const,
  request: { params: idParam, body: body(mechanicChangeSchema, { salary: 54500 }) },
  responses: later(() => ({
    200: json(mechanicSchema(), 'The changed mechanic', { ...MECHANIC_EXAMPLE, salary: 54500 }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'mechanic_not_found', 'mechanic_email_taken'),
  })),
})

mechanicRoutes.openapi(update, async (c) => {
  const { scope, actor, mechanic } = c.var
  const changed = await changeMechanic(scope, actor, mechanic.id, c.req.valid('json'))
  return c.json(showMechanic(changed, actor.rights), 200)
})

const remove = createRoute({
  method: 'delete',
  path: ONE_MECHANIC,
  operationId: 'deleteMechanic',
  tags: ['Mechanics'],
  summary: 'Delete a mechanic for good',
  description:
    'The tickets stay, without the mechanic. The id is never used again. Who has an account is 409: delete that before, or give it another role.',
  security: bearer('mechanics:write'),
  'x-permission': 'mechanics:write',
  middleware: [requireSession({ permission: 'mechanics:write' }), loadMechanic] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Deleted', { message: 'Mechanic deleted successfully' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'mechanic_not_found', 'mechanic_tied'),
  })),
})

mechanicRoutes.openapi(remove, async (c) => {
  await removeMechanic(c.var.scope, c.var.actor, c.var.mechanic.id)
  return c.json({ message: 'Mechanic deleted successfully' }, 200)
})
