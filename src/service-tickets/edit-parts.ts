/** Putting parts on a ticket and taking them off, with the stock and the audit row in the same batch. */

import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { findItem } from '../inventory/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import {
  deletePart,
  findPart,
  giveStockBack,
  insertPart,
  MAX_TICKET_PARTS,
  takeStock,
} from './part-queries.ts'
import { findTicket, type TicketRow, touchTicket } from './queries.ts'

interface PartChange {
  /** The name that the part has on the ticket. */
  readonly name: string
  readonly ticket: TicketRow
}

/**
 * Takes so many of an item from the stock and puts them on a ticket.
 * @throws Problem `inventory_item_unknown`, `part_already_added`, `ticket_full`, `stock_exhausted`, `ticket_not_found`,
 *   `unavailable`
 */
export async function addPart(
  scope: RequestScope,
  actor: Actor,
  ticket: TicketRow,
  part: { readonly itemId: number; readonly quantity: number },
): Promise<PartChange> {
  const { db, facts } = scope
  const taking = { ticketId: ticket.id, ...part }
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    ...whoAndWhom(actor, ticket),
    event: 'ticket.part_added',
    details: { ticket_id: ticket.id, item_id: part.itemId, quantity: part.quantity },
  })
  const [taken, , , , [item], [changed]] = await answered(
    db.batch([
      takeStock(db, taking, facts.now),
      insertPart(db, taking),
      insertAuditEvent(db, event, previousChangedOne),
      touchTicket(db, ticket.id, facts.now, isRecorded(event)),
      findItem(db, part.itemId),
      findTicket(db, ticket.id),
    ]),
  )
  if (!changed) throw new Problem('ticket_not_found')
  if (!item) throw new Problem('inventory_item_unknown')
  if (taken.meta.changes === 0) throw whyNotTaken(changed, part.itemId)
  return { name: item.name, ticket: changed }
}

/**
 * Takes a part off a ticket and gives it back to the stock.
 * @throws Problem `inventory_item_not_found`, `part_not_added`, `ticket_not_found`, `unavailable`
 */
export async function removePart(
  scope: RequestScope,
  actor: Actor,
  ticket: TicketRow,
  itemId: number,
): Promise<PartChange> {
  const { db, facts } = scope
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    ...whoAndWhom(actor, ticket),
    event: 'ticket.part_removed',
    details: { ticket_id: ticket.id, item_id: itemId },
  })
  const [[part], , , , , [item], [changed]] = await answered(
    db.batch([
      findPart(db, ticket.id, itemId),
      giveStockBack(db, ticket.id, itemId, facts.now),
      deletePart(db, ticket.id, itemId),
      insertAuditEvent(db, event, previousChangedOne),
      touchTicket(db, ticket.id, facts.now, isRecorded(event)),
      findItem(db, itemId),
      findTicket(db, ticket.id),
    ]),
  )
  if (!changed) throw new Problem('ticket_not_found')
  // A part stays on its ticket when the item is deleted, and can still be taken off.
  if (!part) throw new Problem(item ? 'part_not_added' : 'inventory_item_not_found')
  return { name: part.name, ticket: changed }
}

function whyNotTaken(ticket: TicketRow, itemId: number): Problem {
  const parts: { readonly id: number }[] = JSON.parse(ticket.parts)
  if (parts.some(({ id }) => id === itemId)) return new Problem('part_already_added')
  return new Problem(parts.length >= MAX_TICKET_PARTS ? 'ticket_full' : 'stock_exhausted')
}

function whoAndWhom(actor: Actor, { customerId }: TicketRow) {
  return {
    outcome: 'success',
    actorId: actor.account.id,
    sessionId: actor.session.id,
    ...(customerId !== null && { subjectId: customerId }),
  } as const
}
