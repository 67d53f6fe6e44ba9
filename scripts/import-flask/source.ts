import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** What SQLite can hold; whole numbers come as bigint, because a column may hold larger ones than a number can. */
export type Cell = null | number | bigint | string | Uint8Array

/** A row by the names that the columns have here; undefined where the old table has no such column. */
export type OldRow = Readonly<Record<string, Cell | undefined>>

export const OLD_TABLES = [
  'customers',
  'mechanics',
  'inventory',
  'service_tickets',
  'service_mechanics',
  'service_inventory',
] as const
export type OldTable = (typeof OLD_TABLES)[number]

type Columns = Readonly<Record<string, readonly string[]>>

const TICKET = ['ticket_id', 'service_ticket_id', 'service_id']

/** Under which names a column was seen; a row without one of the `needed` cannot be understood. */
const COLUMNS: Record<OldTable, { needed: Columns; optional: Columns; order: string }> = {
  customers: {
    needed: { id: ['id'], first_name: ['first_name'], last_name: ['last_name'], email: ['email'] },
    optional: {
      phone_number: ['phone_number', 'phone'],
      password_hash: ['password_hash', 'password'],
      created_at: ['created_at'],
    },
    order: 'id',
  },
  mechanics: {
    needed: { id: ['id'], name: ['name'], email: ['email'] },
    optional: { phone: ['phone', 'phone_number'], salary: ['salary'], created_at: ['created_at'] },
    order: 'id',
  },
  inventory: {
    needed: { id: ['id'], name: ['name'], price: ['price'] },
    optional: { quantity: ['quantity', 'quantity_in_stock', 'stock'], created_at: ['created_at'] },
    order: 'id',
  },
  service_tickets: {
    needed: {
      id: ['id'],
      customer_id: ['customer_id'],
      description: ['description', 'service_desc', 'service_description'],
      service_date: ['service_date', 'date'],
    },
    optional: { status: ['status'], vin: ['vin'], created_at: ['created_at'] },
    order: 'id',
  },
  service_mechanics: {
    needed: { ticket_id: TICKET, mechanic_id: ['mechanic_id'] },
    optional: {},
    order: 'ticket_id, mechanic_id',
  },
  service_inventory: {
    needed: { ticket_id: TICKET, inventory_id: ['inventory_id', 'item_id', 'part_id'] },
    optional: { quantity: ['quantity', 'quantity_used'] },
    order: 'ticket_id, inventory_id',
  },
}

/** The old service's file, as it was when it was opened. */
export type Source = {
  /** How many rows each table has; undefined for a table that is not there. */
  readonly counts: ReadonlyMap<OldTable, number | undefined>
  /** Tables and columns that are not read, and optional columns that are not there. */
  readonly remarks: readonly string[]
  /** The rows in the order of their ids, one at a time. */
  readonly rows: (table: OldTable) => Iterable<OldRow>
  readonly close: () => void
}

/**
 * Opens the file for reading only, with what a `-wal` beside it holds, and keeps it as it is now until it is closed.
 * @throws Error when it is not a file of the old service
 */
export function openSource(path: string): Source {
  if (!existsSync(path)) throw new Error(`There is no file ${path}.`)
  const database = openReadOnly(path)
  try {
    return describeSource(database, path)
  } catch (error) {
    database.close()
    throw error
  }
}

function describeSource(database: DatabaseSync, path: string): Source {
  const tables = new Map(
    texts(
      database,
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    ).map((name) => [name.toLowerCase(), name]),
  )
  if (!tables.has('customers')) throw new Error(`${path} has no table customers: is it the old service's?`)
  const remarks: string[] = []
  const unread = [...tables].filter(([name]) => !OLD_TABLES.some((known) => known === name))
  if (unread.length > 0) remarks.push(`not read: the table(s) ${unread.map(([, name]) => name).join(', ')}`)
  const queries = new Map<OldTable, string>()
  const counts = new Map<OldTable, number | undefined>()
  for (const table of OLD_TABLES) {
    const name = tables.get(table)
    counts.set(table, name === undefined ? undefined : countRows(database, name))
    if (name === undefined) remarks.push(`there is no table ${table}`)
    else queries.set(table, chooseColumns(table, name, listColumns(database, name), remarks))
  }
  return {
    counts,
    remarks,
    rows: (table) => {
      const query = queries.get(table)
      return query === undefined ? [] : (prepare(database, query).iterate() as Iterable<OldRow>)
    },
    close: () => database.close(),
  }
}

function openReadOnly(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true })
    // One snapshot for all that is read: the plan, and then the rows.
    database.exec('BEGIN')
    prepare(database, 'SELECT count(*) FROM sqlite_master').get()
    return database
  } catch (error) {
    database?.close()
    throw new Error(`${path} cannot be read as SQLite: ${(error as Error).message}`)
  }
}

function prepare(database: DatabaseSync, query: string) {
  const statement = database.prepare(query)
  statement.setReadBigInts(true)
  return statement
}

function texts(database: DatabaseSync, query: string, ...values: string[]): string[] {
  return database
    .prepare(query)
    .all(...values)
    .map((row) => String(row['name']))
}

function listColumns(database: DatabaseSync, table: string): string[] {
  return texts(database, 'SELECT name FROM pragma_table_info(?)', table)
}

function countRows(database: DatabaseSync, table: string): number {
  return Number(database.prepare(`SELECT count(*) AS n FROM ${quoted(table)}`).get()?.['n'])
}

/** The query that reads the table under the names used here. */
function chooseColumns(table: OldTable, name: string, present: string[], remarks: string[]): string {
  const { needed, optional, order } = COLUMNS[table]
  const chosen: string[] = []
  const used = new Set<string>()
  for (const [field, names] of [...Object.entries(needed), ...Object.entries(optional)]) {
    const column = names.map((seen) => present.find((other) => other.toLowerCase() === seen)).find(Boolean)
    if (column !== undefined) {
      chosen.push(`${quoted(column)} AS ${field}`)
      used.add(column)
    } else if (field in needed) {
      throw new Error(`The table ${name} has no column ${names.join(' or ')}; it has ${present.join(', ')}.`)
    } else if (field !== 'created_at') remarks.push(`${table} has no column ${field}`)
  }
  const unread = present.filter((column) => !used.has(column))
  // What a link table calls its own id says nothing.
  const told = unread.filter((column) => column.toLowerCase() !== 'id')
  if (told.length > 0) remarks.push(`not read: the column(s) ${told.join(', ')} of ${table}`)
  return `SELECT ${chosen.join(', ')} FROM ${quoted(name)} ORDER BY ${order}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
