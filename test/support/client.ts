/**
 * People who call the API: nobody, a customer, a mechanic, an admin. They use public calls only; a staff
 * account begins, as in life, with a row and a one-time link that the operator's command writes.
 */
import { exports } from 'cloudflare:workers'
import { hashToken } from '../../src/crypto/digest.ts'
import { base64url } from '../../src/crypto/encoding.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { tick } from './production-limits.ts'
import { testEnv } from './test-env.ts'

export const ORIGIN = 'https://api.mechanic-shop.test'

export const PASSWORD = 'torque-wrench-42-nm'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Whatever JSON came back. */
  readonly body: any
  readonly text: string
}

export interface Caller {
  /** Sent as CF-Connecting-IP, so that callers do not share their rate limits. */
  readonly address: string
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>
  readonly post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  readonly put: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  readonly patch: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  readonly delete: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
}

export interface Person extends Caller {
  readonly id: number
  readonly email: string
  readonly password: string
  readonly token: string
  readonly refreshToken: string
}

/** Sends any request to the Worker and reads its answer. */
export async function send(request: Request): Promise<Answer> {
  tick()
  const response = await exports.default.fetch(request)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: parse(text) }
}

export function caller(token?: string, address = randomAddress()): Caller {
  const call =
    (method: string) =>
    (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      send(
        new Request(ORIGIN + path, {
          method,
          headers: {
            'CF-Connecting-IP': address,
            ...(token !== undefined && { Authorization: `Bearer ${token}` }),
            ...(body !== undefined && { 'Content-Type': 'application/json' }),
            ...headers,
          },
          ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        }),
      )
  const get = call('GET')
  return {
    address,
    get: (path, headers) => get(path, undefined, headers),
    post: call('POST'),
    put: call('PUT'),
    patch: call('PATCH'),
    delete: call('DELETE'),
  }
}

export const anonymous = () => caller()

let people = 0

export function uniqueEmail(name = 'person'): string {
  return `${name}-${++people}-${base64url(randomBytes(4)).replace(/[^A-Za-z0-9]/g, 'x')}@example.net`
}

export interface Registration {
  first_name: string
  last_name: string
  email: string
  phone_number: string
  password: string
}

export function registration(overrides: Partial<Registration> = {}): Registration {
  return {
    first_name: 'Vera',
    last_name: 'Lindqvist',
    email: uniqueEmail(),
    phone_number: '555-0199',
    password: PASSWORD,
    ...overrides,
  }
}

/** Registers and signs in. */
export async function customer(overrides: Partial<Registration> = {}): Promise<Person> {
  const person = registration(overrides)
  const registered = await anonymous().post('/customers/', person)
  if (registered.status !== 201) throw new Error(`registration answered ${registered.text}`)
  return signedIn(person.email, person.password, '/customers/login')
}

export const mechanic = () => staff('mechanic')
export const admin = () => staff('admin')

/** Opens one more session of a person. */
export async function signedIn(email: string, password: string, path = '/auth/login'): Promise<Person> {
  const answer = await anonymous().post(path, { email, password })
  if (answer.status !== 200) throw new Error(`sign-in answered ${answer.text}`)
  const { token, refresh_token: refreshToken } = answer.body
  const { id } = answer.body.account ?? answer.body.customer
  return { ...caller(token), id, email, password, token, refreshToken }
}

export interface Program extends Caller {
  readonly token: string
  readonly tokenId: string
}

/** A program that calls with an API token of a person who has just signed in. */
export async function program(owner: Person, ...scopes: string[]): Promise<Program> {
  const answer = await owner.post('/auth/tokens', { name: 'Till', scopes, expires_in_days: 30 })
  if (answer.status !== 201) throw new Error(`the token was answered with ${answer.text}`)
  return { ...caller(answer.body.token), token: answer.body.token, tokenId: answer.body.id }
}

async function staff(role: 'mechanic' | 'admin'): Promise<Person> {
  const email = uniqueEmail(role)
  await insertAccount(email, { role })
  const token = await issueLinkToken(email)
  const reset = await anonymous().post('/auth/password/reset', { token, password: PASSWORD })
  if (reset.status !== 200) throw new Error(`reset answered ${reset.text}`)
  return signedIn(email, PASSWORD)
}

interface AccountRow {
  role?: string
  status?: string
  passwordHash?: string | null
}

/** A row as the operator's command, or an import, writes it. */
export async function insertAccount(email: string, row: AccountRow = {}): Promise<number> {
  const { role = 'customer', status = 'active', passwordHash = null } = row
  const inserted = await testEnv.DB.prepare(
    `INSERT INTO accounts (role, status, email, email_canonical, first_name, last_name, password_hash, created_at, updated_at)
     VALUES (?1, ?2, ?3, lower(?3), 'Noor', 'Haddad', ?4, 1, 1) RETURNING id`,
  )
    .bind(role, status, email, passwordHash)
    .first<{ id: number }>()
  if (!inserted) throw new Error('no row')
  return inserted.id
}

/** A one-time link token as the operator's command makes it. */
export async function issueLinkToken(email: string, expiresInSeconds = 3600): Promise<string> {
  const token = base64url(randomBytes(32))
  const now = Math.floor(Date.now() / 1000)
  await testEnv.DB.prepare(
    `INSERT INTO link_tokens (token_hash, account_id, purpose, created_at, expires_at)
     SELECT ?1, id, 'password_reset', ?2, ?3 FROM accounts WHERE email = ?4`,
  )
    .bind(await hashToken(token), now, now + expiresInSeconds, email)
    .run()
  return token
}

function randomAddress(): string {
  const [a = 0, b = 0, c = 0] = randomBytes(3)
  return `10.${a}.${b}.${c}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
