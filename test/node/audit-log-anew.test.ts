/** The way out for a log whose key is lost: everything goes, and the tables are as protected as before. */
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'

it('begin-audit-log-anew.sql empties the log, begins again with row 1 and leaves every trigger as it was', () => {
  const database = new DatabaseSync(':memory:')
  const files = readdirSync('migrations').filter((name) => name.endsWith('.sql'))
  for (const name of files.sort()) database.exec(readFileSync(`migrations/${name}`, 'utf8'))
  const triggers = () =>
    database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name").all()
  const insert = () =>
    database
      .prepare(
        `INSERT INTO audit_events (event_id, occurred_at, event, outcome, details, key_id, mac)
         VALUES (hex(randomblob(8)), 1, 'x', 'success', '{}', 'k', 'm') RETURNING id`,
      )
      .get()
  for (let row = 0; row < 3; row++) insert()
  database.exec(
    "INSERT INTO audit_seals VALUES (1, 2, 2, '', 'h', 1, 'k', 'm'), (3, 3, 1, 'h', 'i', 1, 'k', 'm')",
  )
  database.exec("INSERT INTO audit_stubs VALUES (2, 'h', 2, 1, 'k', 'm')")
  const before = triggers()
  expect(before.length).toBeGreaterThan(8)
  database.exec(readFileSync('scripts/begin-audit-log-anew.sql', 'utf8'))
  expect(triggers()).toEqual(before)
  for (const table of ['audit_events', 'audit_seals', 'audit_stubs', 'audit_repeats']) {
    expect(database.prepare(`SELECT count(*) AS n FROM ${table}`).get(), table).toEqual({ n: 0 })
  }
  expect(insert()).toEqual({ id: 1 })
  expect(() => database.exec('DELETE FROM audit_events')).toThrow('append-only')
})
