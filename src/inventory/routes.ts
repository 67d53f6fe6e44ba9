/** /inventory: everybody signed in reads names and prices, staff also quantities, and staff write. */
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import { answered } from '../platform/database.ts'
import { toCents } from '../platform/money.ts'
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
import { describePage } from '../platform/pagination.ts'
import { Problem } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { refuseInvalidList } from '../platform/validate.ts'
import { requireSession } from '../sessions/guard.ts'
import { countItems, findItem, type ItemRow, listItems } from './queries.ts'
import {
  bulkResultSchema,
  bulkSchema,
  ITEM_EXAMPLE,
  itemChangeSchema,
  itemListQuery,
  itemListSchema,
  itemSchema,
  newItemSchema,
  seesQuantities,
  showItem,
} from './schemas.ts'
import { addItem, addItems, changeItem, removeItem } from './write.ts'

export const inventoryRoutes = createRoutes()

const ONE_ITEM = '/inventory/{id{[1-9][0-9]*}}'

/** The item that the path names. */
const loadItem = createMiddleware<AppEnv & { Variables: { item: ItemRow } }>(
  async function loadItem(c, next) {
    const id = Number(c.req.param('id'))
    const [item] = Number.isSafeInteger(id) ? await answered(findItem(c.var.scope.db, id)) : []
    if (!item) throw new Problem('inventory_item_not_found')
    c.set('item', item)
    await next()
  },
)

const add = createRoute({
  method: 'post',
  path: '/inventory',
  operationId: 'addInventoryItem',
  tags: ['Inventory'],
  summary: 'Add an item',
  description: 'Without a quantity, or with null, it is not counted.',
  security: bearer('inventory:write'),
  'x-permission': 'inventory:write',
  middleware: [requireSession({ permission: 'inventory:write' })] as const,
  request: { body: body(newItemSchema, { name: 'Brake pads, front', price: 49.9, quantity: 12 }) },
  responses: later(() => ({
    201: json(itemSchema(), 'The item', ITEM_EXAMPLE),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'inventory_name_taken'),
  })),
})

inventoryRoutes.openapi(add, async (c) => {
  const { scope, actor } = c.var
  return c.json(showItem(await addItem(scope, actor, c.req.valid('json')), actor.rights), 201)
})

const addMany = createRoute({
  method: 'post',
  path: '/inventory/bulk',
  operationId: 'addInventoryItems',
  tags: ['Inventory'],
  summary: 'Add up to 100 items, those that are as they should be',
  description:
    '201 when at least one was created; `errors` tells what is wrong with the others. None is 400, with the members of the success beside those of a problem. The list may also be the body itself.',
  security: bearer('inventory:write'),
  'x-permission': 'inventory:write',
  middleware: [requireSession({ permission: 'inventory:write' })] as const,
  request: {
    body: body(bulkSchema, { items: [{ name: 'Brake pads, front', price: 49.9, quantity: 12 }] }),
  },
  responses: later(() => ({
    201: json(bulkResultSchema(), 'What was created', {
      created: [ITEM_EXAMPLE],
      created_count: 1,
      errors: {},
      error_count: 0,
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'nothing_created'),
  })),
})

inventoryRoutes.openapi(addMany, async (c) => {
  const { scope, actor } = c.var
  const { created, errors, errorCount } = await addItems(scope, actor, c.req.valid('json').items)
  const counts = { created_count: created.length, error_count: errorCount }
  if (created.length === 0) {
    throw new Problem('nothing_created', { errors, members: { created: [], ...counts } })
  }
  return c.json({ created: created.map((item) => showItem(item, actor.rights)), errors, ...counts }, 201)
})

const list = createRoute({
  method: 'get',
  path: '/inventory',
  operationId: 'listInventory',
  tags: ['Inventory'],
  summary: 'List items by name, price and page',
  description: 'The name is literal text; `page` and `per_page` out of range are clamped.',
  security: bearer('inventory:read'),
  'x-permission': 'inventory:read',
  middleware: [requireSession({ permission: 'inventory:read' })] as const,
  request: { query: itemListQuery },
  responses: later(() => ({
    200: json(itemListSchema(), 'One page of items'),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed', 'order_invalid', 'sort_field_invalid'),
  })),
})

inventoryRoutes.openapi(
  list,
  async (c) => {
    const { scope, actor } = c.var
    const { page, per_page, name, min_price, max_price, sort_by, sort_order } = c.req.valid('query')
    // The order would tell what the answer does not.
    if (sort_by === 'quantity' && !seesQuantities(actor.rights)) {
      throw new Problem('sort_field_invalid', { errors: { sort_by: ['Only for staff.'] } })
    }
    const filter = {
      name,
      minCents: min_price === undefined ? undefined : toCents(min_price),
      maxCents: max_price === undefined ? undefined : toCents(max_price),
      sortBy: sort_by,
      order: sort_order,
    }
    const [rows, [count]] = await answered(
      scope.db.batch([
        listItems(scope.db, filter, per_page, (page - 1) * per_page),
        countItems(scope.db, filter),
      ]),
    )
    const { total, pages, has_next, has_prev } = describePage(page, per_page, count?.total ?? 0)
    return c.json(
      {
        inventory: rows.map((row) => showItem(row, actor.rights)),
        pagination: { total, pages, current_page: page, per_page, has_next, has_prev },
      },
      200,
    )
  },
  refuseInvalidList,
)

const read = createRoute({
  method: 'get',
  path: ONE_ITEM,
  operationId: 'getInventoryItem',
  tags: ['Inventory'],
  summary: 'One item',
  description: 'The quantity is there for staff only.',
  security: bearer('inventory:read'),
  'x-permission': 'inventory:read',
  middleware: [requireSession({ permission: 'inventory:read' }), loadItem] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(itemSchema(), 'The item', ITEM_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'inventory_item_not_found'),
  })),
})

inventoryRoutes.openapi(read, (c) => c.json(showItem(c.var.item, c.var.actor.rights), 200))

const update = createRoute({
  method: 'put',
  path: ONE_ITEM,
  operationId: 'updateInventoryItem',
  tags: ['Inventory'],
  summary: 'Change any part of an item',
  description:
    'What is not sent stays. A quantity is the whole stock; null ends the counting. Tickets keep name and price of their time.',
  security: bearer('inventory:write'),
  'x-permission': 'inventory:write',
  middleware: [requireSession({ permission: 'inventory:write' }), loadItem] as const,
  request: { params: idParam, body: body(itemChangeSchema, { price: 52.5 }) },
  responses: later(() => ({
    200: json(itemSchema(), 'The changed item', { ...ITEM_EXAMPLE, price: 52.5 }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'inventory_item_not_found', 'inventory_name_taken'),
  })),
})

inventoryRoutes.openapi(update, async (c) => {
  const { scope, actor, item } = c.var
  return c.json(showItem(await changeItem(scope, actor, item.id, c.req.valid('json')), actor.rights), 200)
})

const remove = createRoute({
  method: 'delete',
  path: ONE_ITEM,
  operationId: 'deleteInventoryItem',
  tags: ['Inventory'],
  summary: 'Delete an item for good',
  description: 'Tickets keep what they have of it. The id is never used again.',
  security: bearer('inventory:write'),
  'x-permission': 'inventory:write',
  middleware: [requireSession({ permission: 'inventory:write' }), loadItem] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Deleted', {
      message: 'Inventory item deleted successfully',
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'inventory_item_not_found'),
  })),
})

inventoryRoutes.openapi(remove, async (c) => {
  await removeItem(c.var.scope, c.var.actor, c.var.item.id)
  return c.json({ message: 'Inventory item deleted successfully' }, 200)
})
