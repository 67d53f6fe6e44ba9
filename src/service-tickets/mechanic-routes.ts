/** Who works on a ticket: several changes at once, or one. */
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
import { Problem } from '../platform/problem.ts'
import { PROBLEMS } from '../platform/problem-catalogue.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { type Actor, requireSession } from '../sessions/guard.ts'
import { type ChangeOutcome, editMechanics } from './edit-mechanics.ts'
import type { TicketRow } from './queries.ts'
import {
  changedTicketSchema,
  mechanicEditResultSchema,
  mechanicEditSchema,
  showTicket,
  TICKET_EXAMPLE,
} from './schemas.ts'
import { idFrom, loadTicket, mechanicParams, ONE_TICKET, STAFF_ONLY } from './target.ts'

export const ticketMechanicRoutes = createRoutes()

const ONE_MECHANIC = '{mechanic_id{[1-9][0-9]*}}'

const EDITED = {
  message: 'Processed 1 mechanic changes for ticket 1',
  changes_made: ['Mechanic Maria Keller assigned to service ticket 1'],
  service_ticket: TICKET_EXAMPLE,
  errors: {},
}

const staffOnly = [requireSession(STAFF_ONLY), loadTicket] as const

const edit = createRoute({
  method: 'put',
  path: `${ONE_TICKET}/edit`,
  operationId: 'editServiceTicketMechanics',
  tags: ['Service tickets'],
  summary: 'Assign and remove mechanics',
  description:
    'First those of `remove_ids` are removed, then those of `add_ids` assigned. 200 when all could be done, or nothing was asked for, 207 when a part could, 400 when none.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [...staffOnly] as const,
  request: { params: idParam, body: body(mechanicEditSchema, { add_ids: [1], remove_ids: [] }, false) },
  responses: later(() => ({
    200: json(mechanicEditResultSchema(), 'All is done', EDITED),
    207: json(mechanicEditResultSchema(), 'A part is done', {
      ...EDITED,
      errors: { 'remove_ids.0': ['Mechanic not found'] },
    }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'ticket_not_found', 'no_changes_made'),
  })),
})

ticketMechanicRoutes.openapi(edit, async (c) => {
  const { scope, actor, ticket } = c.var
  const { add_ids, remove_ids } = c.req.valid('json')
  const listed = [
    ...[...new Set(remove_ids)].map((mechanicId) => ({ kind: 'remove' as const, mechanicId })),
    ...[...new Set(add_ids)].map((mechanicId) => ({ kind: 'add' as const, mechanicId })),
  ]
  if (listed.length === 0) {
    const nothing = { message: 'No changes requested', changes_made: [], errors: {} }
    return c.json({ ...nothing, service_ticket: showTicket(ticket) }, 200)
  }
  const { outcomes, ticket: edited } = await editMechanics(scope, actor, ticket, listed)
  const errors = Object.fromEntries(
    outcomes.flatMap(({ kind, mechanicId, refused }) => {
      const place =
        kind === 'add'
          ? `add_ids.${add_ids.indexOf(mechanicId)}`
          : `remove_ids.${remove_ids.indexOf(mechanicId)}`
      return refused ? [[place, [PROBLEMS[refused].title]]] : []
    }),
  )
  const changes = outcomes.filter(({ refused }) => !refused).map((outcome) => tell(outcome, ticket.id))
  if (changes.length === 0) throw new Problem('no_changes_made', { errors })
  const message = `Processed ${changes.length} mechanic changes for ticket ${ticket.id}`
  const result = { message, changes_made: changes, service_ticket: showTicket(edited), errors }
  return Object.keys(errors).length === 0 ? c.json(result, 200) : c.json(result, 207)
})

const assign = createRoute({
  method: 'put',
  path: `${ONE_TICKET}/assign-mechanic/${ONE_MECHANIC}`,
  operationId: 'assignMechanic',
  tags: ['Service tickets'],
  summary: 'Assign a mechanic',
  description: 'A ticket has at most 20.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [...staffOnly] as const,
  request: { params: mechanicParams },
  responses: later(() => ({
    200: json(changedTicketSchema(), 'Assigned', {
      message: 'Mechanic Maria Keller assigned to service ticket 1',
      service_ticket: TICKET_EXAMPLE,
    }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'ticket_not_found',
      'mechanic_not_found',
      'mechanic_already_assigned',
      'ticket_full',
    ),
  })),
})

ticketMechanicRoutes.openapi(assign, async (c) => {
  const { scope, actor, ticket } = c.var
  const mechanicId = idFrom(c.req.valid('param').mechanic_id)
  return c.json(await changeOne(scope, actor, ticket, 'add', mechanicId), 200)
})

const remove = createRoute({
  method: 'put',
  path: `${ONE_TICKET}/remove-mechanic/${ONE_MECHANIC}`,
  operationId: 'removeMechanic',
  tags: ['Service tickets'],
  summary: 'Take a mechanic off a ticket',
  description: 'Who worked on the ticket until then is in the audit log.',
  security: bearer('tickets:write'),
  'x-permission': 'tickets:write',
  middleware: [...staffOnly] as const,
  request: { params: mechanicParams },
  responses: later(() => ({
    200: json(changedTicketSchema(), 'Removed', {
      message: 'Mechanic Maria Keller removed from service ticket 1',
      service_ticket: { ...TICKET_EXAMPLE, mechanics: [] },
    }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'ticket_not_found',
      'mechanic_not_found',
      'mechanic_not_assigned',
    ),
  })),
})

ticketMechanicRoutes.openapi(remove, async (c) => {
  const { scope, actor, ticket } = c.var
  const mechanicId = idFrom(c.req.valid('param').mechanic_id)
  return c.json(await changeOne(scope, actor, ticket, 'remove', mechanicId), 200)
})

async function changeOne(
  scope: RequestScope,
  actor: Actor,
  ticket: TicketRow,
  kind: ChangeOutcome['kind'],
  mechanicId: number,
) {
  const { outcomes, ticket: changed } = await editMechanics(scope, actor, ticket, [{ kind, mechanicId }])
  const message = outcomes.map((outcome) => {
    if (outcome.refused) throw new Problem(outcome.refused)
    return tell(outcome, ticket.id)
  })
  return { message: message.join(), service_ticket: showTicket(changed) }
}

function tell({ kind, name }: ChangeOutcome, ticketId: number): string {
  return `Mechanic ${name} ${kind === 'add' ? 'assigned to' : 'removed from'} service ticket ${ticketId}`
}
