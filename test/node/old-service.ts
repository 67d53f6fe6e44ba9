/** A small file of the old service: made as SQLAlchemy makes its tables, with rows of which each has something to it. */
import { pbkdf2Sync, scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

const vectors: { positive: { id: string; hash: string; password: string }[] } = JSON.parse(
  readFileSync('test/vectors/werkzeug-hashes.json', 'utf8'),
)

function vector(id: string): { hash: string; password: string } {
  const found = vectors.positive.find((row) => row.id === id)
  if (!found) throw new Error(`There is no vector ${id}.`)
  return { hash: found.hash, password: found.password }
}

/** As werkzeug.security.generate_password_hash made it. */
function pbkdf2(password: string, iterations: number): string {
  const salt = 'a1B2c3D4e5F6g7H8'
  const derived = pbkdf2Sync(password, salt, iterations, 32, 'sha256').toString('hex')
  return `pbkdf2:sha256:${iterations}$${salt}$${derived}`
}

function scrypt(password: string): string {
  const salt = 'k9JhGfDsApOiUyTr'
  const derived = scryptSync(password, salt, 64, { N: 32768, r: 8, p: 1, maxmem: 2 ** 27 }).toString('hex')
  return `scrypt:32768:8:1$${salt}$${derived}`
}

/** Who signs in after the import: id, address as typed, password and its hash. */
export const PEOPLE = [
  {
    id: 1,
    email: 'scrypt@example.com',
    password: 'old scrypt password',
    hash: scrypt('old scrypt password'),
  },
  { id: 2, email: 'Pbkdf2@Example.com', ...vector('w03') },
  { id: 3, email: 'six@example.com', password: 'six hundred', hash: pbkdf2('six hundred', 600_000) },
  { id: 5, email: 'million@example.com', ...vector('w01') },
  { id: 8, email: 'fifty@example.com', ...vector('w05') },
] as const

const SCHEMA = `
  CREATE TABLE customers (id INTEGER NOT NULL PRIMARY KEY, first_name VARCHAR(100), last_name VARCHAR(100),
    email VARCHAR(254) UNIQUE, phone_number VARCHAR(20), password_hash VARCHAR(255), loyalty INTEGER);
  CREATE TABLE mechanics (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100), email VARCHAR(254), phone VARCHAR(20), salary FLOAT);
  CREATE TABLE inventory (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100), price FLOAT);
  CREATE TABLE service_tickets (id INTEGER NOT NULL PRIMARY KEY, customer_id INTEGER REFERENCES customers (id),
    description VARCHAR(500), service_date DATETIME, vin VARCHAR(17), status VARCHAR(20));
  CREATE TABLE service_mechanics (service_ticket_id INTEGER, mechanic_id INTEGER);
  CREATE TABLE service_inventory (id INTEGER PRIMARY KEY, ticket_id INTEGER, inventory_id INTEGER, quantity INTEGER);
  CREATE TABLE alembic_version (version_num VARCHAR(32));`

/** Each row that is not right, and what the import says of it. */
export const COMPLAINTS = [
  'customers 4: email: Not a valid email address.',
  'customers 6: email: Also that of 1, which keeps it.',
  'customers 7: first_name: It is NULL. last_name: Length must be between 1 and 100.',
  'customers 9: password_hash: Not a hash that can be checked. Imported without a password, which needs a reset.',
  'customers 10: phone_number: Longer than maximum length 20. Left empty.',
  'customers 10: password_hash: There is none. Imported without a password, which needs a reset.',
  'mechanics 2: email: Not a valid email address.',
  'mechanics 3: salary: Not an amount. Left empty.',
  'inventory 2: price: Rounded to whole cents.',
  'inventory 3: price: Not an amount from 0 on.',
  'inventory 4: name: Also that of 1, which keeps it.',
  'service_tickets 2: customer_id: There is no customer 4 to import. Kept without one.',
  'service_tickets 3: service_date: Not a date.',
  'service_tickets 4: vin: Not a valid VIN. Left empty.',
  'service_tickets 5: customer_id: There is no customer 99 to import. Kept without one.',
  'service_mechanics 1/1: It is there twice.',
  'service_mechanics 1/2: mechanic_id: There is no such mechanic to import.',
  'service_mechanics 3/1: ticket_id: There is no such ticket to import.',
  'service_inventory 1/3: inventory_id: There is no such item with a name and a price.',
  'service_inventory 2/1: quantity: Not a count from 1 on.',
]

/** Writes the file. */
export function writeOldService(path: string): void {
  // Without a pragma of its own, SQLAlchemy's SQLite checks no foreign key.
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false })
  database.exec(`PRAGMA journal_mode = WAL; ${SCHEMA}`)
  const insert = (table: string, ...rows: (string | number | null)[][]) => {
    for (const row of rows) {
      database.prepare(`INSERT INTO ${table} VALUES (${row.map(() => '?').join(', ')})`).run(...row)
    }
  }
  const hash = PEOPLE[0].hash
  insert(
    'customers',
    ...PEOPLE.map(({ id, email, hash }) => [id, 'Zoë', "O'Neil; --", email, '555-0123', hash, 7]),
  )
  insert(
    'customers',
    [4, 'No', 'Address', 'not an address', null, hash, null],
    [6, 'Same', 'Address', 'SCRYPT@example.com', null, hash, null],
    [7, null, '', 'names@example.com', null, hash, null],
    [9, 'Plain', 'Password', 'plain@example.com', null, 'hunter2-in-plain-text', null],
    [10, 'No', 'Password', 'none@example.com', '0'.repeat(21), null, null],
  )
  insert(
    'mechanics',
    [1, 'Maria Keller', 'maria@example.com', null, 52000.5],
    [2, 'No Address', '@', null, null],
    [3, 'Sam', 'sam@example.com', '555', -1],
  )
  insert('inventory', [1, 'Brake pads', 49.9], [2, 'Oil', 1.005], [3, 'Gift', -5], [4, 'Brake pads', 20])
  const date = '2024-03-05 10:30:00.000000'
  insert(
    'service_tickets',
    [1, 1, 'BEGIN TRANSACTION; it\'s "done"\nCOMMIT; -- ✓', date, '1hgcm82633a004352', 'Completed'],
    [2, 4, 'Of the customer without an address', '2024-03-06', null, 'In Progress'],
    [3, 1, 'Some day', 'next tuesday', null, 'open'],
    [4, 3, 'Before 1970', '1969-07-20T20:17:00', 'SHORT', null],
    [5, 99, 'Of nobody', date, null, 'open'],
  )
  insert('service_mechanics', [1, 1], [1, 1], [1, 2], [1, 3], [2, 3], [3, 1])
  insert('service_inventory', [1, 1, 1, 2], [2, 1, 4, null], [3, 1, 3, 1], [4, 2, 1, 0], [5, 2, 2, 3])
  database.close()
}
