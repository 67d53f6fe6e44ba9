/** `npm run import-flask`: each row by itself, all of them together on SQLite, and the real command on a local D1. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Row } from '../../scripts/database.ts'
import { readAmount, readId, readInstant } from '../../scripts/import-flask/cells.ts'
import {
  mapCustomer,
  mapItem,
  mapMechanic,
  mapPartQuantity,
  mapTicket,
} from '../../scripts/import-flask/rows.ts'
import { openSource } from '../../scripts/import-flask/source.ts'
import { chunksOf } from '../../scripts/import-flask/statements.ts'
import { describeIds, freshLines, isComplete, survey } from '../../scripts/import-flask/survey.ts'
import { readTarget, reserveIds } from '../../scripts/import-flask/target.ts'
import { createAccountStatements, makeResetToken } from '../../scripts/staff-accounts.ts'
import { COMPLAINTS, PEOPLE, writeOldService } from './old-service.ts'
import { post, type RunningWorker, startWorker } from './running-worker.ts'

const NOW = 1_800_000_000
const TABLES = [
  'accounts',
  'mechanics',
  'inventory',
  'service_tickets',
  'service_mechanics',
  'service_inventory',
  'flask_ranges',
  'flask_rows',
  'operator_actions',
]

let folder: string
let oldFile: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-'))
  return () => rmSync(folder, { recursive: true })
})

describe('a cell', () => {
  it.each([
    [49.9, 4990, false],
    [12n, 1200, false],
    ['12.5', 1250, false],
    [' 7 ', 700, false],
    [0, 0, false],
    [-0, 0, false],
    [1.005, 101, true],
    [1.004, 100, true],
    [0.1 + 0.2, 30, false],
    [19.999999999999996, 2000, false],
    [1e-7, 0, true],
    ['999999999999.99', 99_999_999_999_999, false],
  ])('%s is %i cents', (cell, cents, isRounded) => {
    expect(readAmount(cell)).toEqual({ cents, isRounded })
  })

  it.each([[null], [undefined], [-5], ['-0.01'], ['12,50'], ['$5'], ['1e3'], [''], [Number.NaN], [1e30]])(
    '%s is no amount',
    (cell) => {
      expect(readAmount(cell)).toBeUndefined()
    },
  )

  it('is an id if an Integer of the old service can be it', () => {
    const cells = [1n, 2_147_483_647n, 0n, -1n, 2_147_483_648n, 2n ** 62n, 1.5, '1', null]
    expect(cells.map(readId)).toEqual([1, 2_147_483_647, ...Array(7).fill(undefined)])
  })

  it('is a time if it is a text that SQLAlchemy writes, or ISO 8601', () => {
    const noon = Date.parse('2024-03-05T12:00:00Z') / 1000
    const cells = ['2024-03-05 12:00:00.000000', '2024-03-05T14:00:00+02:00', '2024-03-05 12:00']
    expect(cells.map(readInstant)).toEqual([noon, noon, noon])
    expect(['yesterday', '2024-02-30', 1709640000n, null].map(readInstant)).toEqual(Array(4).fill(undefined))
  })
})

describe('a row', () => {
  const customer = { id: 1n, first_name: 'A', last_name: 'B', email: 'A@Example.com', phone_number: null }
  const { hash } = PEOPLE[1]

  it('of a customer keeps the address as typed, and the hash as it is', () => {
    const row = { ...customer, password_hash: new TextEncoder().encode(hash), phone_number: 5550123n }
    expect(mapCustomer(row)).toEqual({
      fields: {
        email: 'A@Example.com',
        canonicalEmail: 'a@example.com',
        firstName: 'A',
        lastName: 'B',
        phoneNumber: '5550123',
        passwordHash: hash,
        createdAt: undefined,
        scheme: 'pbkdf2:sha256:260000',
      },
      faults: [],
    })
  })

  it.each([
    ['plain text', 'hunter2', 'not readable'],
    ['the hash of another library', '$2b$12$KIXQ4S1b1E', 'not readable'],
    ['too many iterations', hash.replace('260000', '9000000'), 'not readable'],
    ['the hash of an empty salt', 'pbkdf2:sha256:1000$$00', 'not readable'],
    ['nothing', '', 'none'],
    ['NULL', null, 'none'],
    ['no column', undefined, 'none'],
  ])('of a customer with %s for a hash is imported without a password', (_, cell, scheme) => {
    const { fields, faults } = mapCustomer({ ...customer, password_hash: cell })
    expect(fields).toMatchObject({ passwordHash: null, scheme })
    expect(faults).toEqual([expect.stringContaining('needs a reset')])
    if (cell) expect(faults.join()).not.toContain(cell)
  })

  it.each([
    ['first_name', '', 'Length must be between 1 and 100.'],
    ['last_name', 'x'.repeat(101), 'Length must be between 1 and 100.'],
    ['last_name', null, 'It is NULL.'],
    ['first_name', 'two\nlines', 'Not a valid string.'],
    ['email', null, 'It is NULL.'],
    ['email', ' a@example.com', 'Not a valid email address.'],
    ['email', 'a@localhost', 'Not a valid email address.'],
  ])('of a customer with the %s %j stays out', (field, cell, says) => {
    const { fields, faults } = mapCustomer({ ...customer, password_hash: hash, [field]: cell })
    expect([fields, faults]).toEqual([undefined, [`${field}: ${says}`]])
  })

  it('that stays out is told for what it lacks, not for what would have been changed', () => {
    expect(mapCustomer({ ...customer, first_name: '', phone_number: '0'.repeat(21) })).toEqual({
      fields: undefined,
      faults: ['first_name: Length must be between 1 and 100.'],
    })
    const email = 'Not a valid email address.'
    expect(mapMechanic({ id: 1n, name: 'M', email: '', salary: -1n }).faults).toEqual([`email: ${email}`])
    expect(mapItem({ id: 1n, name: '', price: 1n, quantity: -1n }).faults).toHaveLength(1)
    expect(mapTicket({ description: '', service_date: '2024-01-01', status: 'odd' }).faults).toHaveLength(1)
  })

  it.each([
    ['Completed', 'completed'],
    ['in-progress', 'in_progress'],
    ['Awaiting Parts', 'awaiting_parts'],
    ['canceled', 'cancelled'],
    ['pending', 'open'],
    [null, 'open'],
    ['constructor', 'open'],
  ])('of a ticket with the status %s is %s', (cell, status) => {
    const { fields, faults } = mapTicket({ description: 'D', service_date: '2024-03-05', status: cell })
    expect(fields?.status).toBe(status)
    expect(faults).toHaveLength(cell === 'constructor' ? 1 : 0)
  })

  it('of a mechanic, an item or a part keeps what can be kept', () => {
    const mechanic = { name: 'M', email: 'm@example.com', phone: '1', salary: 1e9 }
    expect(mapMechanic(mechanic)).toMatchObject({
      fields: { salaryCents: null },
      faults: [expect.stringMatching(/^salary: .* Left empty\.$/)],
    })
    expect(mapItem({ name: 'I', price: 5n, quantity: -3n })).toMatchObject({
      fields: { priceCents: 500, quantity: null },
      faults: ['quantity: Not a count. Taken as not counted.'],
    })
    expect(mapItem({ name: 'I', price: 5n, quantity: 0n }).fields?.quantity).toBe(0)
    expect(mapItem({ name: 'I', price: 1_000_001n }).fields).toBeUndefined()
    expect([undefined, null, 3n].map((quantity) => mapPartQuantity({ quantity }).fields)).toEqual([1, 1, 3])
    expect([0n, -1n, 1.5, '2'].map((quantity) => mapPartQuantity({ quantity }).fields)).toEqual(
      Array(4).fill(undefined),
    )
  })

  it('is never read from a file that is something else', () => {
    const other = join(folder, 'other')
    expect(() => openSource(other)).toThrow('There is no file')
    writeFileSync(other, 'a text')
    expect(() => openSource(other)).toThrow('cannot be read as SQLite')
    rmSync(other)
    new DatabaseSync(other).exec('CREATE TABLE t (a)')
    expect(() => openSource(other)).toThrow('has no table customers')
    new DatabaseSync(other).exec('CREATE TABLE customers (id, email, name)')
    expect(() => openSource(other)).toThrow('has no column first_name; it has id, email, name')
  })
})

/** The new database, in memory. */
let database: DatabaseSync

async function run(statements: string[]): Promise<Row[][]> {
  database.exec('BEGIN')
  try {
    const answers = statements.map((statement) => database.prepare(statement).all() as Row[])
    database.exec('COMMIT')
    return answers
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

/** As the command does it; `chunks` is after how many it is broken off. */
async function importFile({
  chunks = Number.POSITIVE_INFINITY,
  size = undefined as number | undefined,
} = {}) {
  const source = openSource(oldFile)
  const target = await readTarget(run)
  const plan = survey(source, target, NOW)
  if (plan.given.size > 0) throw new Error('given')
  await reserveIds(run, target, plan.highest)
  let done = 0
  for (const { statements } of chunksOf(freshLines(source, target, NOW), NOW, size)) {
    if (done === chunks) break
    for (const statement of statements) expect(statement.length).toBeLessThan(100_000)
    await run([...statements])
    done += 1
  }
  const after = survey(source, await readTarget(run), NOW)
  source.close()
  return { plan, after, done, isComplete: isComplete(source, after) }
}

const state = (tables = TABLES) =>
  tables.map((table) => [
    table,
    database
      .prepare(`SELECT * FROM ${table}`)
      .all()
      .map((row) => ({ ...row })),
  ])
const rows = (query: string) =>
  database
    .prepare(query)
    .all()
    .map((row) => Object.values(row))
const old = (sql: string) => {
  const file = new DatabaseSync(oldFile, { enableForeignKeyConstraints: false })
  file.exec(sql)
  file.close()
}

/** Foreign keys are checked, as in D1. */
function makeDatabase(): DatabaseSync {
  const made = new DatabaseSync(':memory:')
  const files = readdirSync('migrations').filter((name) => name.endsWith('.sql'))
  for (const name of files.sort()) made.exec(readFileSync(`migrations/${name}`, 'utf8'))
  return made
}

describe('all rows', () => {
  beforeEach(() => {
    oldFile = join(folder, 'old.sqlite')
    writeOldService(oldFile)
    database = makeDatabase()
  })

  it('are imported with their ids, but for those that are told with table and id', async () => {
    const { plan, isComplete } = await importFile()
    expect(plan.remarks.map(({ table, label, says }) => `${table} ${label}: ${says}`)).toEqual(COMPLAINTS)
    expect(isComplete).toBe(true)
    expect(Object.fromEntries(plan.schemes)).toEqual({
      'scrypt:32768:8:1': 1,
      'pbkdf2:sha256:260000': 1,
      'pbkdf2:sha256:600000': 1,
      'pbkdf2:sha256:1000000': 1,
      'pbkdf2:sha256:50000': 1,
      none: 1,
      'not readable': 1,
    })
    expect(rows('SELECT id, role, status, email_canonical, last_name, password_hash FROM accounts')).toEqual([
      ...PEOPLE.map(({ id, email, hash }) => [
        id,
        'customer',
        'active',
        email.toLowerCase(),
        "O'Neil; --",
        hash,
      ]),
      [9, 'customer', 'active', 'plain@example.com', 'Password', null],
      [10, 'customer', 'active', 'none@example.com', 'Password', null],
    ])
    expect(rows('SELECT id, customer_id, description, service_at, status, vin FROM service_tickets')).toEqual(
      [
        [1, 1, 'BEGIN TRANSACTION; it\'s "done"\nCOMMIT; -- ✓', 1709634600, 'completed', '1HGCM82633A004352'],
        [2, null, 'Of the customer without an address', 1709683200, 'in_progress', null],
        [4, 3, 'Before 1970', -14182980, 'open', null],
        [5, null, 'Of nobody', 1709634600, 'open', null],
      ],
    )
    expect(rows('SELECT id, name, salary_cents FROM mechanics')).toEqual([
      [1, 'Maria Keller', 5200050],
      [3, 'Sam', null],
    ])
    expect(rows('SELECT id, name, price_cents, quantity FROM inventory')).toEqual([
      [1, 'Brake pads', 4990, null],
      [2, 'Oil', 101, null],
    ])
    expect(rows('SELECT * FROM service_mechanics')).toEqual([
      [1, 1],
      [1, 3],
      [2, 3],
    ])
    expect(rows('SELECT * FROM service_inventory')).toEqual([
      [1, 1, 'Brake pads', 4990, 2],
      [1, 4, 'Brake pads', 2000, 1],
      [2, 2, 'Oil', 101, 3],
    ])
    expect(rows('SELECT event, account_id, details FROM operator_actions')).toEqual([
      [
        'data.imported',
        null,
        '{"customers":7,"mechanics":2,"items":2,"tickets":4,"assignments":3,"parts":3}',
      ],
    ])
  })

  it('leave the ids of what stayed out free for it, and none of theirs to somebody else', async () => {
    await importFile()
    expect(
      rows("SELECT name, seq FROM sqlite_sequence WHERE name IN ('accounts', 'inventory') ORDER BY 1"),
    ).toEqual([
      ['accounts', 10],
      ['inventory', 4],
    ])
  })

  it('are not imported again: nothing changes', async () => {
    await importFile()
    const before = state()
    const { plan, done } = await importFile()
    expect([plan.fresh, done]).toEqual([0, 0])
    expect(state()).toEqual(before)
  })

  it('stay as people have changed or deleted them since, even if a statement comes again', async () => {
    const source = openSource(oldFile)
    const chunks = [...chunksOf(freshLines(source, await readTarget(run), NOW), NOW)]
    source.close()
    await importFile()
    database.exec(`UPDATE accounts SET password_hash = 'new', email = 'new@example.com', email_canonical = 'new@example.com' WHERE id = 1;
      DELETE FROM accounts WHERE id = 3; DELETE FROM service_tickets WHERE id = 2; DELETE FROM mechanics WHERE id = 1;
      DELETE FROM service_inventory WHERE ticket_id = 1`)
    const before = state(TABLES.slice(0, 6))
    const { isComplete } = await importFile()
    for (const { statements } of chunks) await run([...statements])
    expect(state(TABLES.slice(0, 6))).toEqual(before)
    expect(isComplete).toBe(true)
    expect(Object.fromEntries((await readTarget(run)).deleted)).toEqual({
      accounts: 1,
      mechanics: 1,
      inventory: 0,
      service_tickets: 1,
      service_mechanics: 2,
      service_inventory: 3,
    })
  })

  it('come whole when a run was broken off, wherever it was', async () => {
    await importFile({ size: 1 })
    const whole = state(TABLES.slice(0, 8))
    for (let chunks = 0; chunks < 7; chunks += 1) {
      database = makeDatabase()
      const first = await importFile({ chunks, size: 1 })
      expect(first.isComplete).toBe(chunks >= 6)
      expect((await importFile({ size: 1 })).isComplete).toBe(true)
      expect(state(TABLES.slice(0, 8))).toEqual(whole)
    }
  })

  it('that were mended are imported by the next run, and tickets find their customer', async () => {
    await importFile()
    database.exec(
      "UPDATE accounts SET email = 'x@example.com', email_canonical = 'x@example.com' WHERE id = 1",
    )
    old(`UPDATE customers SET email = 'four@example.com' WHERE id = 4;
      UPDATE service_tickets SET service_date = '2024-03-07' WHERE id = 3; INSERT INTO customers VALUES (12, 'New', 'One', 'twelve@example.com', NULL, NULL, 1)`)
    const { plan, isComplete } = await importFile()
    expect(plan.missing).toEqual(['accounts 4', 'accounts 12', 'service_tickets 3', 'service_mechanics 3/1'])
    expect(isComplete).toBe(true)
    expect(rows('SELECT id, customer_id FROM service_tickets ORDER BY id')).toEqual([
      [1, 1],
      [2, 4],
      [3, 1],
      [4, 3],
      [5, null],
    ])
    expect(rows("SELECT seq FROM sqlite_sequence WHERE name = 'accounts'")).toEqual([[12]])
    expect(rows('SELECT id, waits_for FROM flask_rows WHERE waits_for IS NOT NULL')).toEqual([[5, 99]])
  })

  it('stay out where somebody has their address in the new service', async () => {
    await importFile()
    database.exec(`INSERT INTO accounts (role, email, email_canonical, first_name, last_name, created_at, updated_at)
      VALUES ('customer', 'f@example.com', 'four@example.com', 'A', 'B', 1, 1)`)
    old("UPDATE customers SET email = 'Four@example.com' WHERE id = 4")
    const { plan, isComplete } = await importFile()
    expect([plan.fresh, isComplete]).toEqual([0, true])
    expect(plan.remarks.find(({ label }) => label === '4')?.says).toBe(
      'email: Somebody else has it in the new service.',
    )
  })

  it('are refused, all of them, where the new service has given one of their ids, also if it is gone', async () => {
    const source = openSource(oldFile)
    const staff = { role: 'admin' as const, firstName: 'A', lastName: 'B' }
    for (const email of ['a@shop.test', 'b@shop.test', 'c@shop.test']) {
      await run(createAccountStatements({ ...staff, email, canonicalEmail: email }, makeResetToken(NOW)))
    }
    database.exec('DELETE FROM accounts WHERE id = 3')
    const plan = survey(source, await readTarget(run), NOW)
    expect([...plan.given]).toEqual([['accounts', [1, 2, 3]]])
    source.close()
    expect(describeIds([1, 2, 3, 5, 7, 8])).toBe('1-3, 5, 7-8')
  })

  it('are not imported when an id was given after the plan was made', async () => {
    const target = await readTarget(run)
    database.exec("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'accounts'")
    const highest = new Map([['accounts', 10]])
    await expect(reserveIds(run, target, highest)).rejects.toThrow('was given an id of accounts just now')
    expect(rows('SELECT * FROM flask_ranges')).toEqual([])
  })

  it('are as many on a ticket as the new service lets it have', async () => {
    old(`DELETE FROM service_mechanics; DELETE FROM mechanics;
      WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 21)
      INSERT INTO mechanics SELECT i, 'M', 'm' || i || '@example.com', NULL, NULL FROM n;
      INSERT INTO service_mechanics SELECT 1, id FROM mechanics`)
    const { plan } = await importFile()
    expect(
      plan.remarks
        .filter(({ table }) => table === 'service_mechanics')
        .map(({ label, says }) => [label, says]),
    ).toEqual([['1/21', 'The ticket has 20 already.']])
  })

  it('are known however many there are', async () => {
    database.exec(`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 65000)
      INSERT INTO flask_rows SELECT 'service_mechanics', i / 10, i, NULL FROM n;
      INSERT INTO inventory (name, price_cents, created_at, updated_at)
      SELECT 'Item ' || other_id || ' 🔧', 1, 1, 1 FROM flask_rows LIMIT 12000`)
    const { imported, taken } = await readTarget(run)
    expect([imported.get('service_mechanics')?.size, taken.get('inventory')?.size]).toEqual([65_000, 12_000])
    expect(imported.get('service_mechanics')?.has('6500:65000')).toBe(true)
  })

  it('are read with what a WAL beside the file holds, and the file stays as it is', async () => {
    const writer = new DatabaseSync(oldFile)
    writer.exec("PRAGMA wal_autocheckpoint = 0; UPDATE customers SET first_name = 'WAL' WHERE id = 1")
    const before = readFileSync(oldFile)
    await importFile()
    expect(rows('SELECT first_name FROM accounts WHERE id = 1')).toEqual([['WAL']])
    expect(readFileSync(oldFile).equals(before)).toBe(true)
    writer.close()
  })
})

/** Runs the command as npm does. */
async function command(...args: string[]) {
  return commandIn({}, ...args)
}

async function commandIn(
  environment: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn('node_modules/.bin/node', ['scripts/import-flask.ts', ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1))),
  ])
  return { code, stdout, stderr }
}

describe('the command', () => {
  let home: string
  let file: string
  let stateDirectory: string
  let worker: RunningWorker | undefined

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'import-flask-'))
    file = join(home, 'old.sqlite')
    stateDirectory = join(home, 'state')
    writeOldService(file)
  })
  afterAll(async () => {
    await worker?.stop()
    rmSync(home, { recursive: true })
  })

  /** The file of the local D1, while no workerd has it open: two of them lock each other out now and then. */
  const withD1 = <T>(work: (d1: DatabaseSync) => T): T => {
    const directory = join(stateDirectory, 'v3', 'd1', 'miniflare-D1DatabaseObject')
    const [name = ''] = readdirSync(directory).filter((found) => /^[0-9a-f]{64}\.sqlite$/.test(found))
    const d1 = new DatabaseSync(join(directory, name))
    try {
      return work(d1)
    } finally {
      d1.close()
    }
  }
  const dump = () => withD1((d1) => TABLES.map((table) => d1.prepare(`SELECT * FROM ${table}`).all()))
  const signIn = async (email: string, password: string) => {
    if (!worker) throw new Error('not started')
    return await post(worker.url, '/customers/login', { email, password }).reply
  }

  it('writes nothing with --dry-run, not even a database', async () => {
    const { code, stdout } = await command(file, '--dry-run', '--persist-to', stateDirectory)
    expect([code, existsSync(stateDirectory)]).toEqual([0, false])
    for (const complaint of COMPLAINTS) expect(stdout).toContain(complaint)
    expect(stdout).toMatch(/customers +10 +7 +0 +3\n/)
    expect(stdout).toMatch(/pbkdf2:sha256:600000 +1\n/)
    expect(stdout).toContain('not read: the table(s) alembic_version')
    expect(stdout).not.toContain('hunter2')
  })

  it('lets nothing of the file steer the terminal or pass for a line of its own', async () => {
    const odd = join(home, 'odd.sqlite')
    const database = new DatabaseSync(odd)
    database.exec(`CREATE TABLE customers (id, first_name, last_name, email);
      CREATE TABLE "x\nNothing was left out." (a); CREATE TABLE "\u001b[2J\u202e" (a);
      INSERT INTO customers VALUES ('7' || char(10) || 'customers 9: imported', 'A', 'B', 'a@example.com')`)
    database.close()
    const { code, stdout } = await command(odd, '--dry-run', '--persist-to', stateDirectory)
    expect(code).toBe(0)
    expect(stdout).toContain('not read: the table(s) x?Nothing was left out., ?[2J?\n')
    expect(stdout).toContain('customers 7?customers 9: imported: id: Not an id.\n')
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
  })

  it('imports, and says what is there', async () => {
    const { code, stdout, stderr } = await command(file, '--persist-to', stateDirectory)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/customers +10 +7 +3 +0 +0\n/)
    expect(stdout).toMatch(/service_tickets +5 +4 +1 +0 +0\n/)
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('mechanic-shop-'))).toEqual([])
    // All migrations and four more starts of wrangler.
  }, 240_000)

  it('changes nothing when it is run again', async () => {
    withD1((d1) => d1.exec('DELETE FROM accounts WHERE id = 9'))
    const before = dump()
    const { code, stdout, stderr } = await command(file, '--persist-to', stateDirectory)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/customers +10 +7 +3 +0 +1\n/)
    expect(dump()).toEqual(before)
  })

  it('refuses ids that the new service has given, and writes nothing', async () => {
    const withMore = join(home, 'more.sqlite')
    writeOldService(withMore)
    const more = new DatabaseSync(withMore)
    for (const id of [11, 12]) {
      more.exec(`INSERT INTO customers VALUES (${id}, 'A', 'B', 'c${id}@example.com', NULL, NULL, NULL)`)
    }
    more.close()
    withD1((d1) => d1.exec("UPDATE sqlite_sequence SET seq = 11 WHERE name = 'accounts'"))
    const before = dump()
    const { code, stderr } = await command(withMore, '--persist-to', stateDirectory)
    expect([code, stderr]).toEqual([1, expect.stringContaining('  accounts: 11\n')])
    expect(dump()).toEqual(before)
  })

  it('leaves a database that the Worker starts on', async () => {
    worker = await startWorker(stateDirectory)
    expect((await fetch(new URL('/ready', worker.url))).status).toBe(200)
  })

  it.each(PEOPLE)('lets $email sign in with the old password, and again by a new hash', async (person) => {
    const hash = 'SELECT password_hash FROM accounts WHERE id = ?'
    const stored = () => worker?.database.prepare(hash).bind(person.id).first('password_hash')
    expect(await stored()).toBe(person.hash)
    for (const _ of ['by the old hash', 'by the new one']) {
      const { status, body } = await signIn(person.email, person.password)
      expect([status, (body['customer'] as Row)?.['id']]).toEqual([200, person.id])
      expect(await stored()).toMatch(/^\$pbkdf2-sha256-chain\$/)
    }
  })

  it('lets nobody in with a wrong password, or one that was stored as it was typed', async () => {
    expect((await signIn('fifty@example.com', 'another password')).status).toBe(401)
    expect((await signIn('plain@example.com', 'hunter2-in-plain-text')).status).toBe(401)
  })

  it('gives the next customer an id after those of the old service', async () => {
    if (!worker) throw new Error('not started')
    const person = {
      first_name: 'N',
      last_name: 'N',
      email: 'next@example.com',
      password: 'a long new passphrase',
    }
    expect((await post(worker.url, '/customers/', person).reply).body['id']).toBe(12)
  })

  it('does nothing when npm has taken --dry-run for itself', async () => {
    const { code, stdout, stderr } = await commandIn({ npm_config_dry_run: 'true' }, file)
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('npm took --dry-run for itself')])
  })

  it('says how it is used, and what is wrong with a file', async () => {
    expect(await command()).toMatchObject({ code: 1, stdout: expect.stringContaining('Usage:') })
    const missing = await command(join(home, 'missing'))
    expect(missing).toMatchObject({ code: 1, stderr: `There is no file ${join(home, 'missing')}.\n` })
  })
})
