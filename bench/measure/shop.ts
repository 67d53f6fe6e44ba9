/** The shop that is measured: people made through the public API, the rest by SQL. */
import { type Ask, sendOk } from '../harness/load.ts'
import type { LocalDatabase, ServedWorker } from '../harness/served-worker.ts'

export const PASSWORD = 'torque-wrench-42-nm'

/** Which of the Worker's databases a request meets. */
export type Binding = 'DB' | 'DB_LARGE'

export interface Person {
  readonly id: number
  readonly email: string
  readonly token: string
  readonly refreshToken: string
  readonly sessionId: string
}

const inDatabase = (binding: Binding) => ({ 'x-bench-database': binding })

export const bearer = (person: Person, binding: Binding = 'DB') => ({
  ...inDatabase(binding),
  Authorization: `Bearer ${person.token}`,
})

export function askToRegister(worker: ServedWorker, email: string, binding: Binding = 'DB'): Ask {
  return {
    origin: worker.origin,
    path: '/customers/',
    method: 'POST',
    headers: inDatabase(binding),
    body: { first_name: 'Vera', last_name: 'Lindqvist', email, password: PASSWORD },
  }
}

/** Registers a customer and gives the new id. */
export async function register(
  worker: ServedWorker,
  email: string,
  binding: Binding = 'DB',
): Promise<number> {
  const answer = await sendOk(askToRegister(worker, email, binding))
  return JSON.parse(answer.text).id
}

export function askToSignIn(worker: ServedWorker, email: string, password = PASSWORD): Ask {
  return { origin: worker.origin, path: '/customers/login', method: 'POST', body: { email, password } }
}

/** Signs in whoever it is, staff too. */
export async function signIn(worker: ServedWorker, email: string, binding: Binding = 'DB'): Promise<Person> {
  const answer = await sendOk({
    origin: worker.origin,
    path: '/auth/login',
    method: 'POST',
    headers: inDatabase(binding),
    body: { email, password: PASSWORD },
  })
  const { account, token, refresh_token: refreshToken } = JSON.parse(answer.text)
  // The second part of an access token is its claims.
  const { sid } = JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
  return { id: account.id, email, token, refreshToken, sessionId: sid }
}

/** Registers somebody, whom the database then makes an admin, and signs in. */
export async function registerAdmin(worker: ServedWorker, email: string): Promise<Person> {
  const id = await register(worker, email)
  const database = await worker.database('DB')
  await database.prepare("UPDATE accounts SET role = 'admin' WHERE id = ?").bind(id).run()
  return signIn(worker, email)
}

/** Gives the API token that a person makes for a program. */
export async function makeApiToken(worker: ServedWorker, owner: Person, scopes: string[]): Promise<string> {
  const answer = await sendOk({
    origin: worker.origin,
    path: '/auth/tokens',
    method: 'POST',
    headers: bearer(owner),
    body: { name: 'Till', scopes, expires_in_days: 1 },
  })
  return JSON.parse(answer.text).token
}

export function askForTickets(worker: ServedWorker, person: Person, binding: Binding = 'DB'): Ask {
  return { origin: worker.origin, path: '/customers/my-tickets', headers: bearer(person, binding) }
}

const TICKETS_EACH = 5

/**
 * Adds customers and five tickets for each, and lets `sampled` of them have the password hash of the
 * account `templateId`. Gives the e-mail addresses of those. The tickets of one customer lie far apart.
 */
export async function seedCustomers(
  database: LocalDatabase,
  customers: number,
  sampled: number,
  templateId: number,
  onProgress: (share: number) => void,
): Promise<string[]> {
  const first = templateId + 1
  await database
    .prepare(`INSERT INTO mechanics (id, name, email, email_canonical, created_at, updated_at)
    VALUES (1, 'Maria Keller', 'maria@shop.test', 'maria@shop.test', 0, 0)`)
    .run()
  const rounds = TICKETS_EACH + 1
  await inChunks(customers, async (from, count, done) => {
    await database.prepare(insertCustomers(first, from, count)).run()
    onProgress(done / rounds)
  })
  for (let round = 0; round < TICKETS_EACH; round++) {
    await inChunks(customers, async (from, count, done) => {
      await database.prepare(insertTickets(first, from, count)).run()
      onProgress((done + round + 1) / rounds)
    })
  }
  await database
    .prepare(`INSERT INTO service_mechanics (ticket_id, mechanic_id)
    SELECT id, 1 FROM service_tickets WHERE id % 3 = 0`)
    .run()
  const step = Math.floor(customers / sampled)
  const chosen = Array.from({ length: sampled }, (_, index) => index * step)
  const ids = chosen.map((index) => first + index).join(', ')
  await database
    .prepare(`UPDATE accounts SET password_hash =
    (SELECT password_hash FROM accounts WHERE id = ${templateId}) WHERE id IN (${ids})`)
    .run()
  return chosen.map((index) => `customer-${index}@shop.test`)
}

/** A statement that runs for more than some seconds could meet a time limit. */
const CHUNK_ROWS = 50_000

async function inChunks(
  total: number,
  run: (from: number, count: number, done: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < total; from += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, total - from)
    await run(from, count, (from + count) / total)
  }
}

const numbers = (from: number, count: number) =>
  `WITH RECURSIVE numbers (n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${from + count - 1})`

/** The hash is as long as a real one, so that the rows fill as many pages. */
function insertCustomers(first: number, from: number, count: number): string {
  return `${numbers(from, count)}
    INSERT INTO accounts (id, role, email, email_canonical, first_name, last_name, password_hash, created_at, updated_at)
    SELECT ${first} + n, 'customer', 'customer-' || n || '@shop.test', 'customer-' || n || '@shop.test',
      'First ' || (n * 7919 % 10007), 'Last ' || (n * 104729 % 100003), printf('%.120c', 'x'), 0, 0 FROM numbers`
}

function insertTickets(first: number, from: number, count: number): string {
  return `${numbers(from, count)}
    INSERT INTO service_tickets (customer_id, description, service_at, created_at, updated_at)
    SELECT ${first} + n, 'Oil change, new brake pads and a look at the rattling exhaust', 1768471200, 0, 0 FROM numbers`
}
