/** What becomes of one row of the old service. Nothing here knows another row. */
import { canonicalEmail } from '../../src/accounts/email-address.ts'
import { nameField, phoneField } from '../../src/accounts/schemas.ts'
import { parseWerkzeugHash } from '../../src/crypto/werkzeug-form.ts'
import { MAX_QUANTITY, newItemSchema } from '../../src/inventory/schemas.ts'
import { newMechanicSchema } from '../../src/mechanics/schemas.ts'
import { newTicketSchema } from '../../src/service-tickets/schemas.ts'
import { TICKET_STATUSES, type TicketStatus } from '../../src/service-tickets/status.ts'
import { readAmount, readInstant, readText, readWholeNumber } from './cells.ts'
import type { Cell, OldRow } from './source.ts'

/** What a row becomes, and what is wrong with it. Without fields it stays out: it lacks what it cannot be without. */
export type Mapped<Fields> = { readonly fields: Fields | undefined; readonly faults: readonly string[] }

type Schema = {
  safeParse: (
    value: unknown,
  ) => { success: true } | { success: false; error: { issues: readonly { message: string }[] } }
}

/** What the schema says against a value. */
function objection(schema: Schema, value: unknown): string | undefined {
  const parsed = schema.safeParse(value)
  return parsed.success ? undefined : (parsed.error.issues[0]?.message ?? 'Not valid.')
}

/** For what the row cannot be without. */
function lose(faults: string[], field: string, says: string): undefined {
  faults.push(`${field}: ${says}`)
}

/** For what the row can do without. */
function note(faults: string[], field: string, says: string): null {
  faults.push(`${field}: ${says}`)
  return null
}

/** A text that the row cannot be without, by the rules of the API. */
function needText(faults: string[], row: OldRow, field: string, schema: Schema): string | undefined {
  const value = readText(row[field])
  if (value === undefined) return lose(faults, field, 'It is NULL.')
  const against = objection(schema, value)
  return against === undefined ? value : lose(faults, field, against)
}

function needEmail(faults: string[], row: OldRow): { typed: string; canonical: string } | undefined {
  const typed = readText(row['email'])
  const canonical = canonicalEmail(typed ?? '')
  if (typed !== undefined && canonical !== undefined) return { typed, canonical }
  return lose(faults, 'email', typed === undefined ? 'It is NULL.' : 'Not a valid email address.')
}

function keepPhone(faults: string[], row: OldRow, field: string): string | null {
  const value = readText(row[field]) ?? null
  const against = value === null ? undefined : objection(phoneField, value)
  return against === undefined ? value : note(faults, field, `${against} Left empty.`)
}

export type Customer = {
  readonly email: string
  readonly canonicalEmail: string
  readonly firstName: string
  readonly lastName: string
  readonly phoneNumber: string | null
  readonly passwordHash: string | null
  readonly createdAt: number | undefined
  /** For the overview: how the password is hashed. */
  readonly scheme: string
}

export function mapCustomer(row: OldRow): Mapped<Customer> {
  const faults: string[] = []
  const firstName = needText(faults, row, 'first_name', nameField)
  const lastName = needText(faults, row, 'last_name', nameField)
  const email = needEmail(faults, row)
  if (firstName === undefined || lastName === undefined || email === undefined) {
    return { fields: undefined, faults }
  }
  const phoneNumber = keepPhone(faults, row, 'phone_number')
  const { hash, scheme } = readHash(faults, row['password_hash'])
  const names = { email: email.typed, canonicalEmail: email.canonical, firstName, lastName, phoneNumber }
  const createdAt = readInstant(row['created_at'])
  return { fields: { ...names, passwordHash: hash, createdAt, scheme }, faults }
}

export const NO_SCHEME = 'none'
export const UNKNOWN_SCHEME = 'not readable'

/** What is no hash of Werkzeug's never gets into the database: it could be a password as it was typed. */
function readHash(faults: string[], cell: Cell | undefined): { hash: string | null; scheme: string } {
  const hash = readText(cell) ?? ''
  const needsReset = 'Imported without a password, which needs a reset.'
  if (hash === '') {
    return { hash: note(faults, 'password_hash', `There is none. ${needsReset}`), scheme: NO_SCHEME }
  }
  if (parseWerkzeugHash(hash) !== undefined) return { hash, scheme: hash.slice(0, hash.indexOf('$')) }
  note(faults, 'password_hash', `Not a hash that can be checked. ${needsReset}`)
  return { hash: null, scheme: UNKNOWN_SCHEME }
}

export type Mechanic = {
  readonly name: string
  readonly email: string
  readonly canonicalEmail: string
  readonly phone: string | null
  readonly salaryCents: number | null
  readonly createdAt: number | undefined
}

export function mapMechanic(row: OldRow): Mapped<Mechanic> {
  const faults: string[] = []
  const name = needText(faults, row, 'name', nameField)
  const email = needEmail(faults, row)
  if (name === undefined || email === undefined) return { fields: undefined, faults }
  const phone = keepPhone(faults, row, 'phone')
  const salaryCents = keepSalary(faults, row['salary'])
  const createdAt = readInstant(row['created_at'])
  const contact = { name, email: email.typed, canonicalEmail: email.canonical, phone }
  return { fields: { ...contact, salaryCents, createdAt }, faults }
}

function keepSalary(faults: string[], cell: Cell | undefined): number | null {
  if (cell === undefined || cell === null) return null
  const amount = readAmount(cell)
  const against =
    amount === undefined ? 'Not an amount.' : objection(newMechanicSchema.shape.salary, amount.cents / 100)
  if (amount === undefined || against !== undefined) return note(faults, 'salary', `${against} Left empty.`)
  if (amount.isRounded) note(faults, 'salary', 'Rounded to whole cents.')
  return amount.cents
}

export type Item = {
  readonly name: string
  readonly priceCents: number
  readonly quantity: number | null
  readonly createdAt: number | undefined
}

export function mapItem(row: OldRow): Mapped<Item> {
  const faults: string[] = []
  const name = needText(faults, row, 'name', nameField)
  const price = needPrice(faults, row['price'])
  if (name === undefined || price === undefined) return { fields: undefined, faults }
  const quantity = keepStock(faults, row['quantity'])
  return { fields: { name, priceCents: price, quantity, createdAt: readInstant(row['created_at']) }, faults }
}

function needPrice(faults: string[], cell: Cell | undefined): number | undefined {
  const amount = readAmount(cell)
  if (amount === undefined) return lose(faults, 'price', 'Not an amount from 0 on.')
  const against = objection(newItemSchema.shape.price, amount.cents / 100)
  if (against !== undefined) return lose(faults, 'price', against)
  if (amount.isRounded) note(faults, 'price', 'Rounded to whole cents.')
  return amount.cents
}

function keepStock(faults: string[], cell: Cell | undefined): number | null {
  if (cell === undefined || cell === null) return null
  const quantity = readWholeNumber(cell)
  const isRight = quantity !== undefined && quantity >= 0 && quantity <= MAX_QUANTITY
  return isRight ? quantity : note(faults, 'quantity', 'Not a count. Taken as not counted.')
}

export type Ticket = {
  readonly description: string
  readonly serviceAt: number
  readonly status: TicketStatus
  readonly vin: string | null
  readonly createdAt: number | undefined
}

export function mapTicket(row: OldRow): Mapped<Ticket> {
  const faults: string[] = []
  const description = needText(faults, row, 'description', newTicketSchema.shape.description)
  const serviceAt = readInstant(row['service_date'])
  if (serviceAt === undefined) lose(faults, 'service_date', 'Not a date.')
  if (description === undefined || serviceAt === undefined) return { fields: undefined, faults }
  const status = keepStatus(faults, row['status'])
  const vin = keepVin(faults, row['vin'])
  const createdAt = readInstant(row['created_at'])
  return { fields: { description, serviceAt, status, vin, createdAt }, faults }
}

/** Other words for a status, as such services have them. */
const STATUS_WORDS: Record<string, TicketStatus> = {
  new: 'open',
  pending: 'open',
  scheduled: 'open',
  done: 'completed',
  closed: 'completed',
  complete: 'completed',
  canceled: 'cancelled',
}

function keepStatus(faults: string[], cell: Cell | undefined): TicketStatus {
  const word = readText(cell)
    ?.trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_')
  if (word === undefined || word === '') return 'open'
  const status = TICKET_STATUSES.find((known) => known === word)
  if (status !== undefined) return status
  if (Object.hasOwn(STATUS_WORDS, word)) return STATUS_WORDS[word] ?? 'open'
  note(faults, 'status', 'Not a known one. Taken as open.')
  return 'open'
}

function keepVin(faults: string[], cell: Cell | undefined): string | null {
  const vin = readText(cell)?.trim().toUpperCase() ?? ''
  if (vin === '') return null
  const against = objection(newTicketSchema.shape.vin, vin)
  return against === undefined ? vin : note(faults, 'vin', `${against} Left empty.`)
}

/** How many of a part; one where the old service did not count. */
export function mapPartQuantity(row: OldRow): Mapped<number> {
  const cell = row['quantity']
  const quantity = cell === undefined || cell === null ? 1 : readWholeNumber(cell)
  if (quantity !== undefined && quantity >= 1 && quantity <= MAX_QUANTITY)
    return { fields: quantity, faults: [] }
  return { fields: undefined, faults: ['quantity: Not a count from 1 on.'] }
}
