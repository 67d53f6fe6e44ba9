/** Which rows of the old service are imported, and what is wrong with the others: the rows seen together, in order. */
import { MAX_TICKET_MECHANICS } from '../../src/service-tickets/mechanic-queries.ts'
import { MAX_TICKET_PARTS } from '../../src/service-tickets/part-queries.ts'
import { readId, showId } from './cells.ts'
import { claims } from './claims.ts'
import {
  type Item,
  type Mapped,
  mapCustomer,
  mapItem,
  mapMechanic,
  mapPartQuantity,
  mapTicket,
} from './rows.ts'
import type { OldRow, OldTable, Source } from './source.ts'
import { keyOf, type NewTable, type NumberedTable, type Target } from './target.ts'

/** A row for a table of the new service. */
export type Line = {
  readonly table: NewTable
  readonly id: number
  /** Of what links two tables; 0 otherwise. */
  readonly otherId: number
  /** Of a ticket: the customer whose row cannot be imported. */
  readonly waitsFor: number | null
  /** In the order of the statements' columns. */
  readonly cells: readonly (string | number | null)[]
}

export type Remark = {
  readonly table: OldTable
  /** Of the row, where it has one that can be used. */
  readonly id: number | undefined
  readonly label: string
  readonly says: string
  /** Whether the row stays out. */
  readonly isLost: boolean
}

export type Step =
  | { readonly line: Line; readonly isKnown: boolean; readonly scheme: string | undefined }
  | { readonly remark: Remark }

type Context = { readonly source: Source; readonly target: Target; readonly now: number }

type Judgement =
  | { readonly lost: string }
  | {
      readonly cells: Line['cells']
      readonly waitsFor?: number
      readonly note?: string
      readonly scheme?: string
    }

/**
 * All rows of the file, parents first, and what becomes of each. The same file and target give the same steps. What it
 * keeps in memory are ids, addresses and names.
 */
export function* walk(source: Source, target: Target, now: number): Generator<Step> {
  const context = { source, target, now }
  const customers = new Set<number>()
  const mechanics = new Set<number>()
  const items = new Map<number, Item>()
  const tickets = new Set<number>()
  yield* walkCustomers(context, customers)
  yield* walkMechanics(context, mechanics)
  yield* walkItems(context, items)
  yield* walkTickets(context, customers, tickets)
  yield* walkAssignments(context, tickets, mechanics)
  yield* walkParts(context, tickets, items)
}

function walkCustomers(context: Context, good: Set<number>): Generator<Step> {
  const claim = claims(context.target, 'accounts')
  return walkNumbered(context, ['customers', 'accounts'], mapCustomer, (id, fields, isKnown) => {
    const holder = claim(fields.canonicalEmail, id, isKnown)
    if (holder !== undefined) return { lost: `email: ${holder}` }
    good.add(id)
    const { email, canonicalEmail, firstName, lastName, phoneNumber, passwordHash, createdAt } = fields
    const person = [email, canonicalEmail, firstName, lastName, phoneNumber, passwordHash]
    return { cells: [id, ...person, createdAt ?? context.now, context.now], scheme: fields.scheme }
  })
}

function walkMechanics(context: Context, good: Set<number>): Generator<Step> {
  const claim = claims(context.target, 'mechanics')
  return walkNumbered(context, ['mechanics', 'mechanics'], mapMechanic, (id, fields, isKnown) => {
    const holder = claim(fields.canonicalEmail, id, isKnown)
    if (holder !== undefined) return { lost: `email: ${holder}` }
    good.add(id)
    const { name, email, canonicalEmail, phone, salaryCents, createdAt } = fields
    const cells = [id, name, email, canonicalEmail, phone, salaryCents]
    return { cells: [...cells, createdAt ?? context.now, context.now] }
  })
}

function walkItems(context: Context, known: Map<number, Item>): Generator<Step> {
  const claim = claims(context.target, 'inventory')
  return walkNumbered(context, ['inventory', 'inventory'], mapItem, (id, fields, isKnown) => {
    // Before anything else: what was used of it has a name and a price even if the item stays out.
    known.set(id, fields)
    const holder = claim(fields.name, id, isKnown)
    if (holder !== undefined) return { lost: `name: ${holder}` }
    const { name, priceCents, quantity, createdAt } = fields
    return { cells: [id, name, priceCents, quantity, createdAt ?? context.now, context.now] }
  })
}

function walkTickets(context: Context, customers: ReadonlySet<number>, good: Set<number>): Generator<Step> {
  return walkNumbered(context, ['service_tickets', 'service_tickets'], mapTicket, (id, fields, _, row) => {
    good.add(id)
    const { description, serviceAt, status, vin, createdAt } = fields
    const customer = readId(row['customer_id'])
    const hasCustomer = customer !== undefined && customers.has(customer)
    const cells = [id, hasCustomer ? customer : null, description, serviceAt, status, vin]
    const judged = { cells: [...cells, createdAt ?? context.now, context.now] }
    if (hasCustomer || row['customer_id'] === null) return judged
    const note = `customer_id: There is no customer ${showId(row['customer_id'])} to import. Kept without one.`
    return { ...judged, note, ...(customer !== undefined && { waitsFor: customer }) }
  })
}

function walkAssignments(
  context: Context,
  tickets: ReadonlySet<number>,
  mechanics: ReadonlySet<number>,
): Generator<Step> {
  return walkLinks(
    context,
    { table: 'service_mechanics', other: 'mechanic_id', most: MAX_TICKET_MECHANICS },
    tickets,
    (ticketId, mechanicId) =>
      mechanics.has(mechanicId)
        ? { cells: [ticketId, mechanicId] }
        : { lost: 'mechanic_id: There is no such mechanic to import.' },
  )
}

function walkParts(
  context: Context,
  tickets: ReadonlySet<number>,
  items: ReadonlyMap<number, Item>,
): Generator<Step> {
  return walkLinks(
    context,
    { table: 'service_inventory', other: 'inventory_id', most: MAX_TICKET_PARTS },
    tickets,
    (ticketId, itemId, row) => {
      const item = items.get(itemId)
      if (item === undefined) return { lost: 'inventory_id: There is no such item with a name and a price.' }
      const { fields: quantity, faults } = mapPartQuantity(row)
      if (quantity === undefined) return { lost: faults.join(' ') }
      return { cells: [ticketId, itemId, item.name, item.priceCents, quantity] }
    },
  )
}

function isImported(target: Target, table: NewTable, id: number, otherId: number): boolean {
  return target.imported.get(table)?.has(keyOf(id, otherId)) ?? false
}

/** The rows of a table that has ids: of each a line, or one remark that it is lost. */
function* walkNumbered<Fields>(
  { source, target }: Context,
  [from, table]: readonly [OldTable, NumberedTable],
  map: (row: OldRow) => Mapped<Fields>,
  judge: (id: number, fields: Fields, isKnown: boolean, row: OldRow) => Judgement,
): Generator<Step> {
  let last: number | undefined
  for (const row of source.rows(from)) {
    const id = readId(row['id'])
    const label = showId(row['id'])
    const remark = (says: string, isLost: boolean) => ({ remark: { table: from, id, label, says, isLost } })
    if (id === undefined || id === last) {
      yield remark(id === undefined ? 'id: Not an id.' : 'id: It is there twice.', true)
      continue
    }
    last = id
    const { fields, faults } = map(row)
    if (fields === undefined) {
      yield remark(faults.join(' '), true)
      continue
    }
    const isKnown = isImported(target, table, id, 0)
    const judged = judge(id, fields, isKnown, row)
    if ('lost' in judged) {
      yield remark(judged.lost, true)
      continue
    }
    for (const says of judged.note === undefined ? faults : [...faults, judged.note])
      yield remark(says, false)
    const { cells, waitsFor = null, scheme } = judged
    yield { line: { table, id, otherId: 0, waitsFor, cells }, isKnown, scheme }
  }
}

type LinkTable = {
  readonly table: 'service_mechanics' | 'service_inventory'
  readonly other: string
  readonly most: number
}

/** The rows of a table that links tickets to something else. */
function* walkLinks(
  { source, target }: Context,
  { table, other, most }: LinkTable,
  tickets: ReadonlySet<number>,
  judge: (ticketId: number, otherId: number, row: OldRow) => Judgement,
): Generator<Step> {
  let last = { ticketId: 0, otherId: 0, count: 0 }
  for (const row of source.rows(table)) {
    const ticketId = readId(row['ticket_id'])
    const otherId = readId(row[other])
    const label = `${showId(row['ticket_id'])}/${showId(row[other])}`
    const lost = (says: string) => ({ remark: { table, id: undefined, label, says, isLost: true } })
    if (ticketId === undefined || !tickets.has(ticketId)) {
      yield lost('ticket_id: There is no such ticket to import.')
      continue
    }
    const before = last.ticketId === ticketId ? last : { ticketId, otherId: 0, count: 0 }
    const judged = judgeLink(before, most, otherId, () => judge(ticketId, otherId ?? 0, row))
    if ('lost' in judged) {
      yield lost(judged.lost)
      continue
    }
    last = { ticketId, otherId: otherId ?? 0, count: before.count + 1 }
    const line = { table, id: ticketId, otherId: last.otherId, waitsFor: null, cells: judged.cells }
    yield { line, isKnown: isImported(target, table, ticketId, last.otherId), scheme: undefined }
  }
}

function judgeLink(
  before: { readonly otherId: number; readonly count: number },
  most: number,
  otherId: number | undefined,
  judge: () => Judgement,
): Judgement {
  if (otherId !== undefined && otherId === before.otherId) return { lost: 'It is there twice.' }
  const judged = judge()
  if ('lost' in judged || before.count < most) return judged
  return { lost: `The ticket has ${most} already.` }
}
