/** Lines as SQL that can be run any number of times: what was imported once is left alone. */
import type { ImportedRows } from '../../src/audit/events.ts'
import { sqlText } from '../database.ts'
import type { Line } from './plan.ts'
import { NEW_TABLES, type NewTable } from './target.ts'

/** D1 takes no statement of more than 100 kB. */
const MAX_LIST_BYTES = 80_000
/** As long as a mark of `flask_rows` can be, which is longer than the shortest line. */
const MARK_BYTES = 40
/** What wrangler is started for once: seconds of work at most, all of it done or nothing. */
const MAX_CHUNK_BYTES = 1_500_000

/** A chunk of the import, to be run as one batch. */
export type Chunk = { readonly statements: readonly string[]; readonly lines: number }

type Shape = {
  readonly columns: string
  /** What each column is, of the list `r.value`. */
  readonly values: readonly string[]
  /** What has to be there still. */
  readonly needs?: string
  /** What had to be imported for the row to count as done although it is not there. */
  readonly parents?: readonly (readonly [NewTable, 'id' | 'other_id'])[]
}

const cell = (index: number) => `r.value->>${index}`
const cells = (count: number) => Array.from({ length: count }, (_, index) => cell(index))
const isThere = (table: string, index: number) =>
  `EXISTS (SELECT 1 FROM ${table} AS p WHERE p.id = ${cell(index)})`

const SHAPES: Record<NewTable, Shape> = {
  accounts: {
    columns:
      'id, email, email_canonical, first_name, last_name, phone_number, password_hash, created_at, updated_at, role',
    values: [...cells(9), "'customer'"],
  },
  mechanics: {
    columns: 'id, name, email, email_canonical, phone, salary_cents, created_at, updated_at',
    values: cells(8),
  },
  inventory: { columns: 'id, name, price_cents, quantity, created_at, updated_at', values: cells(6) },
  service_tickets: {
    columns: 'id, customer_id, description, service_at, status, vin, created_at, updated_at',
    // Whoever has been deleted since leaves a ticket without a customer.
    values: cells(8).with(1, `(SELECT p.id FROM accounts AS p WHERE p.id = ${cell(1)})`),
  },
  service_mechanics: {
    columns: 'ticket_id, mechanic_id',
    values: cells(2),
    needs: `${isThere('service_tickets', 0)} AND ${isThere('mechanics', 1)}`,
    parents: [
      ['service_tickets', 'id'],
      ['mechanics', 'other_id'],
    ],
  },
  service_inventory: {
    columns: 'ticket_id, inventory_id, name, price_cents, quantity',
    values: cells(5),
    needs: isThere('service_tickets', 0),
    parents: [['service_tickets', 'id']],
  },
}

/** The lines in chunks of about so many bytes, in their order. `now` is in unix seconds. */
export function* chunksOf(
  lines: Iterable<Line>,
  now: number,
  chunkBytes = MAX_CHUNK_BYTES,
): Generator<Chunk> {
  let statements: string[] = []
  let counts = new Map<NewTable, number>()
  let bytes = 0
  for (const { table, list, marks } of listsOf(lines)) {
    const added = [...insertStatements(table, list, marks)]
    statements.push(...added)
    counts.set(table, (counts.get(table) ?? 0) + marks.length)
    bytes += added.reduce((sum, statement) => sum + statement.length, 0)
    if (bytes < chunkBytes) continue
    yield { statements: [...statements, noteStatement(counts, now)], lines: total(counts) }
    statements = []
    counts = new Map()
    bytes = 0
  }
  if (statements.length > 0) {
    yield { statements: [...statements, noteStatement(counts, now)], lines: total(counts) }
  }
}

type Mark = readonly [id: number, otherId: number, waitsFor: number | null]
type List = { readonly table: NewTable; readonly list: readonly string[]; readonly marks: readonly Mark[] }

/** Lines of one table that fit into one statement. */
function* listsOf(lines: Iterable<Line>): Generator<List> {
  let list: string[] = []
  let marks: Mark[] = []
  let bytes = 0
  let table: NewTable | undefined
  for (const line of lines) {
    const json = plainJson(line.cells)
    const length = Math.max(json.length + 1, MARK_BYTES)
    if (table !== undefined && (table !== line.table || bytes + length > MAX_LIST_BYTES)) {
      yield { table, list, marks }
      list = []
      marks = []
      bytes = 0
    }
    table = line.table
    list.push(json)
    marks.push([line.id, line.otherId, line.waitsFor])
    bytes += length
  }
  if (table !== undefined) yield { table, list, marks }
}

function* insertStatements(
  table: NewTable,
  list: readonly string[],
  marks: readonly Mark[],
): Generator<string> {
  const { columns, values, needs = 'true', parents = [] } = SHAPES[table]
  const name = sqlText(table)
  const isNew = (id: string, other: string) =>
    `NOT EXISTS (SELECT 1 FROM flask_rows AS f WHERE f.table_name = ${name} AND f.id = ${id} AND f.other_id = ${other})`
  const otherId = parents.length > 0 ? cell(1) : '0'
  yield `INSERT INTO ${table} (${columns}) SELECT ${values.join(', ')} FROM json_each(${sqlText(`[${list.join()}]`)}) AS r
    WHERE ${needs} AND ${isNew(cell(0), otherId)} ON CONFLICT DO NOTHING`
  const isDone =
    parents.length > 0
      ? parents.map(([parent, column]) => wasImported(parent, cell(column === 'id' ? 0 : 1))).join(' AND ')
      : isThere(table, 0)
  const marked = sqlText(JSON.stringify(marks))
  yield `INSERT INTO flask_rows (table_name, id, other_id, waits_for) SELECT ${name}, ${cells(3).join(', ')}
    FROM json_each(${marked}) AS r WHERE ${isDone} ON CONFLICT DO NOTHING`
  if (table === 'accounts') yield* giveTicketsStatements(marked)
}

function wasImported(table: NewTable, id: string): string {
  return `EXISTS (SELECT 1 FROM flask_rows AS f WHERE f.table_name = ${sqlText(table)} AND f.id = ${id})`
}

/** Customers whose rows could not be imported before get the tickets that have waited for them. */
function* giveTicketsStatements(marked: string): Generator<string> {
  const present = `SELECT p.id FROM json_each(${marked}) AS r JOIN accounts AS p ON p.id = ${cell(0)}`
  const waiting = `table_name = 'service_tickets' AND waits_for IN (${present})`
  yield `UPDATE service_tickets SET customer_id =
      (SELECT f.waits_for FROM flask_rows AS f WHERE f.table_name = 'service_tickets' AND f.id = service_tickets.id)
    WHERE customer_id IS NULL AND id IN (SELECT id FROM flask_rows WHERE ${waiting})`
  yield `UPDATE flask_rows SET waits_for = NULL WHERE ${waiting}`
}

const KINDS: Record<NewTable, keyof ImportedRows> = {
  accounts: 'customers',
  mechanics: 'mechanics',
  inventory: 'items',
  service_tickets: 'tickets',
  service_mechanics: 'assignments',
  service_inventory: 'parts',
}

/** An audit row carries a MAC under a key that only the Worker has: the Worker makes it from this note. */
function noteStatement(counts: ReadonlyMap<NewTable, number>, now: number): string {
  const details = Object.fromEntries(NEW_TABLES.map((table) => [KINDS[table], counts.get(table) ?? 0]))
  return `INSERT INTO operator_actions (event, details, created_at)
    VALUES ('data.imported', ${sqlText(JSON.stringify(details))}, ${now})`
}

function total(counts: ReadonlyMap<NewTable, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

/**
 * A list as JSON of printable ASCII without what ends a literal or a statement. wrangler also looks for BEGIN TRANSACTION in
 * the text of a file, inside of literals too, and cuts it out.
 */
function plainJson(values: Line['cells']): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  const plain = (value: Line['cells'][number]) =>
    JSON.stringify(value).replace(/[^ -~]|[';]|B(?=EGIN)/g, escaped)
  return `[${values.map(plain).join()}]`
}
