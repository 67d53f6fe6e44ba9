/** /service-tickets: staff open, read, list, change and delete tickets; a customer opens and reads the own ones. */
import * as z from 'zod'
import { reachBy } from '../access/decide.ts'
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
import { requireSession } from '../sessions/guard.ts'
import { refuseInvalidOpening } from './opening.ts'
import { listTickets, type TicketChanges } from './queries.ts'
import {
  newTicketSchema,
  showTicket,
  TICKET_EXAMPLE,
  ticketChangeSchema,
  ticketListQuery,
  ticketSchema,
} from './schemas.ts'
import { parseServiceDate } from './service-date.ts'
import { loadTicket, ONE_TICKET, STAFF_ONLY } from './target.ts'
import { changeTicket, openTicket, removeTicket } from './write.ts'

export const serviceTicketRoutes = createRoutes()

const open = createRoute({
  method: 'post',
  path: '/service-tickets',
  operationId: 'openServiceTicket',
  tags: ['Service tickets'],
  summary: 'Open a ticket: staff for a customer, a customer for oneself',
  description:
    'The ticket begins as `open`. Staff name the customer and may name mechanics; a customer names neither.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [requireSession({ permission: 'tickets:write' })] as const,
  request: {
    body: body(newTicketSchema, {
      customer_id: 1,
      description: 'Oil change and new brake pads',
      service_date: '2026-01-15T10:00:00',
      mechanic_ids: [1],
    }),
  },
  responses: later(() => ({
    201: json(ticketSchema(), 'The ticket', TICKET_EXAMPLE),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'customer_unknown', 'mechanic_unknown'),
  })),
})

serviceTicketRoutes.openapi(
  open,
  async (c) => {
    const { scope, actor } = c.var
    const { customer_id, description, service_date, vin, mechanic_ids } = c.req.valid('json')
    const ticket = await openTicket(scope, actor, {
      customerId: customer_id ?? actor.account.id,
      description,
      serviceAt: parseServiceDate(service_date) ?? 0,
      vin: vin?.toUpperCase() ?? null,
      mechanicIds: mechanic_ids ?? [],
    })
    return c.json(showTicket(ticket), 201)
  },
  refuseInvalidOpening,
)

const list = createRoute({
  method: 'get',
  path: '/service-tickets',
  operationId: 'listServiceTickets',
  tags: ['Service tickets'],
  summary: 'List tickets, newest first: all for staff, the own ones for a customer',
  description: '`next_cursor` continues the list; it is null on the last page.',
  security: bearer('tickets:read'),
  'x-permission': 'tickets:read',
  middleware: [requireSession({ permission: 'tickets:read' })] as const,
  request: { query: ticketListQuery },
  responses: later(() => ({
    200: json(
      z.object({ items: z.array(ticketSchema()), next_cursor: z.string().nullable() }),
      'A page of tickets',
      {
        items: [TICKET_EXAMPLE],
        next_cursor: null,
      },
    ),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed'),
  })),
})

serviceTicketRoutes.openapi(list, async (c) => {
  const { scope, actor } = c.var
  const { cursor, limit, status, customer_id } = c.req.valid('query')
  const beforeId =
    cursor === undefined ? undefined : await verifyCursor(scope.keys.cursor, 'service-tickets', cursor)
  if (cursor !== undefined && beforeId === undefined) {
    throw new Problem('validation_failed', { errors: { cursor: ['Not a valid cursor.'] } })
  }
  const isOwnOnly = reachBy(actor.rights, 'tickets:read') === 'own'
  const customerId = isOwnOnly ? actor.account.id : customer_id
  // One more than asked for tells whether there is a next page.
  const rows = await answered(listTickets(scope.db, { customerId, status, beforeId }, limit + 1))
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor = last ? await issueCursor(scope.keys.cursor, 'service-tickets', last.id) : null
  return c.json({ items: rows.slice(0, limit).map(showTicket), next_cursor: nextCursor }, 200)
})

const read = createRoute({
  method: 'get',
  path: ONE_TICKET,
  operationId: 'getServiceTicket',
  tags: ['Service tickets'],
  summary: 'One ticket: any for staff, an own one for a customer',
  description: 'Another customer’s ticket is as if it were not there.',
  security: bearer('tickets:read'),
  'x-permission': 'tickets:read',
  middleware: [requireSession({ permission: 'tickets:read' }), loadTicket] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(ticketSchema(), 'The ticket', TICKET_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'ticket_not_found'),
  })),
})

serviceTicketRoutes.openapi(read, (c) => c.json(showTicket(c.var.ticket), 200))

const update = createRoute({
  method: 'put',
  path: ONE_TICKET,
  operationId: 'updateServiceTicket',
  tags: ['Service tickets'],
  summary: 'Change any part of a ticket, its status step by step',
  description:
    'open, in_progress, awaiting_parts, in_progress, completed; cancelled from any that is not completed. Another step is 409.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [requireSession(STAFF_ONLY), loadTicket] as const,
  request: { params: idParam, body: body(ticketChangeSchema, { status: 'in_progress' }) },
  responses: later(() => ({
    200: json(ticketSchema(), 'The changed ticket', { ...TICKET_EXAMPLE, status: 'in_progress' }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'ticket_not_found', 'ticket_status_conflict'),
  })),
})

serviceTicketRoutes.openapi(update, async (c) => {
  const { scope, actor, ticket } = c.var
  const { description, service_date, status, vin } = c.req.valid('json')
  const serviceAt = service_date === undefined ? undefined : parseServiceDate(service_date)
  const changes: TicketChanges = {
    ...(description !== undefined && { description }),
    ...(serviceAt !== undefined && { serviceAt }),
    ...(status !== undefined && { status }),
    ...(vin !== undefined && { vin: vin?.toUpperCase() ?? null }),
  }
  if (Object.keys(changes).length === 0) throw new Problem('input_missing')
  return c.json(showTicket(await changeTicket(scope, actor, ticket, changes)), 200)
})

const remove = createRoute({
  method: 'delete',
  path: ONE_TICKET,
  operationId: 'deleteServiceTicket',
  tags: ['Service tickets'],
  summary: 'Delete a ticket for good',
  description: 'Its parts go back to the stock, unless it is completed: then they are used up.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [requireSession(STAFF_ONLY), loadTicket] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Deleted', {
      message: 'Service ticket deleted successfully',
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'ticket_not_found'),
  })),
})

serviceTicketRoutes.openapi(remove, async (c) => {
  await removeTicket(c.var.scope, c.var.actor, c.var.ticket)
  return c.json({ message: 'Service ticket deleted successfully' }, 200)
})
