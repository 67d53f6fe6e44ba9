/** An audit log to tamper with: genuine rows in any number, seals, and a look at what the check says. */
import { applyD1Migrations, reset } from 'cloudflare:test'
import { expect } from 'vitest'
import { type SignedAuditEvent, signAuditEvent } from '../../src/audit/queries.ts'
import { loadKeys } from '../../src/platform/keys.ts'
import { parseSettings } from '../../src/platform/settings.ts'
import { admin, type Person } from './client.ts'
import { runCron, seeKeys } from './cron.ts'
import { dropKvCache, logLines, passTime } from './production-limits.ts'
import { testEnv } from './test-env.ts'

export const MARK = 'audit-seal:newest'

export const run = (sql: string) => testEnv.DB.prepare(sql).run()
export const number = async (sql: string) => Number(await testEnv.DB.prepare(sql).first<number>('n'))

/** The keys of the Worker under test, with some settings replaced. */
export async function keysUnder(overrides: Record<string, unknown> = {}) {
  const outcome = parseSettings({ ...testEnv, ...overrides })
  if ('faults' in outcome) throw new Error(outcome.faults.join())
  return loadKeys(outcome.settings)
}

const COLUMNS: Record<keyof SignedAuditEvent, string> = {
  eventId: 'event_id',
  occurredAt: 'occurred_at',
  event: 'event',
  outcome: 'outcome',
  reason: 'reason',
  actorId: 'actor_id',
  subjectId: 'subject_id',
  sessionId: 'session_id',
  address: 'address',
  userAgent: 'user_agent',
  requestId: 'request_id',
  details: 'details',
  groupKey: 'group_key',
  keyId: 'key_id',
  mac: 'mac',
}

const INSERT = `INSERT INTO audit_events (${Object.values(COLUMNS).join(', ')})
  SELECT ${Object.keys(COLUMNS)
    .map((member) => `value ->> '${member}'`)
    .join(', ')} FROM json_each(?)`

/** Writes rows that the Worker itself has signed, a thousand in a statement. */
export async function signRows(count: number, overrides?: Record<string, unknown>): Promise<void> {
  const { auditMac } = await keysUnder(overrides)
  const origin = { now: 1_767_225_600, address: '203.0.113.7', userAgent: 'Workshop tablet', requestId: 'r' }
  for (let done = 0; done < count; done += 1_000) {
    const events = Array.from({ length: Math.min(1_000, count - done) }, (_, index) =>
      signAuditEvent(auditMac, origin, {
        event: 'ticket.created',
        outcome: 'success',
        actorId: 1,
        details: { ticket_id: done + index + 1 },
      }),
    )
    await testEnv.DB.prepare(INSERT)
      .bind(JSON.stringify(await Promise.all(events)))
      .run()
  }
}

/** KV takes one write a second for a key, and serves what it has cached for a minute. */
export async function seal(overrides?: Record<string, unknown>): Promise<void> {
  passTime(61)
  await runCron(overrides)
  dropKvCache()
}

export async function dropTriggers(): Promise<void> {
  for (const table of ['audit_events', 'audit_seals', 'audit_stubs']) {
    for (const what of ['update', 'delete', 'replace', 'insert']) {
      await run(`DROP TRIGGER IF EXISTS ${table}_refuse_${what}`)
    }
  }
}

/** The alert lines that something has left. */
export async function alertsOf(act: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const linesBefore = logLines.length
  await act()
  const lines = logLines.slice(linesBefore).map((line) => JSON.parse(line))
  return lines.filter(({ level }) => level === 'alert')
}

export const verifyAs = async (boss: Person) => (await boss.get('/admin/audit-events/verify')).body

/** The check names this row, in its answer, in an alert and in an event. */
export async function expectFound(boss: Person, firstBadId: number | null, reason: string): Promise<void> {
  const alerts = await alertsOf(async () => {
    expect(await verifyAs(boss)).toMatchObject({ ok: false, first_bad_id: firstBadId })
  })
  expect(alerts).toEqual([
    { level: 'alert', message: 'audit_verification_failed', first_bad_id: firstBadId, reason },
  ])
  const event = await testEnv.DB.prepare('SELECT * FROM audit_events ORDER BY id DESC LIMIT 1').first<any>()
  expect([event.event, event.outcome, event.reason, JSON.parse(event.details).first_bad_id]).toEqual([
    'audit.verified',
    'failure',
    reason,
    firstBadId,
  ])
}

/**
 * An empty database with a log in it: seals that hold rows 1 to 20 and 21 to 30, and five rows that no seal holds.
 * Gives an admin who may check it.
 */
export async function layDownLog(): Promise<Person> {
  await reset()
  dropKvCache()
  await applyD1Migrations(testEnv.DB, testEnv.TEST_MIGRATIONS)
  const boss = await admin()
  await seeKeys()
  await signRows(20 - (await number('SELECT count(*) AS n FROM audit_events')))
  await seal()
  await signRows(10)
  await seal()
  await signRows(5)
  return boss
}

/** What the log says of a thing of the shop: events that begin so, with this id under this name in their details. */
export async function eventsAbout(kind: string, member: string, id: number) {
  const { results } = await testEnv.DB.prepare(
    `SELECT event, actor_id, details FROM audit_events
     WHERE event LIKE ?1 || '.%' AND json_extract(details, '$.' || ?2) = ?3 ORDER BY id`,
  )
    .bind(kind, member, id)
    .all<{ event: string; actor_id: number; details: string }>()
  return results
}
