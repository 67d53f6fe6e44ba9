import { type Database, execute, type Row, sqlText } from './database.ts'
import { DEMO_ROLES, type DemoAccounts, demoEmail, type Occupancy } from './demo-accounts.ts'
import {
  createAccountStatements,
  makeResetToken,
  type ResetToken,
  requestResetStatements,
  type StaffRole,
} from './staff-accounts.ts'

const STAFF: Record<StaffRole, { firstName: string; lastName: string }> = {
  admin: { firstName: 'Alma', lastName: 'Admin' },
  mechanic: { firstName: 'Mika', lastName: 'Mechanic' },
}
const STAFF_ROLES = Object.keys(STAFF) as StaffRole[]

const CUSTOMER = { first_name: 'Carla', last_name: 'Customer', phone_number: '+1 555 0100' }

const SECOND_MECHANIC_EMAIL = 'second-mechanic@demo.mechanic-shop.test'

const TICKETS = ['Oil change and new wiper blades', 'Brakes squeal at low speed']

/** What a database holds of the demo. An interrupted start may have left any part of it. */
export type DemoProgress = Occupancy & {
  accounts: Map<string, { id: number; hasPassword: boolean }>
  mechanicId: number | undefined
  tickets: Set<string>
}

const DEMO_EMAILS = DEMO_ROLES.map((role) => sqlText(demoEmail(role))).join(', ')

const PROGRESS_QUERIES = [
  `SELECT id, email_canonical, password_hash IS NOT NULL AS has_password FROM accounts
   WHERE email_canonical IN (${DEMO_EMAILS})`,
  `SELECT id FROM accounts WHERE email_canonical NOT IN (${DEMO_EMAILS}) LIMIT 1`,
  `SELECT id FROM mechanics WHERE email_canonical = ${sqlText(demoEmail('mechanic'))}`,
  `SELECT description FROM service_tickets WHERE customer_id =
   (SELECT id FROM accounts WHERE email_canonical = ${sqlText(demoEmail('customer'))})`,
]

function readProgress([rows = [], others = [], mechanics = [], tickets = []]: Row[][]): DemoProgress {
  const accounts = new Map(
    rows.map((row) => [
      String(row['email_canonical']),
      { id: Number(row['id']), hasPassword: row['has_password'] === 1 },
    ]),
  )
  return {
    accounts,
    present: DEMO_ROLES.filter((role) => accounts.has(demoEmail(role))),
    others: others.length > 0,
    mechanicId: mechanics[0] === undefined ? undefined : Number(mechanics[0]['id']),
    tickets: new Set(tickets.map((row) => String(row['description']))),
  }
}

export async function findDemoProgress(database: Database): Promise<DemoProgress> {
  return readProgress(await execute(database, PROGRESS_QUERIES))
}

type Call = (path: string, body: unknown, token?: string) => Promise<Record<string, unknown>>

function callerOf(url: string): Call {
  return async (path, body, token) => {
    const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...authorization },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${text}`)
    return JSON.parse(text)
  }
}

/** Makes whatever of the demo is not there yet, through the API at `url` as far as it goes. */
export async function makeDemoData(
  database: Database,
  url: string,
  demo: DemoAccounts,
  before: DemoProgress,
): Promise<void> {
  const call = callerOf(url)
  if (!before.accounts.has(demoEmail('customer')))
    await call('/customers/', { ...CUSTOMER, ...demo.customer })
  const { tokens, progress } = await insertStaff(database, before)
  for (const [role, { token }] of tokens) {
    await call('/auth/password/reset', { token, password: demo[role].password })
  }
  await openTickets(call, demo, progress)
}

/** Inserts staff accounts and mechanics, with a token for each account that has no password yet. */
async function insertStaff(database: Database, before: DemoProgress) {
  const now = Math.floor(Date.now() / 1000)
  const tokens = new Map<StaffRole, ResetToken>()
  const statements = [insertMechanicsStatement(now)]
  for (const role of STAFF_ROLES) {
    const email = demoEmail(role)
    const account = before.accounts.get(email)
    if (account?.hasPassword) continue
    const reset = makeResetToken(now)
    tokens.set(role, reset)
    const staff = { role, email, canonicalEmail: email, ...STAFF[role] }
    const steps =
      account === undefined ? createAccountStatements(staff, reset) : requestResetStatements(email, reset)
    statements.push(...steps)
  }
  const answers = await execute(database, [...statements, ...PROGRESS_QUERIES])
  return { tokens, progress: readProgress(answers.slice(statements.length)) }
}

function insertMechanicsStatement(now: number): string {
  const { firstName, lastName } = STAFF.mechanic
  const mechanics = [
    {
      name: `${firstName} ${lastName}`,
      email: demoEmail('mechanic'),
      phone: '+1 555 0101',
      salary: 5_200_000,
    },
    { name: 'Sam Spanner', email: SECOND_MECHANIC_EMAIL, phone: '+1 555 0102', salary: 4_900_000 },
  ]
  const rows = mechanics.map(({ name, email, phone, salary }) => {
    const texts = [name, email, email, phone].map(sqlText).join(', ')
    return `(${texts}, ${salary}, ${now}, ${now})`
  })
  return (
    'INSERT INTO mechanics (name, email, email_canonical, phone, salary_cents, created_at, updated_at) ' +
    `VALUES ${rows.join(', ')} ON CONFLICT (email_canonical) DO NOTHING`
  )
}

async function openTickets(call: Call, demo: DemoAccounts, progress: DemoProgress): Promise<void> {
  const missing = TICKETS.filter((description) => !progress.tickets.has(description))
  if (missing.length === 0) return
  const { token } = await call('/auth/login', demo.admin)
  for (const description of missing) {
    const ticket = {
      customer_id: progress.accounts.get(demoEmail('customer'))?.id,
      description,
      service_date: '2026-01-15T10:00:00',
      mechanic_ids: [progress.mechanicId],
    }
    await call('/service-tickets/', ticket, String(token))
  }
}
