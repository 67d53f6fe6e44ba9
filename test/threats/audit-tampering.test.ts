/** S112: somebody with the database in hand changes the audit log; the check names the first row that is wrong. */
import { applyD1Migrations, reset } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { base64url } from '../../src/crypto/encoding.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import {
  dropTriggers,
  expectFound as expectFoundBy,
  layDownLog,
  MARK,
  number,
  run,
  seal,
  signRows,
  verifyAs,
} from '../support/audit-log.ts'
import { caller, type Person } from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { dropKvCache, kv, logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

let boss: Person

const verify = () => verifyAs(boss)
const expectFound = (firstBadId: number | null, reason: string) => expectFoundBy(boss, firstBadId, reason)

beforeEach(async () => {
  boss = await layDownLog()
  await dropTriggers()
  expect(await verify()).toEqual({ ok: true, checked: 35, sealed_through: 30, first_bad_id: null })
})

describe('S112: a row', () => {
  it.each([
    ['that was edited', "UPDATE audit_events SET outcome = 'failure' WHERE id = 7"],
    ['whose actor is another', 'UPDATE audit_events SET actor_id = 2 WHERE id = 7'],
    [
      'that has the MAC of another',
      'UPDATE audit_events SET mac = (SELECT mac FROM audit_events WHERE id = 8) WHERE id = 7',
    ],
    ['without a readable MAC', "UPDATE audit_events SET mac = '' WHERE id = 7"],
    [
      'that was replaced by a forged one',
      `INSERT OR REPLACE INTO audit_events (id, event_id, occurred_at, event, outcome, details, key_id, mac)
       SELECT 7, 'forged', occurred_at, event, outcome, details, key_id, mac FROM audit_events WHERE id = 8`,
    ],
  ])('%s is found', async (_, sql) => {
    await run(sql)
    await expectFound(7, 'row_changed')
  })

  it('that was edited is found before any seal holds it', async () => {
    await run("UPDATE audit_events SET details = '{}' WHERE id = 33")
    await expectFound(33, 'row_changed')
  })

  it('signed with a key that is not configured counts as bad, for a reason of its own', async () => {
    await run("UPDATE audit_events SET key_id = '00000000' WHERE id = 7")
    await expectFound(7, 'row_key_unknown')
  })

  it('that was added by hand is found, at the end and before the beginning', async () => {
    const forge = (id: string) =>
      run(`INSERT INTO audit_events (id, event_id, occurred_at, event, outcome, details, key_id, mac)
           SELECT ${id}, 'forged${id}', 1, 'audit.read', 'success', '{}', key_id, mac FROM audit_events WHERE id = 7`)
    await forge('NULL')
    await expectFound(37, 'row_changed')
    await forge('-3')
    await expectFound(-3, 'row_misplaced')
  })

  it.each([
    ['the first', 'id = 1', 1],
    ['a middle one', 'id = 7', 7],
    ['the first of a later seal', 'id = 21', 21],
    ['the last that is sealed', 'id = 30', 30],
    ['one that no seal holds', 'id = 33', 33],
    ['several', 'id IN (9, 12, 26)', 9],
    ['the end of the log', 'id > 24', 25],
    ['the end that no seal holds', 'id > 32', 33],
    ['all', 'id > 0', 1],
  ])('that was removed is found: %s', async (_, condition, firstBadId) => {
    await run(`DELETE FROM audit_events WHERE ${condition}`)
    await expectFound(firstBadId, 'row_missing')
  })

  it('that stands in the place of another genuine one is found within its seal', async () => {
    for (const [from, to] of [
      [23, 99],
      [27, 23],
      [99, 27],
    ])
      await run(`UPDATE audit_events SET id = ${to} WHERE id = ${from}`)
    await expectFound(21, 'rows_rearranged')
  })

  it('that was cut off and whose number is given again is found', async () => {
    await run('DELETE FROM audit_events WHERE id > 24')
    await run("UPDATE sqlite_sequence SET seq = 24 WHERE name = 'audit_events'")
    await signRows(20)
    await expectFound(21, 'rows_rearranged')
  })
})

describe('S112: a seal', () => {
  it.each([
    ['edited', 'UPDATE audit_seals SET sealed_at = 1 WHERE from_id = 21', 21, 'seal_changed'],
    ['stretched', 'UPDATE audit_seals SET through_id = 33 WHERE from_id = 21', 21, 'seal_changed'],
    ['of an unknown key', "UPDATE audit_seals SET key_id = 'x' WHERE from_id = 1", 1, 'seal_key_unknown'],
    ['removed, the first', 'DELETE FROM audit_seals WHERE from_id = 1', 1, 'seal_missing'],
    ['removed, the newest', 'DELETE FROM audit_seals WHERE from_id = 21', 21, 'seal_missing'],
    ['removed, all', 'DELETE FROM audit_seals', 1, 'seal_missing'],
  ])('%s is found', async (_, sql, firstBadId, reason) => {
    await run(sql)
    await expectFound(firstBadId, reason)
  })

  it('that was cut off with its rows and the counter is found by KV, and the cron keeps that trace', async () => {
    await run('DELETE FROM audit_seals WHERE from_id = 21')
    await run('DELETE FROM audit_events WHERE id > 20')
    await run("UPDATE sqlite_sequence SET seq = 20 WHERE name = 'audit_events'")
    await expectFound(21, 'row_missing')
    const mark = await testEnv.KV.get(MARK)
    const linesBefore = logLines.length
    await seal()
    expect(logLines.slice(linesBefore).join()).toContain('"reason":"mark_unknown"')
    expect(await testEnv.KV.get(MARK)).toBe(mark)
    await signRows(20)
    await seal()
    await expectFound(21, 'seal_replaced')
  })

  it.each([
    ['text', 'not JSON', 'mark_changed'],
    ['another shape', '{"throughId":30}', 'mark_changed'],
  ])('in KV that is %s is reported without a row, after every row', async (_, value, reason) => {
    await testEnv.KV.delete(MARK)
    passTime(2)
    await testEnv.KV.put(MARK, value)
    dropKvCache()
    await expectFound(null, reason)
    await run('DELETE FROM audit_events WHERE id = 7')
    await expectFound(7, 'row_missing')
  })
})

describe('the triggers', () => {
  it.each([
    ['edited', 'UPDATE audit_seals SET sealed_at = 2'],
    ['given another head under another key', "UPDATE audit_seals SET key_id = 'x', mac = 'y', head = 'z'"],
    ['removed', 'DELETE FROM audit_seals'],
    ['replaced', "INSERT OR REPLACE INTO audit_seals VALUES (1, 40, 1, '', 'h', 1, 'k', 'm')"],
    ['replaced by its end', "INSERT OR REPLACE INTO audit_seals VALUES (5, 20, 1, '', 'h', 1, 'k', 'm')"],
  ])('S112: keep a seal from being %s', async (_, sql) => {
    await reset()
    await applyD1Migrations(testEnv.DB, testEnv.TEST_MIGRATIONS)
    await run("INSERT INTO audit_seals VALUES (1, 20, 20, '', 'h', 1, 'k', 'm')")
    await expect(run(sql)).rejects.toThrow('append-only')
    expect(
      await number(
        "SELECT count(*) AS n FROM audit_seals WHERE sealed_at = 1 AND key_id = 'k' AND through_id = 20",
      ),
    ).toBe(1)
  })
})

describe('the cron', () => {
  it('S112: seals each row once, also when two runs come together', async () => {
    passTime(61)
    await Promise.all([runCron(), runCron(), runCron()])
    dropKvCache()
    const { results } = await testEnv.DB.prepare(
      'SELECT from_id, through_id, row_count FROM audit_seals ORDER BY from_id',
    ).all()
    // The check in `beforeEach` has left row 36.
    expect(results).toEqual([
      { from_id: 1, through_id: 20, row_count: 20 },
      { from_id: 21, through_id: 30, row_count: 10 },
      { from_id: 31, through_id: 36, row_count: 6 },
    ])
    expect(await verify()).toMatchObject({ ok: true, sealed_through: 36 })
    expect(JSON.parse((await testEnv.KV.get(MARK)) ?? '')).toMatchObject({ throughId: 36 })
  })

  it('makes no seal and writes nothing to KV when nothing has happened', async () => {
    await seal()
    const writes = kv.writes
    await seal()
    expect([await number('SELECT count(*) AS n FROM audit_seals'), kv.writes]).toEqual([3, writes])
  })

  it('seals while KV is away, and marks the newest seal once it is back', async () => {
    kv.down = true
    await seal()
    kv.down = false
    expect(JSON.parse((await testEnv.KV.get(MARK)) ?? '')).toMatchObject({ throughId: 30 })
    dropKvCache()
    expect(await verify()).toMatchObject({ ok: true, sealed_through: 36 })
    await seal()
    expect(JSON.parse((await testEnv.KV.get(MARK)) ?? '')).toMatchObject({ throughId: 37 })
  })
})

describe('a long log', () => {
  it('S112: is sealed 500 rows at a time and checked whole, whatever happens meanwhile', async () => {
    await signRows(2_600)
    await seal()
    const { results } = await testEnv.DB.prepare(
      'SELECT row_count AS n FROM audit_seals ORDER BY from_id',
    ).all<{ n: number }>()
    expect(results.map(({ n }) => n)).toEqual([20, 10, 500, 500, 500, 500, 500, 106])
    const [verdict] = await Promise.all([verify(), seal(), signRows(200)])
    expect(verdict).toMatchObject({ ok: true, first_bad_id: null })
    expect(verdict.checked).toBeGreaterThanOrEqual(2_636)
    await run('UPDATE audit_events SET subject_id = 1 WHERE id = 2001')
    await expectFound(2001, 'row_changed')
  })

  it('is good under a newer key, and bad where the old key is gone', async () => {
    const newer = base64url(randomBytes(32))
    const ask = async (overrides: Record<string, unknown>) => {
      const send = await withSettings(overrides)
      const authorization = { Authorization: `Bearer ${boss.token}` }
      return (await send('GET', '/admin/audit-events/verify', undefined, authorization)).body
    }
    expect(await ask({ DATA_KEY_2: newer })).toMatchObject({ ok: true })
    const linesBefore = logLines.length
    expect(await ask({ DATA_KEY: newer })).toMatchObject({ ok: false, first_bad_id: 1 })
    expect(logLines.slice(linesBefore).join()).toContain('key_unknown')
  })
})

it('a row whose details are no JSON does not keep the log from being read', async () => {
  await run("UPDATE audit_events SET details = '{' WHERE id = 31")
  const list = await boss.get('/admin/audit-events')
  expect(list.body.items.find(({ id }: { id: number }) => id === 31).details).toEqual({ unreadable: '{' })
  expect((await caller(boss.token).get('/admin/audit-events/export')).text).toContain('"unreadable":"{"')
})
