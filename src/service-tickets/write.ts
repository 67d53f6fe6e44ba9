/** Opening, changing and deleting tickets, each with its audit row in the same batch. */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { insertTicketMechanic } from './mechanic-queries.ts'
import { giveAllStockBack } from './part-queries.ts'
import {
  countMechanics,
  deleteTicket,
  findTicket,
  insertTicket,
  isExistingTicket,
  reserveTicketId,
  type TicketChanges,
  type TicketRow,
  updateTicket,
} from './queries.ts'
import { canChangeStatus } from './status.ts'

interface TicketOpening {
  readonly customerId: number
  readonly description: string
  readonly serviceAt: number
  readonly vin: string | null
  readonly mechanicIds: readonly number[]
}

/**
 * Opens a ticket for a customer.
 * @throws Problem `customer_unknown`, `mechanic_unknown`, `unavailable`
 */
export async function openTicket(
  scope: RequestScope,
  actor: Actor,
  opening: TicketOpening,
): Promise<TicketRow> {
  const { db, facts } = scope
  const mechanicIds = [...new Set(opening.mechanicIds)]
  const [known] = mechanicIds.length > 0 ? await answered(countMechanics(db, mechanicIds)) : [{ count: 0 }]
  if (known?.count !== mechanicIds.length) throw new Problem('mechanic_unknown')
  const [reserved] = await answered(reserveTicketId(db, opening.customerId))
  if (!reserved) throw new Problem('customer_unknown')
  const id = reserved.seq
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'ticket.created',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: opening.customerId,
    sessionId: actor.session.id,
    details: { ticket_id: id },
  })
  await answered(
    db.batch([
      insertTicket(db, { ...opening, id }, facts.now),
      insertAuditEvent(db, event, isExistingTicket(id)),
      ...mechanicIds.map((mechanicId) => insertTicketMechanic(db, id, mechanicId)),
    ]),
  )
  const [ticket] = await answered(findTicket(db, id))
  if (!ticket) throw new Problem('customer_unknown')
  return ticket
}

/**
 * Changes a ticket from the state in which it was read.
 * @throws Problem `ticket_status_conflict`, `unavailable`
 */
export async function changeTicket(
  scope: RequestScope,
  actor: Actor,
  ticket: TicketRow,
  changes: TicketChanges,
): Promise<TicketRow> {
  const { db, facts } = scope
  if (changes.status !== undefined && !canChangeStatus(ticket.status, changes.status)) {
    throw new Problem('ticket_status_conflict', {
      detail: `A ticket cannot go from ${ticket.status} to ${changes.status}`,
    })
  }
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'ticket.updated',
    outcome: 'success',
    actorId: actor.account.id,
    sessionId: actor.session.id,
    details: { ticket_id: ticket.id, fields: Object.keys(changes) },
    ...(ticket.customerId !== null && { subjectId: ticket.customerId }),
  })
  const [updated, , rows] = await answered(
    db.batch([
      updateTicket(db, ticket.id, ticket.status, changes, facts.now),
      insertAuditEvent(db, event, previousChangedOne),
      findTicket(db, ticket.id),
    ]),
  )
  if (updated.meta.changes === 0) {
    throw new Problem('ticket_status_conflict', {
      detail: 'The ticket was changed by somebody else meanwhile',
    })
  }
  const [changed] = rows
  if (!changed) throw new Problem('ticket_not_found')
  return changed
}

/**
 * Deletes a ticket for good; its parts go back to the stock, unless the work is done.
 * @throws Problem `ticket_not_found`, `unavailable`
 */
export async function removeTicket(scope: RequestScope, actor: Actor, ticket: TicketRow): Promise<void> {
  const { db, facts } = scope
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'ticket.deleted',
    outcome: 'success',
    actorId: actor.account.id,
    sessionId: actor.session.id,
    details: { ticket_id: ticket.id },
    ...(ticket.customerId !== null && { subjectId: ticket.customerId }),
  })
  const [, deleted] = await answered(
    db.batch([
      giveAllStockBack(db, ticket.id, facts.now),
      deleteTicket(db, ticket.id),
      insertAuditEvent(db, event, previousChangedOne),
    ]),
  )
  if (deleted.meta.changes === 0) throw new Problem('ticket_not_found')
}
