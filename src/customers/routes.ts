/** /customers: the old service's paths, kept for its clients. */
import * as z from 'zod'
import { canonicalEmail } from '../accounts/email-address.ts'
import { countCustomers, listCustomers } from '../accounts/queries.ts'
import { CUSTOMER_EXAMPLE, customerSchema, showCustomer } from '../accounts/schemas.ts'
import { refuseInvalidWithPassword } from '../passwords/validation.ts'
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
import { describePage } from '../platform/pagination.ts'
import { changeProfile } from '../profile/change.ts'
import { deleteAccount } from '../profile/delete.ts'
import { confirmationSchema, profileChangeSchema } from '../profile/schemas.ts'
import {
  FIRST_OWN_TICKETS,
  firstOwnTickets,
  listOwnTicketsAfter,
  type PlainTicketRow,
} from '../service-tickets/queries.ts'
import { showTicketOf, TICKET_EXAMPLE, ticketSchema } from '../service-tickets/schemas.ts'
import { requireSession } from '../sessions/guard.ts'
import { customerListQuery, customerListSchema } from './schemas.ts'
import { loadTarget } from './target.ts'

export const customerRoutes = createRoutes()

const ONE_CUSTOMER = '/customers/{id{[1-9][0-9]*}}'

const SENSITIVE_PROBLEMS = [
  'session_required',
  'reauthentication_required',
  'invalid_credentials',
  'too_many_requests',
  'sign_in_busy',
] as const

const myTickets = createRoute({
  method: 'get',
  path: '/customers/my-tickets',
  operationId: 'listMyTickets',
  tags: ['Customers'],
  summary: 'The tickets of whoever the token belongs to',
  description: 'Oldest first. The token says whose tickets they are.',
  security: bearer('tickets:read'),
  'x-permission': 'tickets:read',
  middleware: [requireSession({ permission: 'tickets:read', alongside: firstOwnTickets })] as const,
  responses: later(() => ({
    200: json(z.object({ message: z.string(), tickets: z.array(ticketSchema()) }), 'The own tickets', {
      message: 'Found 1 service tickets',
      tickets: [TICKET_EXAMPLE],
    }),
    ...problems(...SESSION_PROBLEMS, 'forbidden'),
  })),
})

customerRoutes.openapi(myTickets, async (c) => {
  const { account } = c.get('actor')
  const first: PlainTicketRow[] = JSON.parse(c.get('alongside') ?? '[]')
  const last = first[FIRST_OWN_TICKETS - 1]
  const rest = last ? await answered(listOwnTicketsAfter(c.get('scope').db, account.id, last.id)) : []
  const customer = showCustomer(account)
  const tickets = [...first, ...rest].map((ticket) => showTicketOf(ticket, customer))
  return c.json({ message: `Found ${tickets.length} service tickets`, tickets }, 200)
})

const list = createRoute({
  method: 'get',
  path: '/customers',
  operationId: 'listCustomers',
  tags: ['Customers'],
  summary: 'List customers',
  description: 'Staff only. The search text is literal; `page` and `per_page` out of range are clamped.',
  security: bearer('customers:read'),
  'x-permission': 'customers:read',
  middleware: [requireSession({ permission: 'customers:read' })] as const,
  request: { query: customerListQuery },
  responses: later(() => ({
    200: json(customerListSchema(), 'One page of customers'),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed'),
  })),
})

customerRoutes.openapi(list, async (c) => {
  const { page, per_page, search, email, sort_by, order } = c.req.valid('query')
  const { db } = c.var.scope
  const filter = { search, emailCanonical: email && canonicalEmail(email), sortBy: sort_by, order }
  const [rows, [count]] = await answered(
    db.batch([listCustomers(db, filter, per_page, (page - 1) * per_page), countCustomers(db, filter)]),
  )
  return c.json(
    {
      customers: rows.map(showCustomer),
      pagination: describePage(page, per_page, count?.total ?? 0),
      filters_applied: { search: search ?? null, email: email ?? null, sort_by, order },
    },
    200,
  )
})

const read = createRoute({
  method: 'get',
  path: ONE_CUSTOMER,
  operationId: 'getCustomer',
  tags: ['Customers'],
  summary: 'One customer: oneself, or anyone for staff',
  description: 'Another person is refused before it is told whether the id exists.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read for oneself, customers:read for others',
  middleware: [
    requireSession({
      permission: 'profile:read',
      others: 'customers:read',
      refusal: 'You can only view your own information',
    }),
    loadTarget,
  ] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(customerSchema(), 'The customer', CUSTOMER_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'customer_not_found'),
  })),
})

customerRoutes.openapi(read, (c) => c.json(showCustomer(c.var.target), 200))

const update = createRoute({
  method: 'put',
  path: ONE_CUSTOMER,
  operationId: 'updateCustomer',
  tags: ['Customers'],
  summary: 'Change any part of a customer: oneself, or names, phone and e-mail of anyone for admins',
  description:
    'A new password or e-mail address needs a recent sign-in or `current_password`. A new password ends every other session.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write for oneself, customers:write for others',
  middleware: [
    requireSession({
      permission: 'profile:write',
      others: 'customers:write',
      refusal: 'You can only update your own information',
    }),
    loadTarget,
  ] as const,
  request: { params: idParam, body: body(profileChangeSchema, { first_name: 'Johnny' }) },
  responses: later(() => ({
    200: json(customerSchema(), 'The changed customer', { ...CUSTOMER_EXAMPLE, first_name: 'Johnny' }),
    ...problems(...CHANGE_PROBLEMS, ...SENSITIVE_PROBLEMS, 'forbidden', 'customer_not_found', 'email_taken'),
  })),
})

customerRoutes.openapi(
  update,
  async (c) => {
    const { scope, actor, target } = c.var
    return c.json(showCustomer(await changeProfile(scope, actor, target, c.req.valid('json'))), 200)
  },
  refuseInvalidWithPassword,
)

const remove = createRoute({
  method: 'delete',
  path: ONE_CUSTOMER,
  operationId: 'deleteCustomer',
  tags: ['Customers'],
  summary: 'Delete a customer for good: oneself, or anyone for admins',
  description:
    'Needs a recent sign-in or `current_password`. Account, sessions and personal data go; the shop keeps the tickets without the person.',
  security: bearer('profile:write'),
  'x-permission': 'profile:write for oneself, customers:write for others',
  middleware: [
    requireSession({
      permission: 'profile:write',
      others: 'customers:write',
      refusal: 'You can only delete your own account',
      needsSession: true,
    }),
    loadTarget,
  ] as const,
  request: {
    params: idParam,
    body: body(confirmationSchema, { current_password: 'securepassword123' }, false),
  },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Deleted', { message: 'Customer deleted successfully' }),
    ...problems(...CHANGE_PROBLEMS, ...SENSITIVE_PROBLEMS, 'forbidden', 'customer_not_found'),
  })),
})

customerRoutes.openapi(remove, async (c) => {
  const { scope, actor, target } = c.var
  await deleteAccount(scope, actor, target, c.req.valid('json').current_password)
  return c.json({ message: 'Customer deleted successfully' }, 200)
})
