/** Parts of a ticket, taken from the inventory and given back to it. */
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
} from '../platform/openapi.ts'
import { requireSession } from '../sessions/guard.ts'
import { addPart, removePart } from './edit-parts.ts'
import { changedTicketSchema, newPartSchema, showTicket, TICKET_EXAMPLE } from './schemas.ts'
import { idFrom, loadTicket, ONE_TICKET, partParams, STAFF_ONLY } from './target.ts'

export const ticketPartRoutes = createRoutes()

const staffOnly = [requireSession(STAFF_ONLY), loadTicket] as const

const add = createRoute({
  method: 'post',
  path: `${ONE_TICKET}/inventory`,
  operationId: 'addServiceTicketPart',
  tags: ['Service tickets'],
  summary: 'Put an item of the inventory on a ticket',
  description:
    'Takes it from the stock and keeps name and price of this moment. An item is on a ticket once; a ticket has at most 50.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [...staffOnly] as const,
  request: { params: idParam, body: body(newPartSchema, { inventory_id: 1, quantity: 2 }) },
  responses: later(() => ({
    200: json(changedTicketSchema(), 'Added', {
      message: 'Inventory item Brake pads, front added to service ticket 1',
      service_ticket: {
        ...TICKET_EXAMPLE,
        parts: [{ id: 1, name: 'Brake pads, front', price: 49.9, quantity: 2 }],
      },
    }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'ticket_not_found',
      'inventory_item_unknown',
      'part_already_added',
      'stock_exhausted',
      'ticket_full',
    ),
  })),
})

ticketPartRoutes.openapi(add, async (c) => {
  const { scope, actor, ticket } = c.var
  const { inventory_id: itemId, quantity } = c.req.valid('json')
  const { name, ticket: changed } = await addPart(scope, actor, ticket, { itemId, quantity })
  const message = `Inventory item ${name} added to service ticket ${ticket.id}`
  return c.json({ message, service_ticket: showTicket(changed) }, 200)
})

const remove = createRoute({
  method: 'delete',
  path: `${ONE_TICKET}/inventory/{part_id{[1-9][0-9]*}}`,
  operationId: 'removeServiceTicketPart',
  tags: ['Service tickets'],
  summary: 'Take a part off a ticket',
  description: 'Gives it back to the stock, if the item is still there and counted.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [...staffOnly] as const,
  request: { params: partParams },
  responses: later(() => ({
    200: json(changedTicketSchema(), 'Removed', {
      message: 'Inventory item Brake pads, front removed from service ticket 1',
      service_ticket: TICKET_EXAMPLE,
    }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'ticket_not_found',
      'inventory_item_not_found',
      'part_not_added',
    ),
  })),
})

ticketPartRoutes.openapi(remove, async (c) => {
  const { scope, actor, ticket } = c.var
  const { name, ticket: changed } = await removePart(
    scope,
    actor,
    ticket,
    idFrom(c.req.valid('param').part_id),
  )
  const message = `Inventory item ${name} removed from service ticket ${ticket.id}`
  return c.json({ message, service_ticket: showTicket(changed) }, 200)
})
