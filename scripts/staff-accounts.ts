import { createHash, randomBytes } from 'node:crypto'
import { sqlText } from './database.ts'

/** How long the operator has to pass the token on, and the person to choose a password with it. */
const RESET_TOKEN_SECONDS = 3600

/** As long as the API lets the name of a mechanic be. */
const MAX_MECHANIC_NAME = 100

export type StaffRole = 'admin' | 'mechanic'

export type StaffAccount = {
  role: StaffRole
  email: string
  canonicalEmail: string
  firstName: string
  lastName: string
}

/** A one-time token, of which the database learns only the hash. `expiresAt` is in unix seconds. */
export type ResetToken = { token: string; hash: string; createdAt: number; expiresAt: number }

/** Makes the token that POST /auth/password/reset takes. `now` is in unix seconds. */
export function makeResetToken(now: number): ResetToken {
  const token = randomBytes(32).toString('base64url')
  const hash = createHash('sha256').update(token, 'ascii').digest('base64url')
  return { token, hash, createdAt: now, expiresAt: now + RESET_TOKEN_SECONDS }
}

/** The account has no password, so nobody can sign in before the token was used. */
export function createAccountStatements(account: StaffAccount, reset: ResetToken): string[] {
  const names = [account.firstName, account.lastName].map(sqlText).join(', ')
  const emails = [account.email, account.canonicalEmail].map(sqlText).join(', ')
  return [
    'INSERT INTO accounts (role, email, email_canonical, first_name, last_name, created_at, updated_at) ' +
      `VALUES (${sqlText(account.role)}, ${emails}, ${names}, ${reset.createdAt}, ${reset.createdAt})`,
    insertTokenStatement(account.canonicalEmail, reset),
    ...(account.role === 'mechanic' ? tieMechanicStatements(account, reset.createdAt) : []),
    recordActionStatement('account.created', account.canonicalEmail, reset.createdAt),
  ]
}

/** A mechanic's account belongs to the mechanic of the shop who has its address, or to a new one. */
function tieMechanicStatements(account: StaffAccount, now: number): string[] {
  const name = [...`${account.firstName} ${account.lastName}`].slice(0, MAX_MECHANIC_NAME).join('')
  const texts = [name, account.email, account.canonicalEmail].map(sqlText).join(', ')
  return [
    'INSERT INTO mechanics (name, email, email_canonical, created_at, updated_at) ' +
      `VALUES (${texts}, ${now}, ${now}) ON CONFLICT (email_canonical) DO NOTHING`,
    `UPDATE mechanics SET account_id = ${idOf(account.canonicalEmail)} ` +
      `WHERE email_canonical = ${sqlText(account.canonicalEmail)} AND account_id IS NULL`,
  ]
}

/** Only the newest link of an account is good, whoever made the older ones. */
export function requestResetStatements(canonicalEmail: string, reset: ResetToken): string[] {
  return [
    "DELETE FROM link_tokens WHERE purpose IN ('password_reset', 'invitation') " +
      `AND account_id = ${idOf(canonicalEmail)}`,
    insertTokenStatement(canonicalEmail, reset),
    recordActionStatement('account.reset_requested', canonicalEmail, reset.createdAt),
  ]
}

/** `now` is in unix seconds. */
export function unlockStatements(canonicalEmail: string, now: number): string[] {
  return [
    `UPDATE accounts SET status = 'active', updated_at = ${now} WHERE id = ${idOf(canonicalEmail)}`,
    recordActionStatement('account.unlocked', canonicalEmail, now),
  ]
}

function insertTokenStatement(canonicalEmail: string, reset: ResetToken): string {
  return (
    'INSERT INTO link_tokens (token_hash, account_id, purpose, created_at, expires_at) VALUES ' +
    `(${sqlText(reset.hash)}, ${idOf(canonicalEmail)}, 'password_reset', ${reset.createdAt}, ${reset.expiresAt})`
  )
}

/** An audit row carries a MAC under a key that only the Worker has: the Worker makes it from this note. */
function recordActionStatement(event: string, canonicalEmail: string, now: number): string {
  return (
    'INSERT INTO operator_actions (event, account_id, created_at) ' +
    `VALUES (${sqlText(event)}, ${idOf(canonicalEmail)}, ${now})`
  )
}

/** NULL when there is no such account, which `account_id INTEGER NOT NULL` refuses: then nothing is done. */
function idOf(canonicalEmail: string): string {
  return `(SELECT id FROM accounts WHERE email_canonical = ${sqlText(canonicalEmail)})`
}
