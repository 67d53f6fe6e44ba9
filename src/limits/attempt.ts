/**
 * The exact ring. A place is taken in the batch of a route's first read, before any derivation; how the attempt
 * ended is written in the batch of its last. A request that ends in any other way leaves the place to lapse.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuditEvent, type SignedAuditEvent } from '../audit/queries.ts'
import { randomId } from '../crypto/random.ts'
import type { Owner } from '../notices/notice.ts'
import { answered, type Database } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { MIN_MARK_SECONDS, markBlocked } from './block-mark.ts'
import { disablePassword } from './disable-password.ts'
import {
  accountRule,
  describePolicy,
  describeStanding,
  deviceRule,
  type FailureTally,
  judgeFailures,
  judgeWindow,
  type LimitName,
  quotaOf,
  type Standing,
  sessionRule,
  tighter,
  windowRule,
} from './policy.ts'
import {
  type Attempt,
  countAttempt,
  countFailure,
  deleteAttempt,
  deleteThrottles,
  findTally,
  insertAttempt,
  type Tally,
} from './queries.ts'
import { refuseAttempt } from './refusal.ts'
import { addressOf } from './ring.ts'
import { accountKey, isSessionKey, sessionKey } from './subject-keys.ts'

/** A place that was given, and what was counted before it. */
export interface Place {
  readonly limit: LimitName
  readonly attempt: Attempt
  readonly tally: Tally
}

type SubjectKind = 'account' | 'account-factor' | 'device' | 'session' | 'email'

/** The subject of an attempt of which the address alone is counted. */
export const NOBODY = sql`SELECT NULL AS key, NULL AS account_id, NULL AS device_id`

/** A signed-in person's attempt at the own password: counted by session, whatever strangers do to the account. */
export function sessionSubject(sessionId: string, accountId: number): SQL {
  return sql`SELECT ${sessionKey(sessionId)} AS key, ${accountId} AS account_id, NULL AS device_id`
}

/** Unix seconds at this moment: waits begin when an attempt ends, not when its request came. */
const clock = () => Math.floor(Date.now() / 1000)

/** An attempt of a subject, which is what `Attempt.subject` says; counted by client address as well, or by whom else is said. */
export function beginAttempt(
  scope: RequestScope,
  limit: LimitName,
  subject: SQL,
  address = addressOf(limit, scope),
): Attempt {
  const rule = windowRule(limit, scope.settings)
  return {
    id: randomId(),
    subject,
    rule: limit === 'password' ? sessionRule(scope.settings) : accountRule(scope.settings),
    deviceRule: deviceRule(scope.settings),
    near: rule && { address, rule },
    // None of these is an attempt that could fail or succeed: each that gets here counts.
    countsAlways: limit === 'register' || limit === 'forgot' || limit === 'invite',
    now: clock(),
  }
}

/** The two statements that take a place; `admit` reads what they answer. */
export function takePlace(db: Database, attempt: Attempt) {
  return [findTally(db, attempt), insertAttempt(db, attempt)] as const
}

/**
 * The place, if it was given.
 * @throws Problem `too_many_requests`
 */
export function admit(
  scope: RequestScope,
  limit: LimitName,
  attempt: Attempt,
  [tally]: readonly Tally[],
  taken: readonly unknown[],
): Place {
  if (!tally) throw new TypeError('a subject without a row')
  const place = { limit, attempt, tally }
  if (tally.deviceId !== null)
    scope.answerHeaders['RateLimit-Policy'] = describePolicy(limit, quotaFor(scope, place))
  if (taken.length > 0) {
    if (attempt.countsAlways) announce(scope, place, judgeAddress(place, 1, attempt.now))
    return place
  }
  throw refusePlace(scope, place)
}

function refusePlace(scope: RequestScope, place: Place) {
  const { limit, attempt, tally } = place
  const [bySubject, byAddress] = [
    judgeSubject(place, tally, attempt.now),
    judgeAddress(place, 0, attempt.now),
  ]
  const { waitSeconds } = tighter(bySubject, byAddress)
  if (bySubject.remaining > 0) {
    // Failures alone: a place that is open may be given back at any moment, and a mark may not.
    const isBlocked = attempt.near !== undefined && tally.counted >= attempt.near.rule.limit
    if (isBlocked && waitSeconds >= MIN_MARK_SECONDS) {
      const { address } = attempt.near
      scope.waitUntil(markBlocked(scope.kv, address, attempt.now + waitSeconds, attempt.now))
    }
    return refuseAttempt(scope, limit, { by: 'address', waitSeconds, quota: quotaFor(scope, place) })
  }
  const by = tally.key?.replace(/:.*/, '') as SubjectKind
  const accountId = tally.accountId ?? undefined
  return refuseAttempt(scope, limit, { by, waitSeconds, accountId, quota: quotaFor(scope, place) })
}

/** Too many failures in a row: no password is right any more, except from a known device. */
export function isPasswordDisabled({ settings }: RequestScope, { tally }: Place): boolean {
  return tally.deviceId === null && tally.failures >= settings.passwordMaxFailures
}

/**
 * Writes a failed attempt: it counts against its address and in the row of its subject, and in that of the account
 * whose password was guessed. `consequences` follow in the same batch; `owner` of the account, if there is one, hears of it
 * when it disables the password. Gives the failures of the subject.
 * @throws Problem `unavailable`
 */
export async function recordFailure(
  scope: RequestScope,
  place: Place,
  event: SignedAuditEvent,
  owner: Owner | undefined,
  consequences: readonly BatchItem<'sqlite'>[] = [],
): Promise<number> {
  const { db } = scope
  const { attempt, tally } = place
  const now = clock()
  const key = tally.key ?? ''
  const isOfSession = isSessionKey(key)
  const disabling = await disablePassword(scope, tally, attempt.rule.free, owner)
  const [, [own], ...rest] = await answered(
    db.batch([
      countAttempt(db, attempt.id),
      countFailure(db, key, tally.accountId, now),
      ...(isOfSession && tally.accountId !== null
        ? [countFailure(db, accountKey(tally.accountId), tally.accountId, now)]
        : []),
      insertAuditEvent(db, event),
      ...disabling.statements,
      ...consequences,
    ]),
  )
  const failures = own?.failures ?? tally.failures + 1
  const ofAccount = isOfSession ? (rest[0] as { failures: number }[])[0]?.failures : own?.failures
  if (isCeiling(scope, tally, ofAccount)) {
    logAlert('throttle_ceiling', { account_id: tally.accountId, request_id: scope.facts.requestId })
    disabling.sendSoon()
  }
  announceFailure(scope, place, failures, now)
  return failures
}

/** Announces how things stand after a failure, of which the subject has so many now. */
export function announceFailure(scope: RequestScope, place: Place, failures: number, now = clock()): void {
  const counted = judgeSubject(place, { failures, failedAt: now, open: 0 }, now)
  announce(scope, place, tighter(counted, judgeAddress(place, 1, now)))
}

function isCeiling({ settings }: RequestScope, tally: Tally, failures: number | undefined): boolean {
  if (tally.accountId === null || tally.deviceId !== null) return false
  return failures === settings.passwordMaxFailures
}

/** Writes a failure that counts against the address alone. */
export async function recordAddressFailure(scope: RequestScope, place: Place): Promise<void> {
  await answered(countAttempt(scope.db, place.attempt.id))
  announce(scope, place, judgeAddress(place, 1, clock()))
}

/** For the batch of a success: gives the place back and ends the counts of the subject and the account. */
export function clearFailures({ db }: RequestScope, { attempt, tally }: Place, when: SQL) {
  const { key, accountId } = tally
  const keys = [key, accountId === null ? null : accountKey(accountId)].filter((one) => one !== null)
  const given = deleteAttempt(db, attempt.id, when)
  // One count, and nothing in it: what others count beside this attempt comes after its success.
  if (keys.every((one) => one === key) && tally.failures === 0) return [given]
  return [given, deleteThrottles(db, keys, when)]
}

/** Announces how things stand after a success. */
export function announceSuccess(scope: RequestScope, place: Place): void {
  const now = clock()
  const cleared = judgeSubject(place, { failures: 0, failedAt: 0, open: 0 }, now)
  announce(scope, place, tighter(cleared, judgeAddress(place, 0, now)))
}

const UNLIMITED: Standing = { remaining: Number.MAX_SAFE_INTEGER, waitSeconds: 0 }

function judgeSubject({ attempt, tally }: Place, counted: FailureTally, now: number): Standing {
  if (tally.key === null) return UNLIMITED
  return judgeFailures(counted, tally.deviceId === null ? attempt.rule : attempt.deviceRule, now)
}

/** The address with so many more that count. */
function judgeAddress({ attempt, tally }: Place, more: 0 | 1, now: number): Standing {
  if (!attempt.near || tally.deviceId !== null) return UNLIMITED
  const { counted, standing, oldestAt } = tally
  const after = { counted: counted + more, open: standing - counted, oldestAt: oldestAt || attempt.now }
  return judgeWindow(after, attempt.near.rule, now)
}

function quotaFor({ settings }: RequestScope, { attempt, tally }: Place) {
  if (tally.deviceId !== null) return quotaOf(attempt.deviceRule, settings)
  return tally.key === null && attempt.near ? attempt.near.rule : quotaOf(attempt.rule, settings)
}

function announce(scope: RequestScope, place: Place, standing: Standing): void {
  const quota = quotaFor(scope, place)
  scope.answerHeaders['RateLimit'] = describeStanding(place.limit, quota, standing)
}
