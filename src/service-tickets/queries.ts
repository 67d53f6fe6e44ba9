/** Tickets with their customer, mechanics and parts. One statement reads a ticket whole. */
import { and, asc, desc, eq, gt, lt, type SQL, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import { mechanicColumns } from '../mechanics/queries.ts'
import { mechanics } from '../mechanics/tables.ts'
import type { Database } from '../platform/database.ts'
import type { TicketStatus } from './status.ts'
import { serviceInventory, serviceMechanics, serviceTickets } from './tables.ts'

const plainColumns = {
  id: serviceTickets.id,
  customerId: serviceTickets.customerId,
  description: serviceTickets.description,
  serviceAt: serviceTickets.serviceAt,
  status: serviceTickets.status,
  vin: serviceTickets.vin,
  createdAt: serviceTickets.createdAt,
  updatedAt: serviceTickets.updatedAt,
  /** JSON: `[{"id":1,"name":"…"}]`. */
  mechanics: sql<string>`(
    SELECT json_group_array(json_object('id', m.id, 'name', m.name))
    FROM ${serviceMechanics} AS assigned JOIN ${mechanics} AS m ON m.id = assigned.mechanic_id
    WHERE assigned.ticket_id = ${serviceTickets.id})`,
  /** JSON: `[{"id":1,"name":"…","cents":4990,"quantity":2}]`. */
  parts: sql<string>`(
    SELECT json_group_array(json_object(
      'id', part.inventory_id, 'name', part.name, 'cents', part.price_cents, 'quantity', part.quantity))
    FROM ${serviceInventory} AS part WHERE part.ticket_id = ${serviceTickets.id})`,
}

const ticketColumns = {
  ...plainColumns,
  mechanics: plainColumns.mechanics.as('mechanics'),
  parts: plainColumns.parts.as('parts'),
  customerEmail: sql<string | null>`${accounts.email}`.as('customer_email'),
  customerFirstName: sql<string | null>`${accounts.firstName}`.as('customer_first_name'),
  customerLastName: sql<string | null>`${accounts.lastName}`.as('customer_last_name'),
  customerPhoneNumber: sql<string | null>`${accounts.phoneNumber}`.as('customer_phone_number'),
}

/** A ticket without the person it is for. */
export interface PlainTicketRow {
  readonly id: number
  readonly customerId: number | null
  readonly description: string
  readonly serviceAt: number
  readonly status: TicketStatus
  readonly vin: string | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly mechanics: string
  readonly parts: string
}

export interface TicketRow extends PlainTicketRow {
  readonly customerEmail: string | null
  readonly customerFirstName: string | null
  readonly customerLastName: string | null
  readonly customerPhoneNumber: string | null
}

function selectTickets(db: Database) {
  return db
    .select(ticketColumns)
    .from(serviceTickets)
    .leftJoin(accounts, eq(accounts.id, serviceTickets.customerId))
}

/**
 * So many tickets fit into one value of D1, which holds 2 MB, whatever they say: with all mechanics and parts that
 * it can have, all names of 100 characters of four bytes, a ticket takes 36 KB.
 */
export const FIRST_OWN_TICKETS = 50

/**
 * The oldest tickets of the account that a statement reads, as JSON of `PlainTicketRow[]`: one value
 * beside the session costs less than a second statement.
 */
export const firstOwnTickets = sql`(
  SELECT json_group_array(json_object(
    'id', own.id, 'customerId', own.customer_id, 'description', own.description,
    'serviceAt', own.service_at, 'status', own.status, 'vin', own.vin,
    'createdAt', own.created_at, 'updatedAt', own.updated_at, 'mechanics', own.mechanics,
    'parts', own.parts))
  FROM (
    SELECT ${serviceTickets}.*, ${plainColumns.mechanics} AS mechanics,
      ${plainColumns.parts} AS parts FROM ${serviceTickets}
    WHERE ${serviceTickets.customerId} = ${accounts.id}
    ORDER BY ${serviceTickets.id} LIMIT ${sql.raw(String(FIRST_OWN_TICKETS))}) AS own)`

/** The tickets of one customer after one of them, oldest first. */
export function listOwnTicketsAfter(db: Database, customerId: number, id: number) {
  return selectTickets(db)
    .where(and(eq(serviceTickets.customerId, customerId), gt(serviceTickets.id, id)))
    .orderBy(serviceTickets.id)
}

export function findTicket(db: Database, id: number) {
  return selectTickets(db).where(eq(serviceTickets.id, id))
}

interface TicketFilter {
  readonly customerId: number | undefined
  readonly status: TicketStatus | undefined
  /** Keyset: only tickets with a smaller id. */
  readonly beforeId: number | undefined
}

/** Newest first. */
export function listTickets(db: Database, filter: TicketFilter, limit: number) {
  const { customerId, status, beforeId } = filter
  return selectTickets(db)
    .where(
      and(
        customerId === undefined ? undefined : eq(serviceTickets.customerId, customerId),
        status === undefined ? undefined : eq(serviceTickets.status, status),
        beforeId === undefined ? undefined : lt(serviceTickets.id, beforeId),
      ),
    )
    .orderBy(desc(serviceTickets.id))
    .limit(limit)
}

/** Takes the next ticket id if the customer exists; no row otherwise. */
export function reserveTicketId(db: Database, customerId: number) {
  return db.all<{ seq: number }>(sql`
    UPDATE sqlite_sequence SET seq = seq + 1
    WHERE name = 'service_tickets' AND ${isExistingCustomer(customerId)}
    RETURNING seq`)
}

/** How many mechanics there are, or how many of some ids are a mechanic's. */
export function countMechanics(db: Database, ids?: readonly number[]) {
  return db
    .select({ count: sql<number>`count(*)` })
    .from(mechanics)
    .where(ids && sql`${mechanics.id} IN ${ids}`)
}

/** Mechanics with how many tickets each is assigned to, in whatever status the tickets are. */
export function listMechanicsByWorkload(db: Database, order: 'asc' | 'desc', limit: number) {
  const ticketCount = sql<number>`(
    SELECT count(*) FROM ${serviceMechanics} AS assigned WHERE assigned.mechanic_id = ${mechanics.id})`
  const direction = order === 'asc' ? asc : desc
  return db
    .select({ ...mechanicColumns, ticketCount: ticketCount.as('ticket_count') })
    .from(mechanics)
    .orderBy(direction(sql`ticket_count`), mechanics.id)
    .limit(limit)
}

interface NewTicket {
  readonly id: number
  readonly customerId: number
  readonly description: string
  readonly serviceAt: number
  readonly vin: string | null
}

/** Inserts a ticket under a reserved id, if the customer still exists. */
export function insertTicket(db: Database, ticket: NewTicket, now: number) {
  // Every column of the table, in its order.
  return db.insert(serviceTickets).select(sql`
    SELECT ${ticket.id}, ${ticket.customerId}, ${ticket.description}, ${ticket.serviceAt}, 'open',
      ${ticket.vin}, ${now}, ${now}
    WHERE ${isExistingCustomer(ticket.customerId)}`)
}

/** The ticket exists: its id was reserved for one request alone. */
export function isExistingTicket(id: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${serviceTickets} AS t WHERE t.id = ${id})`
}

export type TicketChanges = Partial<{
  description: string
  serviceAt: number
  status: TicketStatus
  vin: string | null
}>

/** Changes a ticket that still has the status from which the change was decided. */
export function updateTicket(
  db: Database,
  id: number,
  decidedFrom: TicketStatus,
  changes: TicketChanges,
  now: number,
) {
  return db
    .update(serviceTickets)
    .set({ ...changes, updatedAt: now })
    .where(and(eq(serviceTickets.id, id), eq(serviceTickets.status, decidedFrom)))
}

/** Notes, under a condition, that a ticket has changed. */
export function touchTicket(db: Database, id: number, now: number, when: SQL) {
  return db
    .update(serviceTickets)
    .set({ updatedAt: now })
    .where(and(eq(serviceTickets.id, id), when))
}

/** Deletes a ticket with its assignments and parts. */
export function deleteTicket(db: Database, id: number) {
  return db.delete(serviceTickets).where(eq(serviceTickets.id, id))
}

function isExistingCustomer(id: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${accounts} AS owner WHERE owner.id = ${id} AND owner.role = 'customer')`
}
