/** Each migration meets tables that hold rows, and loses none of them. */
import { applyD1Migrations, reset } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { NEWEST_MIGRATION } from '../src/platform/version.ts'
import { testEnv } from './support/test-env.ts'

/** One row for every table, parents first; a new table needs a line here. */
const ROWS: Record<string, string> = {
  accounts:
    "INSERT INTO accounts (role, email, email_canonical, first_name, last_name, created_at, updated_at) VALUES ('customer', 'a@b.c', 'a@b.c', 'A', 'B', 1, 1)",
  sessions:
    "INSERT INTO sessions (id, account_id, created_at, authenticated_at, expires_at) VALUES ('s', 1, 1, 1, 2)",
  devices: "INSERT INTO devices (id, account_id, first_seen_at, last_seen_at) VALUES ('d', 1, 1, 1)",
  account_countries: "INSERT INTO account_countries VALUES (1, 'DE', 1)",
  throttles: "INSERT INTO throttles VALUES ('account:1', 1, 1, 1)",
  throttle_attempts: "INSERT INTO throttle_attempts VALUES ('a', 'login 10.0.0.1', 'account:1', 1, 0)",
  api_tokens: "INSERT INTO api_tokens VALUES ('t', 1, 'h', 'Till', '[]', 1, 2, NULL)",
  factors: "INSERT INTO factors VALUES ('f', 1, 'totp', 'k.box', 1, 1, 1)",
  recovery_codes: "INSERT INTO recovery_codes VALUES (1, 'h', 1)",
  mfa_challenges: "INSERT INTO mfa_challenges VALUES ('h', 1, '[]', NULL, 0, 1, 2)",
  sms_codes: "INSERT INTO sms_codes VALUES ('offer:1', 'f', 'k.m', 1, 2)",
  sms_sends: "INSERT INTO sms_sends VALUES ('m', 'n', 1, 1)",
  link_tokens: "INSERT INTO link_tokens VALUES ('h', 1, 'password_reset', 1, 2)",
  outbox_messages:
    "INSERT INTO outbox_messages VALUES (1, 'm', 'mail', 'reset', 1, 'b', 'k', 'queued', 0, 1, 0, 1, 2, NULL)",
  mail_links: "INSERT INTO mail_links VALUES (1, 'h', 1, 'undo', 'a@b.c', 'a@b.c', NULL, 1, 2)",
  audit_events:
    "INSERT INTO audit_events (event_id, occurred_at, event, outcome, details, key_id, mac) VALUES ('e', 1, 'x', 'success', '{}', 'k', 'm')",
  audit_seals:
    "INSERT INTO audit_seals VALUES (1, 1, 1, '', 'h', 1, 'k', 'm'), (2, 2, 1, 'h', 'i', 1, 'k', 'm')",
  audit_stubs: "INSERT INTO audit_stubs VALUES (1, 'h', 1, 1, 'k', 'm')",
  keys: "INSERT INTO keys VALUES ('data', 'k', 'DATA_KEY', 1, 1, NULL)",
  audit_repeats: "INSERT INTO audit_repeats VALUES ('g', 1, 1)",
  operator_actions:
    "INSERT INTO operator_actions (event, account_id, created_at) VALUES ('account.created', 1, 1)",
  flask_ranges: "INSERT INTO flask_ranges VALUES ('accounts', 0, 9)",
  flask_rows: "INSERT INTO flask_rows VALUES ('service_tickets', 1, 0, NULL)",
  mechanics:
    "INSERT INTO mechanics (name, email, email_canonical, created_at, updated_at) VALUES ('M', 'm@b.c', 'm@b.c', 1, 1)",
  service_tickets:
    "INSERT INTO service_tickets (customer_id, description, service_at, created_at, updated_at) VALUES (1, 'D', 1, 1, 1)",
  service_mechanics: 'INSERT INTO service_mechanics VALUES (1, 1)',
  inventory: "INSERT INTO inventory (name, price_cents, created_at, updated_at) VALUES ('P', 1, 1, 1)",
  service_inventory: "INSERT INTO service_inventory VALUES (1, 1, 'P', 1, 1)",
}

async function tables(): Promise<string[]> {
  const { results } = await testEnv.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name <> 'd1_migrations'",
  ).all<{ name: string }>()
  return results.map(({ name }) => name)
}

async function countRows(names: string[]): Promise<Record<string, number | null>> {
  const counts = names.map(async (name) => [
    name,
    await testEnv.DB.prepare(`SELECT count(*) AS n FROM "${name}"`).first<number>('n'),
  ])
  return Object.fromEntries(await Promise.all(counts))
}

describe('the migrations', () => {
  it('keep every row that earlier ones made room for', async () => {
    await reset()
    const filled = new Set<string>()
    for (const migration of testEnv.TEST_MIGRATIONS) {
      const before = await countRows([...filled])
      await applyD1Migrations(testEnv.DB, [migration])
      expect(await countRows([...filled]), migration.name).toEqual(before)
      const present = await tables()
      for (const [name, insert] of Object.entries(ROWS)) {
        if (!present.includes(name) || filled.has(name)) continue
        await testEnv.DB.prepare(insert).run()
        filled.add(name)
      }
      expect([...filled].sort(), migration.name).toEqual(present.sort())
    }
    expect(filled.size).toBe(Object.keys(ROWS).length)
  })

  it('end with the one that the code expects', () => {
    expect(testEnv.TEST_MIGRATIONS.at(-1)?.name).toBe(NEWEST_MIGRATION)
  })

  it('give the first account and the first ticket id 1', async () => {
    const { results } = await testEnv.DB.prepare(
      'SELECT (SELECT min(id) FROM accounts) AS account, (SELECT min(id) FROM service_tickets) AS ticket',
    ).all()
    expect(results).toEqual([{ account: 1, ticket: 1 }])
  })

  it('keep a ticket when its customer goes, and drop what belongs to the person', async () => {
    await testEnv.DB.prepare('DELETE FROM accounts WHERE id = 1').run()
    expect(
      await countRows([
        'service_tickets',
        'sessions',
        'devices',
        'account_countries',
        'throttles',
        'link_tokens',
        'mail_links',
        'api_tokens',
        'factors',
        'recovery_codes',
        'mfa_challenges',
        'sms_codes',
        'sms_sends',
        'service_mechanics',
        'outbox_messages',
      ]),
    ).toEqual({
      service_tickets: 1,
      outbox_messages: 1,
      sessions: 0,
      devices: 0,
      account_countries: 0,
      throttles: 0,
      link_tokens: 0,
      mail_links: 0,
      api_tokens: 0,
      factors: 0,
      recovery_codes: 0,
      mfa_challenges: 0,
      sms_codes: 0,
      sms_sends: 1,
      service_mechanics: 1,
    })
    expect(
      await testEnv.DB.prepare('SELECT customer_id FROM service_tickets').first('customer_id'),
    ).toBeNull()
  })
})
