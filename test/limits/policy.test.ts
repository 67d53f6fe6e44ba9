/** The rules as tables, and that SQL decides as they do. */
import { describe, expect, it } from 'vitest'
import { NOBODY, sessionSubject } from '../../src/limits/attempt.ts'
import {
  accountRule,
  describePolicy,
  describeStanding,
  deviceRule,
  judgeFailures,
  judgeWindow,
  tighter,
  waitAfter,
  windowRule,
} from '../../src/limits/policy.ts'
import { type Attempt, findTally, insertAttempt } from '../../src/limits/queries.ts'
import { openDatabase } from '../../src/platform/database.ts'
import { parseSettings, readSettings, type Settings } from '../../src/platform/settings.ts'
import { testEnv } from '../support/test-env.ts'

const NOW = 1_800_000_000
const db = openDatabase(testEnv.DB)

function settingsOf(overrides: Record<string, string> = {}): Settings {
  const outcome = parseSettings({ ...testEnv, ...overrides })
  if ('faults' in outcome) throw new Error(outcome.faults.join())
  return outcome.settings
}

const settings = settingsOf()
const account = accountRule(settings)
const nearby = windowRule('login', settings) ?? { limit: 0, seconds: 0 }

describe('the wait of an account', () => {
  it.each([
    [0, 0],
    [4, 0],
    [5, 60],
    [6, 120],
    [7, 240],
    [8, 480],
    [9, 900],
    [10, 900],
    [1_000, 900],
  ])('S22: after %i failures in a row is %i s', (failures, seconds) => {
    expect(waitAfter(failures, account)).toBe(seconds)
  })

  it('S22: there is none for a known device, whose attempts end instead', () => {
    expect(waitAfter(19, deviceRule(settings))).toBe(0)
    expect(waitAfter(20, deviceRule(settings))).toBeUndefined()
  })
})

/** failures, seconds since the last one, open places → attempts left, seconds to wait */
const FAILURES: [number, number, number, number, number][] = [
  [0, 0, 0, 5, 0],
  [1, 0, 0, 4, 0],
  [4, 0, 0, 1, 0],
  [4, 0, 1, 0, 30],
  [0, 0, 5, 0, 30],
  [2, 0, 2, 1, 0],
  [5, 0, 0, 0, 60],
  [5, 59, 0, 0, 1],
  [5, 60, 0, 1, 0],
  [5, 60, 1, 0, 30],
  [6, 119, 0, 0, 1],
  [9, 899, 0, 0, 1],
  [99, 900, 0, 1, 0],
  [100, 900, 0, 1, 0],
  [100, 10, 0, 0, 890],
]

/** that count, seconds since the oldest of them, open places → attempts left, seconds to wait */
const NEARBY: [number, number, number, number, number][] = [
  [0, 0, 0, 20, 0],
  [19, 0, 0, 1, 0],
  [19, 0, 1, 0, 30],
  [0, 0, 20, 0, 30],
  [20, 0, 0, 0, 300],
  [20, 299, 0, 0, 1],
]

async function addPlaces(
  count: number,
  row: { address?: string; subject?: string; at: number; counted: 0 | 1 },
) {
  for (let i = 0; i < count; i++) {
    await testEnv.DB.prepare('INSERT INTO throttle_attempts VALUES (?, ?, ?, ?, ?)')
      .bind(crypto.randomUUID(), row.address ?? null, row.subject ?? null, row.at, row.counted)
      .run()
  }
}

function attemptOf(subject: Attempt['subject'], address?: string): Attempt {
  const near = address === undefined ? undefined : { address, rule: nearby }
  const rules = { rule: account, deviceRule: deviceRule(settings) }
  return { id: crypto.randomUUID(), subject, near, ...rules, countsAlways: false, now: NOW }
}

describe('how a subject stands', () => {
  it.each(FAILURES)(
    'S22: after %i failures, the last %i s ago, with %i places taken: %i left, %i s to wait; SQL agrees',
    async (failures, ago, open, remaining, waitSeconds) => {
      const failedAt = NOW - ago
      expect(judgeFailures({ failures, failedAt, open }, account, NOW)).toEqual({ remaining, waitSeconds })
      const id = crypto.randomUUID()
      await testEnv.DB.prepare('INSERT INTO throttles VALUES (?, NULL, ?, ?)')
        .bind(`session:${id}`, failures, failedAt)
        .run()
      await addPlaces(open, { subject: `session:${id}`, at: NOW - 29, counted: 0 })
      await addPlaces(5, { subject: `session:${id}`, at: NOW - 30, counted: 0 })
      await addPlaces(5, { subject: `session:${id}`, at: NOW, counted: 1 })
      const attempt = attemptOf(sessionSubject(id, 1))
      expect((await findTally(db, attempt))[0]).toMatchObject({ failures, failedAt, open })
      expect(await insertAttempt(db, attempt)).toHaveLength(remaining > 0 ? 1 : 0)
    },
  )
})

describe('how an address stands', () => {
  it.each(NEARBY)(
    'S22: with %i that count, the oldest %i s ago, and %i places taken: %i left, %i s to wait; SQL agrees',
    async (counted, ago, open, remaining, waitSeconds) => {
      const tally = { counted, open, oldestAt: NOW - ago }
      expect(judgeWindow(tally, nearby, NOW)).toEqual({ remaining, waitSeconds })
      const address = `login ${crypto.randomUUID()}`
      await addPlaces(counted, { address, at: NOW - ago, counted: 1 })
      await addPlaces(open, { address, at: NOW - 29, counted: 0 })
      await addPlaces(5, { address, at: NOW - 30, counted: 0 })
      await addPlaces(5, { address, at: NOW - 300, counted: 1 })
      const attempt = attemptOf(NOBODY, address)
      const oldestAt = counted > 0 ? NOW - ago : 0
      expect((await findTally(db, attempt))[0]).toMatchObject({ counted, standing: counted + open, oldestAt })
      expect(await insertAttempt(db, attempt)).toHaveLength(remaining > 0 ? 1 : 0)
    },
  )
})

describe('what is announced', () => {
  it('S104: is the tighter of two', () => {
    const [few, none] = [
      { remaining: 2, waitSeconds: 0 },
      { remaining: 0, waitSeconds: 7 },
    ]
    expect(tighter(few, none)).toEqual(none)
    expect(tighter(few, { remaining: 9, waitSeconds: 0 })).toEqual(few)
  })

  it('S104: is a pair of structured fields', () => {
    const quota = { limit: 5, seconds: 60 }
    expect(describePolicy('login', quota)).toBe('"login";q=5;w=60')
    expect(describeStanding('login', quota, { remaining: 4, waitSeconds: 0 })).toBe('"login";r=4;t=60')
    expect(describeStanding('login', quota, { remaining: 0, waitSeconds: 58 })).toBe('"login";r=0;t=58')
  })
})

describe('the settings of the limits', () => {
  it('have the documented defaults', () => {
    const bare = Object.fromEntries(
      Object.entries(testEnv).filter(
        ([name]) => !/FAILURES|REGISTRATIONS|SIGN_IN_(?:WAIT|ADDRESS)/.test(name),
      ),
    )
    const outcome = parseSettings(bare)
    expect('settings' in outcome && outcome.settings).toEqual(
      (readSettings(testEnv) as { settings: Settings }).settings,
    )
  })

  it.each([
    ['PASSWORD_MAX_FAILURES', '101'],
    ['PASSWORD_MAX_FAILURES', '0'],
    ['SIGN_IN_WAIT_MINUTES', ''],
    ['SIGN_IN_WAIT_MINUTES', '0'],
    ['SIGN_IN_WAIT_MINUTES', '1,,2'],
    ['SIGN_IN_WAIT_MINUTES', '4,2'],
    ['SIGN_IN_ADDRESS_SECONDS', '59'],
    ['SIGN_IN_ACCOUNT_FAILURES', '0'],
    ['REGISTRATIONS_PER_MINUTE', '-1'],
  ])('S21: refuse %s=%s', (name, value) => {
    expect(parseSettings({ ...testEnv, [name]: value })).toEqual({ faults: [`${name}: not valid`] })
  })
})
