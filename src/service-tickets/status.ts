/** The life of a ticket, as data and one pure decision. */
export const TICKET_STATUSES = ['open', 'in_progress', 'awaiting_parts', 'completed', 'cancelled'] as const
export type TicketStatus = (typeof TICKET_STATUSES)[number]

const NEXT: Record<TicketStatus, readonly TicketStatus[]> = {
  open: ['in_progress', 'cancelled'],
  in_progress: ['awaiting_parts', 'completed', 'cancelled'],
  awaiting_parts: ['in_progress', 'cancelled'],
  completed: [],
  cancelled: [],
}

/** Whether a ticket may go from one status to another; staying is always possible. */
export function canChangeStatus(from: TicketStatus, to: TicketStatus): boolean {
  return from === to || NEXT[from].includes(to)
}
