/** S112: what may change in the audit log, a newer key and the end of its time, hides nothing that may not. */
import { applyD1Migrations, reset } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { headOf, signStub } from '../../src/audit/seal.ts'
import type { StoredAuditEvent } from '../../src/audit/tables.ts'
import { base64url } from '../../src/crypto/encoding.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import {
  alertsOf,
  dropTriggers,
  expectFound,
  keysUnder,
  MARK,
  number,
  run,
  seal,
  signRows,
  verifyAs,
} from '../support/audit-log.ts'
import { admin, type Person } from '../support/client.ts'
import { runCron, seeKeys } from '../support/cron.ts'
import { beforeRoundTrip, d1, dropKvCache, kv, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const DAY = 86_400
const RETENTION = { AUDIT_RETENTION_DAYS: '30' }

let boss: Person

const all = async <T>(sql: string) => (await testEnv.DB.prepare(sql).all<T>()).results
const lastRowId = () => number('SELECT max(id) AS n FROM audit_events')

/** Seals that hold rows 1 to 20 and 21 to 30, then `days`, then what an admin's account leaves behind, sealed. */
async function writeLog(days: number): Promise<void> {
  await reset()
  dropKvCache()
  await applyD1Migrations(testEnv.DB, testEnv.TEST_MIGRATIONS)
  await seeKeys()
  await signRows(20)
  await seal()
  await signRows(10)
  await seal()
  passTime(days * DAY)
  boss = await admin()
  await seal()
}

describe('AUDIT_RETENTION_DAYS', () => {
  it.each(['1', '29', '-1', '3651', 'x', ''])(
    'is refused as %j: less than a month is a typing error',
    async (days) => {
      const send = await withSettings({ AUDIT_RETENTION_DAYS: days })
      expect((await send('GET', '/')).body.code).toBe('misconfigured')
    },
  )
})

describe('S109: retention', () => {
  beforeEach(() => writeLog(32))

  it('removes sealed rows when their time is over, with addresses and user agents, and leaves a stub', async () => {
    const before = await lastRowId()
    await seal(RETENTION)
    expect(await all('SELECT through_id, removed_rows FROM audit_stubs')).toEqual([
      { through_id: 30, removed_rows: 30 },
    ])
    expect(await number('SELECT min(id) AS n FROM audit_events')).toBe(31)
    expect(await number('SELECT min(from_id) AS n FROM audit_seals')).toBe(31)
    expect(await number("SELECT count(*) AS n FROM audit_events WHERE user_agent = 'Workshop tablet'")).toBe(
      0,
    )
    expect(await all('SELECT event, outcome, details FROM audit_events ORDER BY id DESC LIMIT 1')).toEqual([
      { event: 'audit.trimmed', outcome: 'success', details: '{"through_id":30,"rows":30}' },
    ])
    await seal(RETENTION)
    expect(await verifyAs(boss)).toEqual({
      ok: true,
      checked: before + 1 - 30,
      sealed_through: before + 1,
      first_bad_id: null,
    })
  })

  it('lasts 400 days unless it is set, and for ever with 0', async () => {
    for (const settings of [{}, { AUDIT_RETENTION_DAYS: undefined }, { AUDIT_RETENTION_DAYS: '0' }])
      await seal(settings)
    expect(await number('SELECT min(id) AS n FROM audit_events')).toBe(1)
    passTime(370 * DAY)
    await seal({ AUDIT_RETENTION_DAYS: '0' })
    expect(await number('SELECT min(id) AS n FROM audit_events')).toBe(1)
    await seal({ AUDIT_RETENTION_DAYS: undefined })
    expect(await number('SELECT min(id) AS n FROM audit_events')).toBe(31)
  })

  it('cuts once, however many runs come together', async () => {
    passTime(61)
    const runs = () => Promise.all(Array.from({ length: 20 }, () => runCron(RETENTION)))
    expect(await alertsOf(runs)).toEqual([])
    dropKvCache()
    expect(await number("SELECT count(*) AS n FROM audit_events WHERE event = 'audit.trimmed'")).toBe(1)
    expect(await all('SELECT through_id FROM audit_stubs')).toEqual([{ through_id: 30 }])
    expect(await verifyAs(boss)).toMatchObject({ ok: true })
  })

  it('goes on from the stub, about once a day, and never takes the newest seal', async () => {
    await seal(RETENTION)
    const through = await number('SELECT max(through_id) AS n FROM audit_seals')
    passTime(30 * DAY)
    await seal(RETENTION)
    expect(await number('SELECT max(through_id) AS n FROM audit_stubs')).toBe(30)
    passTime(2 * DAY)
    await seal(RETENTION)
    const stubs = await all<{ through_id: number; removed_rows: number }>('SELECT * FROM audit_stubs')
    expect(stubs).toMatchObject([{ through_id: through, removed_rows: through }])
    boss = await admin()
    await seal()
    expect(await verifyAs(boss)).toMatchObject({ ok: true })
    passTime(500 * DAY)
    await run('DELETE FROM sessions')
    await seal(RETENTION)
    await seal(RETENTION)
    expect(await number('SELECT count(*) AS n FROM audit_seals')).toBeGreaterThan(0)
    boss = await admin()
    expect(await verifyAs(boss)).toMatchObject({ ok: true })
  })

  it('does not disturb a check that is under way', async () => {
    // The check has read the stub and begins with the seals when the cron cuts off the first of them.
    for (const nth of [3, 4, 5, 6]) {
      await writeLog(32)
      beforeRoundTrip(nth, () => runCron(RETENTION))
      expect(await verifyAs(boss), `before round trip ${nth}`).toMatchObject({ ok: true })
      expect(await number('SELECT count(*) AS n FROM audit_stubs'), `before round trip ${nth}`).toBe(1)
    }
  })

  it.each([
    ['a row that was edited', 'UPDATE audit_events SET actor_id = 2 WHERE id = 7', 7, 'row_changed'],
    ['a row that is gone', 'DELETE FROM audit_events WHERE id = 27', 27, 'row_missing'],
    ['a seal that was edited', 'UPDATE audit_seals SET sealed_at = 1 WHERE from_id = 1', 1, 'seal_changed'],
    ['a seal that is gone', 'DELETE FROM audit_seals WHERE from_id = 21', 21, 'seal_missing'],
  ])('is not how %s gets out of sight', async (_, sql, id, reason) => {
    await dropTriggers()
    await run(sql)
    const alerts = await alertsOf(() => seal(RETENTION))
    expect(alerts).toContainEqual({
      level: 'alert',
      message: 'audit_verification_failed',
      first_bad_id: id,
      reason,
    })
    expect(await number('SELECT count(*) AS n FROM audit_stubs')).toBe(0)
    await expectFound(boss, id, reason)
  })
})

describe('S112: the stub', () => {
  let cutBefore: Record<string, unknown>

  const putBack = (stub: Record<string, unknown>) =>
    testEnv.DB.prepare('INSERT INTO audit_stubs VALUES (?, ?, ?, ?, ?, ?)')
      .bind(...Object.values(stub))
      .run()

  beforeEach(async () => {
    await writeLog(32)
    await seal(RETENTION)
    cutBefore = (await all<Record<string, unknown>>('SELECT * FROM audit_stubs'))[0] ?? {}
    passTime(32 * DAY)
    boss = await admin()
    await seal()
    await seal(RETENTION)
    boss = await admin()
    expect(await verifyAs(boss)).toMatchObject({ ok: true })
    await dropTriggers()
  })

  it.each([
    ['edited', 'UPDATE audit_stubs SET removed_rows = 1', 1, 'stub_changed'],
    ['moved on', 'UPDATE audit_stubs SET through_id = through_id + 2', 1, 'stub_changed'],
    ['of an unknown key', "UPDATE audit_stubs SET key_id = 'x'", 1, 'stub_key_unknown'],
    ['removed', 'DELETE FROM audit_stubs', 1, 'seal_missing'],
  ])('%s is found', async (_, sql, firstBadId, reason) => {
    await run(sql)
    await expectFound(boss, firstBadId, reason)
  })

  it('that was replaced by an earlier genuine one is found by the first row that is gone', async () => {
    await run('DELETE FROM audit_stubs')
    await putBack(cutBefore)
    await expectFound(boss, 31, 'seal_missing')
  })

  it('forged, with the rows before it, is found', async () => {
    const through = await lastRowId()
    await run('DELETE FROM audit_events')
    await run('DELETE FROM audit_seals')
    await run(`UPDATE audit_stubs SET through_id = ${through}`)
    await expectFound(boss, 1, 'stub_changed')
  })

  it('that cuts off more than was sealed is found, even if it is signed', async () => {
    const { auditSeal } = await keysUnder()
    const through = await lastRowId()
    await run('DELETE FROM audit_events')
    await run('DELETE FROM audit_seals')
    await run('DELETE FROM audit_stubs')
    await putBack(
      await signStub(auditSeal, { throughId: through, head: 'x', removedRows: through, cutAt: 1 }),
    )
    await expectFound(boss, through + 1, 'seal_missing')
  })

  it('has no row before it', async () => {
    await run(`INSERT INTO audit_events (id, event_id, occurred_at, event, outcome, details, key_id, mac)
      SELECT 7, 'x', 1, 'audit.read', 'success', '{}', key_id, 'm' FROM audit_events LIMIT 1`)
    await expectFound(boss, 7, 'row_misplaced')
  })
})

describe('S112: the triggers', () => {
  beforeEach(() => writeLog(1))

  const stub = (throughId: number, head = `(SELECT head FROM audit_seals WHERE through_id = ${throughId})`) =>
    `INSERT INTO audit_stubs VALUES (${throughId}, ${head}, 1, 1, 'k', 'm')`

  it('let go what a stub has cut off, and nothing else', async () => {
    await run(stub(20))
    for (const sql of [
      'DELETE FROM audit_events',
      'DELETE FROM audit_events WHERE id = 21',
      'DELETE FROM audit_seals WHERE from_id = 21',
      'DELETE FROM audit_stubs',
      'UPDATE audit_events SET key_id = key_id WHERE id = 1',
      'UPDATE audit_stubs SET through_id = 30',
      "UPDATE audit_stubs SET key_id = 'x', head = 'x'",
    ]) {
      await expect(run(sql), sql).rejects.toThrow('append-only')
    }
    expect(await number('SELECT min(id) AS n FROM audit_events')).toBe(1)
    await run('DELETE FROM audit_events WHERE id <= 20')
    await run('DELETE FROM audit_seals WHERE through_id <= 20')
    await run(stub(30))
    await run('DELETE FROM audit_stubs WHERE through_id = 20')
    expect(await all('SELECT through_id FROM audit_stubs')).toEqual([{ through_id: 30 }])
  })

  it('take a stub only at the end of a seal, with another behind it, and further on than before', async () => {
    const newest = await number('SELECT max(through_id) AS n FROM audit_seals')
    for (const sql of [stub(25), stub(30, "'forged'"), stub(newest)]) {
      await expect(run(sql), sql).rejects.toThrow()
    }
    await run(stub(30))
    for (const sql of [stub(20), stub(30), stub(30).replace('INSERT', 'INSERT OR REPLACE')]) {
      await expect(run(sql), sql).rejects.toThrow('append-only')
    }
  })
})

describe('S42: after a rotation of DATA_KEY', () => {
  const newer = base64url(randomBytes(32))
  const both = { DATA_KEY_2: newer }
  const onlyNewer = { DATA_KEY: newer }

  async function verifyUnder(overrides: Record<string, unknown>) {
    const send = await withSettings(overrides)
    const authorization = { Authorization: `Bearer ${boss.token}` }
    return (await send('GET', '/admin/audit-events/verify', undefined, authorization)).body
  }
  const keyIds = (table: string) => all<{ key_id: string }>(`SELECT DISTINCT key_id FROM ${table} ORDER BY 1`)
  const markKeyId = async () => JSON.parse((await testEnv.KV.get(MARK)) ?? '').keyId
  const readKeyIds = async () => {
    const [old, next] = [await keysUnder(), await keysUnder(both)]
    return { old: old.auditSeal.newest.id, next: next.auditSeal.newest.id }
  }

  beforeEach(async () => {
    await writeLog(1)
    await dropTriggers()
  })

  it('seals and mark are signed anew, so that the log is good without the old key', async () => {
    const { next } = await readKeyIds()
    passTime(61)
    await Promise.all([runCron(both), runCron(both), runCron(both)])
    dropKvCache()
    await seal(both)
    expect([await keyIds('audit_seals'), await markKeyId()]).toEqual([[{ key_id: next }], next])
    expect(await keyIds('audit_events')).toHaveLength(2)
    expect(await verifyUnder(both)).toMatchObject({ ok: true })
    await seal(both)
    const verdict = await verifyUnder(onlyNewer)
    expect(verdict).toMatchObject({ ok: true, first_bad_id: null })
    expect(verdict.checked).toBeGreaterThan(30)
  })

  it('the stub is signed anew as well', async () => {
    passTime(32 * DAY)
    await seal(RETENTION)
    const { old, next } = await readKeyIds()
    expect(await keyIds('audit_stubs')).toEqual([{ key_id: old }])
    await seal(both)
    expect(await keyIds('audit_stubs')).toEqual([{ key_id: next }])
    await seal(both)
    boss = await admin()
    await seal(both)
    expect(await verifyUnder(both)).toMatchObject({ ok: true })
  })

  it('a stub that was edited is not signed anew, but reported, and still found', async () => {
    passTime(32 * DAY)
    await seal(RETENTION)
    boss = await admin()
    const { old } = await readKeyIds()
    await run('UPDATE audit_stubs SET removed_rows = 1')
    const alerts = await alertsOf(() => seal(both))
    expect(alerts).toMatchObject([{ first_bad_id: 1, reason: 'stub_changed' }])
    expect(await keyIds('audit_stubs')).toEqual([{ key_id: old }])
    expect(await verifyUnder(both)).toMatchObject({ ok: false, first_bad_id: 1 })
  })

  it('a run that breaks off anywhere leaves a good log, and the next one finishes', async () => {
    const settings = { ...both, ...RETENTION }
    let broken = 0
    for (let nth = 1; ; nth++) {
      await writeLog(32)
      passTime(61)
      beforeRoundTrip(nth, () => {
        throw new Error('D1_ERROR: Network connection lost')
      })
      const outcome = await runCron(settings).then(
        () => 'done',
        () => 'broken off',
      )
      dropKvCache()
      const isThrough = d1.before !== undefined
      d1.before = undefined
      if (isThrough) break
      if (outcome === 'broken off') broken++
      expect(await verifyUnder(both), `at round trip ${nth}`).toMatchObject({ ok: true })
      await seal(settings)
      expect(await all('SELECT through_id, removed_rows FROM audit_stubs')).toEqual([
        { through_id: 30, removed_rows: 30 },
      ])
      expect(await verifyUnder(both), `after round trip ${nth}`).toMatchObject({ ok: true })
    }
    expect(broken).toBeGreaterThan(10)
  })

  it('no seal leaves the old key before the mark in KV has', async () => {
    const { old, next } = await readKeyIds()
    kv.down = true
    await seal(both)
    kv.down = false
    expect([(await keyIds('audit_seals')).length, await markKeyId()]).toEqual([2, old])
    dropKvCache()
    await seal(both)
    expect([await keyIds('audit_seals'), await markKeyId()]).toEqual([[{ key_id: next }], next])
  })

  it('a seal that was edited is not signed anew, but reported, and still found', async () => {
    const { old } = await readKeyIds()
    await run('UPDATE audit_seals SET sealed_at = 1 WHERE from_id = 21')
    const alerts = await alertsOf(() => seal(both))
    expect(alerts).toEqual([
      { level: 'alert', message: 'audit_verification_failed', first_bad_id: 21, reason: 'seal_changed' },
    ])
    expect(await all('SELECT key_id FROM audit_seals WHERE from_id = 21')).toEqual([{ key_id: old }])
    expect(await verifyUnder(both)).toMatchObject({ ok: false, first_bad_id: 21 })
    expect(await verifyUnder(onlyNewer)).toMatchObject({ ok: false, first_bad_id: 21 })
  })

  it('a row that was edited together with its seal is found, before and after', async () => {
    await run('UPDATE audit_events SET actor_id = 2 WHERE id = 7')
    const rows = await all<Record<string, never>>('SELECT * FROM audit_events WHERE id <= 20 ORDER BY id')
    const stored = rows.map((row) => {
      const members = Object.entries(row).map(([name, value]) => [
        name.replace(/_(\w)/g, (_, c) => c.toUpperCase()),
        value,
      ])
      return Object.fromEntries(members) as StoredAuditEvent
    })
    await run(`UPDATE audit_seals SET head = '${await headOf('', stored)}' WHERE from_id = 1`)
    const alerts = await alertsOf(() => seal(both))
    expect(alerts).toMatchObject([{ first_bad_id: 1, reason: 'seal_changed' }])
    expect(await verifyUnder(both)).toMatchObject({ ok: false, first_bad_id: 1 })
    expect(await verifyUnder(onlyNewer)).toMatchObject({ ok: false, first_bad_id: 1 })
  })

  it('a row that was edited under a good seal is found without the key that signed it', async () => {
    await run('UPDATE audit_events SET actor_id = 2 WHERE id = 27')
    await seal(both)
    expect(await verifyUnder(both)).toMatchObject({ ok: false, first_bad_id: 27 })
    // Its own MAC cannot be checked any more; the seal tells that one of its rows is wrong.
    expect(await verifyUnder(onlyNewer)).toMatchObject({ ok: false, first_bad_id: 21 })
  })

  it.each([
    ['was edited', "details = '{}'", 'row_changed'],
    ['names an unknown key', "key_id = '00000000'", 'row_key_unknown'],
  ])('a row that %s before it was sealed is not sealed, but reported', async (_, change, reason) => {
    const through = await number('SELECT max(through_id) AS n FROM audit_seals')
    await signRows(5)
    const bad = (await lastRowId()) - 2
    const before = await all<Record<string, string>>(
      `SELECT details, key_id FROM audit_events WHERE id = ${bad}`,
    )
    await run(`UPDATE audit_events SET ${change} WHERE id = ${bad}`)
    const alerts = await alertsOf(() => seal(both))
    expect(alerts).toEqual([
      { level: 'alert', message: 'audit_verification_failed', first_bad_id: bad, reason },
    ])
    expect(await number('SELECT max(through_id) AS n FROM audit_seals')).toBe(bad - 1)
    expect(bad - 1).toBeGreaterThan(through)
    expect(await verifyUnder(both)).toMatchObject({ ok: false, first_bad_id: bad })
    const { details, key_id } = before[0] ?? {}
    await run(`UPDATE audit_events SET details = '${details}', key_id = '${key_id}' WHERE id = ${bad}`)
    await seal(both)
    expect(await verifyUnder(both)).toMatchObject({ ok: true })
  })
})

describe('a long log', () => {
  it('S112: of 100,000 events is sealed, checked and cut in bounded steps', async () => {
    await writeLog(0)
    const others = await lastRowId()
    await signRows(100_000)
    let largest = 0
    const statement = Object.getPrototypeOf(testEnv.DB.prepare('SELECT 1'))
    const { raw } = statement
    statement.raw = async function counted(...args: unknown[]) {
      const rows = await raw.apply(this, args)
      largest = Math.max(largest, rows.length)
      return rows
    }
    const calls: number[] = []
    try {
      while ((await number('SELECT max(through_id) AS n FROM audit_seals')) < others + 100_000) {
        const before = d1.calls
        await seal()
        calls.push(d1.calls - before)
      }
      expect(calls.length).toBe(10)
      expect(Math.max(...calls)).toBeLessThan(60)
      expect(await verifyAs(boss)).toEqual({
        ok: true,
        checked: others + 100_000,
        sealed_through: others + 100_000,
        first_bad_id: null,
      })
      passTime(32 * DAY)
      const before = d1.calls
      await seal(RETENTION)
      expect(d1.calls - before).toBeLessThan(60)
      const left = await number('SELECT count(*) AS n FROM audit_events')
      expect(left).toBeLessThanOrEqual(others + 95_001)
      expect(largest).toBeLessThanOrEqual(500)
    } finally {
      statement.raw = raw
    }
  })
})
