import { beforeEach, describe, expect, it } from 'vitest'
import {
  alertsOf,
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
import { admin, type Person } from '../support/client.ts'
import { dropKvCache, kv, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const DAY = 86_400
const RETENTION = { AUDIT_RETENTION_DAYS: '30' }

let boss: Person

const expectFound = (firstBadId: number | null, reason: string) => expectFoundBy(boss, firstBadId, reason)
const sealedThrough = () => number('SELECT max(through_id) AS n FROM audit_seals WHERE through_id < 1000')

/** Seals that hold rows 1 to 20 and 21 to 30, and five rows that no seal holds. */
beforeEach(async () => {
  boss = await layDownLog()
})

describe('S112: a seal put in by hand', () => {
  const forge = (fromId: string, throughId: string) =>
    run(`INSERT INTO audit_seals SELECT ${fromId}, ${throughId}, row_count, head, 'forged', sealed_at, key_id, mac
         FROM audit_seals WHERE from_id = 21`)

  it.each([
    ['behind the newest', '31', '33', 31],
    ['behind the newest, as if more rows were sealed', '31', '900000', 31],
    ['before the first, as if all rows were sealed', '-3', '900000', 1],
    ['before every number, as if all rows were sealed', '-9223372036854775808', '900000', 1],
  ])('%s is reported by the cron and found by the check', async (_, fromId, throughId, firstBadId) => {
    await forge(fromId, throughId)
    // Each run says so, not only the first.
    await seal()
    const alerts = await alertsOf(() => seal())
    expect(alerts).toMatchObject([{ first_bad_id: 31, reason: 'seal_changed' }])
    expect(await sealedThrough()).toBe(throughId === '33' ? 33 : 30)
    await expectFound(firstBadId, 'seal_changed')
  })

  it('is no end of the sealing once it is gone', async () => {
    await forge('31', '33')
    await seal()
    await dropTriggers()
    await run("DELETE FROM audit_seals WHERE head = 'forged'")
    await seal()
    expect(await sealedThrough()).toBe(35)
    expect(await verifyAs(boss)).toMatchObject({ ok: true })
  })
})

describe('S112: a row put in by hand', () => {
  const forge = (id: string, member = 'mac', value = 'mac') => {
    const values: Record<string, string> = { details: "'{}'", key_id: 'key_id', mac: 'mac', [member]: value }
    return run(`INSERT INTO audit_events (id, event_id, occurred_at, event, outcome, details, key_id, mac)
      SELECT ${id}, 'forged', 1, 'audit.read', 'success', ${values['details']}, ${values['key_id']}, ${values['mac']}
      FROM audit_events WHERE id = 7`)
  }

  it('with the smallest number that there is is found', async () => {
    await forge('-9223372036854775808')
    expect(await verifyAs(boss)).toMatchObject({ ok: false })
  })

  it.each(['details', 'key_id', 'mac'])(
    'with bytes for its %s is found, and breaks nothing off',
    async (member) => {
      await forge('NULL', member, "x'00ff'")
      const alerts = await alertsOf(() => seal())
      expect(alerts).toMatchObject([{ first_bad_id: 36, reason: expect.stringMatching(/^row_/) }])
      expect(await sealedThrough()).toBe(35)
      await expectFound(36, alerts[0]?.['reason'] as string)
    },
  )
})

describe('S112: a row removed before it was sealed', () => {
  it.each([
    ['in the middle', 'id = 33', 33],
    ['at the end, before further ones', 'id > 34', 35],
  ])('%s is reported by the cron that seals the others, and found by the check', async (_, which, gone) => {
    await dropTriggers()
    await run(`DELETE FROM audit_events WHERE ${which}`)
    await signRows(2)
    expect(await alertsOf(() => seal())).toMatchObject([{ first_bad_id: gone, reason: 'row_missing' }])
    expect(await sealedThrough()).toBe(37)
    expect(await alertsOf(() => seal())).toEqual([])
    await expectFound(gone, 'row_missing')
  })
})

it('S112: INSERT OR REPLACE removes no row by the key of its group', async () => {
  await run(`INSERT INTO audit_events (event_id, occurred_at, event, outcome, details, group_key, key_id, mac)
             VALUES ('grouped', 1, 'access.refused', 'refused', '{}', 'g', 'k', 'm')`)
  const replace =
    run(`INSERT OR REPLACE INTO audit_events (event_id, occurred_at, event, outcome, details, group_key, key_id, mac)
             VALUES ('another', 1, 'access.refused', 'refused', '{}', 'g', 'k', 'm')`)
  await expect(replace).rejects.toThrow('audit_events is append-only')
  expect(await number("SELECT count(*) AS n FROM audit_events WHERE event_id = 'grouped'")).toBe(1)
})

describe('S109: retention', () => {
  it('waits for the mark in KV: a mark of a seal that went would be taken for a cut end', async () => {
    await seal()
    passTime(32 * DAY)
    await signRows(3)
    kv.down = true
    await seal(RETENTION)
    kv.down = false
    dropKvCache()
    expect(await alertsOf(() => seal(RETENTION))).toEqual([])
    expect(await number('SELECT min(id) AS n FROM audit_events')).toBe(36)
    boss = await admin()
    expect(await verifyAs(boss)).toMatchObject({ ok: true })
  })
})

describe('the mark in KV', () => {
  it.each([
    ['of a key that is gone', { keyId: '00000000' }, 'mark_key_unknown'],
    ['that was edited', { throughId: 29 }, 'mark_changed'],
  ])('%s is reported by the cron as the check does', async (_, change, reason) => {
    const mark = JSON.parse((await testEnv.KV.get(MARK)) ?? '')
    passTime(2)
    await testEnv.KV.put(MARK, JSON.stringify({ ...mark, ...change }))
    dropKvCache()
    expect(await alertsOf(() => seal())).toMatchObject([{ first_bad_id: null, reason }])
  })
})
