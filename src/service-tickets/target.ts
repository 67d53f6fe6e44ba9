/** The ticket that a path names, and whether the actor may see or change it. */
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import { reachBy } from '../access/decide.ts'
import { answered } from '../platform/database.ts'
import { idParam } from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { type Actor, refuseAccess } from '../sessions/guard.ts'
import { findTicket, type TicketRow } from './queries.ts'

type TicketEnv = AppEnv & { Variables: { actor: Actor; ticket: TicketRow } }

export const ONE_TICKET = '/service-tickets/{id{[1-9][0-9]*}}'

/** The path's ids: of the ticket, and of a mechanic or part. */
export const mechanicParams = z.object({ id: idParam.shape.id, mechanic_id: idParam.shape.id })
export const partParams = z.object({ id: idParam.shape.id, part_id: idParam.shape.id })

/** An id of a path; one that no row can have is 0. */
export function idFrom(text: string): number {
  const id = Number(text)
  return Number.isSafeInteger(id) ? id : 0
}

/** For who may change everybody's tickets: opening an own one is all that customers do to them. */
export const STAFF_ONLY = {
  permission: 'tickets:write',
  reach: 'any',
  refusal: 'Only staff can change service tickets',
} as const

/** Sets `ticket`, if the actor may see it: another person's is as if it were not there. */
export const loadTicket = createMiddleware<TicketEnv>(async function loadTicket(c, next) {
  const { scope, actor } = c.var
  const id = idFrom(c.req.param('id') ?? '')
  const [ticket] = id > 0 ? await answered(findTicket(scope.db, id)) : []
  if (!ticket) throw new Problem('ticket_not_found')
  const isOwn = ticket.customerId === actor.account.id
  if (!isOwn && reachBy(actor.rights, 'tickets:read') !== 'any') {
    await refuseAccess(scope, actor, c.req, 'tickets:read')
    throw new Problem('ticket_not_found')
  }
  c.set('ticket', ticket)
  await next()
})
