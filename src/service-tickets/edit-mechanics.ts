/** Assigning mechanics to a ticket and removing them, each with its audit row, all in one batch. */
import { or, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { ProblemCode } from '../platform/problem-catalogue.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { deleteTicketMechanic, insertTicketMechanic, listMechanicNames } from './mechanic-queries.ts'
import { findTicket, type TicketRow, touchTicket } from './queries.ts'

interface Change {
  readonly kind: 'add' | 'remove'
  readonly mechanicId: number
}

/** What became of a change: the mechanic's name where it was made, or else why it was not. */
export type ChangeOutcome = Change & { readonly name: string; readonly refused: ProblemCode | undefined }

/**
 * Makes those of some changes that can be made, in their order, and gives the ticket as it is then.
 * @throws Problem `ticket_not_found`, `unavailable`
 */
export async function editMechanics(
  scope: RequestScope,
  actor: Actor,
  ticket: TicketRow,
  changes: readonly Change[],
): Promise<{ readonly outcomes: readonly ChangeOutcome[]; readonly ticket: TicketRow }> {
  const { db, facts } = scope
  const signed = await Promise.all(
    changes.map(async (change) => ({ change, event: await sign(scope, actor, ticket, change) })),
  )
  const steps = signed.flatMap(({ change: { kind, mechanicId }, event }): BatchItem<'sqlite'>[] => {
    const write = kind === 'add' ? insertTicketMechanic : deleteTicketMechanic
    return [write(db, ticket.id, mechanicId), insertAuditEvent(db, event, previousChangedOne)]
  })
  const ids = changes.map(({ mechanicId }) => mechanicId)
  const isChanged = or(...signed.map(({ event }) => isRecorded(event))) ?? sql`false`
  const last = [touchTicket(db, ticket.id, facts.now, isChanged), findTicket(db, ticket.id)] as const
  const [names, ...results] = await answered(db.batch([listMechanicNames(db, ids), ...steps, ...last]))
  const [changed] = results.at(-1) as TicketRow[]
  if (!changed) throw new Problem('ticket_not_found')
  const nameOf = new Map(names.map(({ id, name }) => [id, name]))
  const outcomes = changes.map((change, place) => {
    // Each change has two statements: itself and its audit row.
    const isMade = (results[2 * place] as D1Result).meta.changes !== 0
    const name = nameOf.get(change.mechanicId)
    const refused = isMade ? undefined : whyRefused(change, name, changed)
    return { ...change, name: name ?? '', refused }
  })
  return { outcomes, ticket: changed }
}

function whyRefused({ kind, mechanicId }: Change, name: string | undefined, ticket: TicketRow): ProblemCode {
  if (name === undefined) return 'mechanic_not_found'
  if (kind === 'remove') return 'mechanic_not_assigned'
  const assigned: { readonly id: number }[] = JSON.parse(ticket.mechanics)
  return assigned.some(({ id }) => id === mechanicId) ? 'mechanic_already_assigned' : 'ticket_full'
}

function sign(scope: RequestScope, actor: Actor, ticket: TicketRow, { kind, mechanicId }: Change) {
  return signAuditEvent(scope.keys.auditMac, scope.facts, {
    event: kind === 'add' ? 'ticket.mechanic_assigned' : 'ticket.mechanic_removed',
    outcome: 'success',
    actorId: actor.account.id,
    sessionId: actor.session.id,
    details: { ticket_id: ticket.id, mechanic_id: mechanicId },
    ...(ticket.customerId !== null && { subjectId: ticket.customerId }),
  })
}
