/** The statements of `npm run account`, on SQLite with this project's migrations. */
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, it } from 'vitest'
import { sqlText } from '../../scripts/database.ts'
import {
  createAccountStatements,
  makeResetToken,
  requestResetStatements,
  unlockStatements,
} from '../../scripts/staff-accounts.ts'
import { hashToken } from '../../src/crypto/digest.ts'

const NOW = 1_800_000_000

const staff = {
  role: 'admin' as const,
  email: "O'Brien@shop.test",
  canonicalEmail: "o'brien@shop.test",
  firstName: "Robert'); DROP TABLE accounts; --",
  lastName: 'Admin',
}

let database: DatabaseSync

beforeEach(() => {
  database = new DatabaseSync(':memory:')
  const files = readdirSync('migrations').filter((name) => name.endsWith('.sql'))
  for (const name of files.sort()) database.exec(readFileSync(`migrations/${name}`, 'utf8'))
})

/** All or nothing, like a D1 batch. */
function batch(statements: string[]): void {
  database.exec('BEGIN')
  try {
    for (const statement of statements) database.exec(statement)
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

const rows = (query: string) =>
  database
    .prepare(query)
    .all()
    .map((row) => ({ ...row }))

describe('create', () => {
  it('makes an account without a password, its token and the note for the audit log', async () => {
    const reset = makeResetToken(NOW)
    batch(createAccountStatements(staff, reset))
    expect(
      rows('SELECT role, email, email_canonical, first_name, status, password_hash FROM accounts'),
    ).toEqual([
      {
        role: 'admin',
        email: staff.email,
        email_canonical: staff.canonicalEmail,
        first_name: staff.firstName,
        status: 'active',
        password_hash: null,
      },
    ])
    expect(rows('SELECT * FROM link_tokens')).toEqual([
      {
        token_hash: await hashToken(reset.token),
        account_id: 1,
        purpose: 'password_reset',
        created_at: NOW,
        expires_at: NOW + 3600,
        email_canonical: null,
      },
    ])
    expect(rows('SELECT event, account_id FROM operator_actions')).toEqual([
      { event: 'account.created', account_id: 1 },
    ])
  })

  it('ties a mechanic to the one of the shop with the address, or to a new one', () => {
    database.exec(
      "INSERT INTO mechanics (name, email, email_canonical, created_at, updated_at) VALUES ('Crew', 'a@shop.test', 'a@shop.test', 1, 1)",
    )
    for (const email of ['a@shop.test', 'b@shop.test']) {
      const account = { ...staff, role: 'mechanic' as const, email, canonicalEmail: email }
      batch(createAccountStatements(account, makeResetToken(NOW)))
    }
    batch(createAccountStatements(staff, makeResetToken(NOW)))
    expect(rows('SELECT name, email, account_id FROM mechanics ORDER BY id')).toEqual([
      { name: 'Crew', email: 'a@shop.test', account_id: 1 },
      { name: `${staff.firstName} Admin`, email: 'b@shop.test', account_id: 2 },
    ])
  })

  it('leaves everything as it was when the address is taken', () => {
    batch(createAccountStatements(staff, makeResetToken(NOW)))
    expect(() => batch(createAccountStatements(staff, makeResetToken(NOW)))).toThrow(/UNIQUE/)
    const counts =
      'SELECT (SELECT count(*) FROM link_tokens) tokens, (SELECT count(*) FROM operator_actions) actions'
    expect(rows(counts)).toEqual([{ tokens: 1, actions: 1 }])
  })
})

describe('reset', () => {
  it('replaces every older token of this account only', () => {
    const other = { ...staff, email: 'm@shop.test', canonicalEmail: 'm@shop.test', role: 'mechanic' as const }
    const first = makeResetToken(NOW)
    const second = makeResetToken(NOW + 60)
    const others = makeResetToken(NOW)
    batch([...createAccountStatements(staff, first), ...createAccountStatements(other, others)])
    batch(requestResetStatements(staff.canonicalEmail, second))
    expect(rows('SELECT token_hash, account_id FROM link_tokens ORDER BY account_id')).toEqual([
      { token_hash: second.hash, account_id: 1 },
      { token_hash: others.hash, account_id: 2 },
    ])
  })

  it('does nothing for an unknown address', () => {
    expect(() => batch(requestResetStatements('nobody@shop.test', makeResetToken(NOW)))).toThrow(/NOT NULL/)
    expect(rows('SELECT * FROM link_tokens')).toEqual([])
  })
})

describe('unlock', () => {
  it('makes a suspended account active and notes it', () => {
    batch(createAccountStatements(staff, makeResetToken(NOW)))
    database.exec("UPDATE accounts SET status = 'suspended'")
    batch(unlockStatements(staff.canonicalEmail, NOW + 60))
    expect(rows('SELECT status, updated_at FROM accounts')).toEqual([
      { status: 'active', updated_at: NOW + 60 },
    ])
    expect(rows('SELECT event FROM operator_actions ORDER BY id DESC LIMIT 1')).toEqual([
      { event: 'account.unlocked' },
    ])
  })
})

describe('sqlText', () => {
  it('is refused a text that SQLite would cut at U+0000', () => {
    expect(() => sqlText('a\0b')).toThrow()
  })
})
