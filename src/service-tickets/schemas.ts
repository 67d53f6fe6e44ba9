import * as z from 'zod'
import { CUSTOMER_EXAMPLE, customerSchema, showCustomer } from '../accounts/schemas.ts'
import { MAX_QUANTITY } from '../inventory/schemas.ts'
import { showCents } from '../platform/money.ts'
import { once } from '../platform/once.ts'
import { cursorFields, queryInteger } from '../platform/pagination.ts'
import { codePoints, integer, text } from '../platform/validate.ts'
import { MAX_TICKET_MECHANICS } from './mechanic-queries.ts'
import type { PlainTicketRow, TicketRow } from './queries.ts'
import { parseServiceDate, showServiceDate } from './service-date.ts'
import { TICKET_STATUSES } from './status.ts'
import { hasRightCheckDigit } from './vin.ts'

const ticketStatus = z.enum(TICKET_STATUSES).meta({ id: 'TicketStatus' })

export const ticketSchema = once(() =>
  z
    .object({
      id: z.int(),
      customer_id: z.int().nullable(),
      // Not `nullable()`: the document would then ask for a value that is both an object and null.
      customer: z.union([customerSchema(), z.null()]),
      description: z.string(),
      service_date: z.string().meta({ description: 'UTC, without zone, as the old service had it' }),
      status: ticketStatus,
      vin: z.string().nullable(),
      mechanics: z.array(z.object({ id: z.int(), name: z.string() })),
      parts: z
        .array(z.object({ id: z.int(), name: z.string(), price: z.number(), quantity: z.int() }))
        .meta({ description: 'With name and price of when each was added' }),
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
      warnings: z
        .record(z.string(), z.array(z.string()))
        .optional()
        .meta({ description: 'By field, what may be a slip of the pen: the check digit of the VIN' }),
    })
    .meta({ id: 'ServiceTicket' }),
)

export const TICKET_EXAMPLE = {
  id: 1,
  customer_id: 1,
  customer: CUSTOMER_EXAMPLE,
  description: 'Oil change and new brake pads',
  service_date: '2026-01-15T10:00:00',
  status: 'open',
  vin: null,
  mechanics: [{ id: 1, name: 'Maria Keller' }],
  parts: [],
  created_at: '2026-01-10T08:30:00.000Z',
  updated_at: '2026-01-10T08:30:00.000Z',
}

const description = text()
  .refine((value) => codePoints(value) >= 1 && codePoints(value) <= 500, 'Length must be between 1 and 500.')
  .meta({ minLength: 1, maxLength: 500 })

const serviceDate = z
  .string()
  .refine((value) => parseServiceDate(value) !== undefined, 'Not a valid datetime.')
  .meta({
    description: 'ISO 8601: without zone (UTC), with Z or an offset, or a date only',
    example: '2026-01-15T10:00:00',
    maxLength: 40,
  })

// ISO 3779: 17 characters, without I, O and Q. No flag for the letter case: OpenAPI patterns have none.
const vin = z
  .string()
  .regex(/^[A-HJ-NPR-Za-hj-npr-z0-9]{17}$/, 'Not a valid VIN.')
  .meta({ maxLength: 17 })
  .nullable()

const id = integer().positive().meta({ format: 'int64', maximum: Number.MAX_SAFE_INTEGER })

export const newTicketSchema = z
  .strictObject({
    customer_id: id
      .optional()
      .meta({ description: 'Needed by staff; a customer opens tickets for himself only' }),
    description,
    service_date: serviceDate,
    vin: vin.optional(),
    mechanic_ids: z.array(id).max(MAX_TICKET_MECHANICS).optional().meta({ description: 'Staff only' }),
  })
  .meta({ id: 'NewServiceTicket' })

export const ticketChangeSchema = z
  .strictObject({
    description: description.optional(),
    service_date: serviceDate.optional(),
    status: ticketStatus.optional(),
    vin: vin.optional(),
  })
  .meta({ id: 'ServiceTicketChange', minProperties: 1 })

export const mechanicEditSchema = z
  .strictObject({
    add_ids: z.array(id).max(MAX_TICKET_MECHANICS).default([]),
    remove_ids: z.array(id).max(MAX_TICKET_MECHANICS).default([]),
  })
  .meta({ id: 'MechanicEdit' })

export const mechanicEditResultSchema = once(() =>
  z
    .object({
      message: z.string(),
      changes_made: z.array(z.string()),
      service_ticket: ticketSchema(),
      errors: z
        .record(z.string(), z.array(z.string()))
        .meta({ description: 'What could not be changed, by list and place in it from 0: `add_ids.1`' }),
    })
    .meta({ id: 'MechanicEditResult' }),
)

export const newPartSchema = z
  .strictObject({ inventory_id: id, quantity: integer().min(1).max(MAX_QUANTITY).default(1) })
  .meta({ id: 'NewPart' })

/** What a change of one mechanic or part answers. */
export const changedTicketSchema = once(() =>
  z.object({ message: z.string(), service_ticket: ticketSchema() }).meta({ id: 'ChangedServiceTicket' }),
)

/** A ticket with the customer that its row names. */
export function showTicket(row: TicketRow): z.infer<ReturnType<typeof ticketSchema>> {
  const { customerId: id, customerEmail: email, customerFirstName, customerLastName } = row
  if (id === null || email === null || customerFirstName === null || customerLastName === null) {
    return showTicketOf(row, null)
  }
  const name = { firstName: customerFirstName, lastName: customerLastName }
  return showTicketOf(row, showCustomer({ id, email, ...name, phoneNumber: row.customerPhoneNumber }))
}

/** A ticket with a customer who is known already, or none. */
export function showTicketOf(
  row: PlainTicketRow,
  customer: z.infer<ReturnType<typeof customerSchema>> | null,
): z.infer<ReturnType<typeof ticketSchema>> {
  const createdAt = showInstant(row.createdAt)
  return {
    id: row.id,
    customer_id: row.customerId,
    customer,
    description: row.description,
    service_date: showServiceDate(row.serviceAt),
    status: row.status,
    vin: row.vin,
    mechanics: row.mechanics === '[]' ? [] : JSON.parse(row.mechanics),
    parts: row.parts === '[]' ? [] : showParts(row.parts),
    created_at: createdAt,
    updated_at: row.updatedAt === row.createdAt ? createdAt : showInstant(row.updatedAt),
    ...(row.vin !== null && !hasRightCheckDigit(row.vin) && { warnings: VIN_WARNING }),
  }
}

const VIN_WARNING = { vin: ['The check digit does not match.'] }

interface StoredPart {
  readonly id: number
  readonly name: string
  readonly cents: number
  readonly quantity: number
}

function showParts(json: string) {
  const parts: StoredPart[] = JSON.parse(json)
  return parts.map(({ id, name, cents, quantity }) => ({ id, name, price: showCents(cents), quantity }))
}

function showInstant(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

export const ticketListQuery = z.object({
  ...cursorFields,
  status: ticketStatus.optional(),
  customer_id: queryInteger(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'Staff only; a customer sees the own tickets' }),
})
