/**
 * Who may try how often: the rules, and what the RateLimit headers say of them
 * (draft-ietf-httpapi-ratelimit-headers-10). Pure; the same conditions stand as SQL in `queries`.
 */
import type { Settings } from '../platform/settings.ts'

/** The limits that a route can name. */
export type LimitName =
  | 'login'
  | 'register'
  | 'refresh'
  | 'reset'
  | 'forgot'
  | 'password'
  | 'invite'
  | 'mfa'
  | 'sms'
  | 'export'

/** Consecutive failures: so many are free, then there is a wait before each further attempt. */
export interface FailureRule {
  readonly free: number
  /** In seconds, for the failures from `free` on; the last one repeats. Empty: no further attempt. */
  readonly waits: readonly number[]
}

/** So many of an address in a window that slides. */
export interface WindowRule {
  readonly limit: number
  readonly seconds: number
}

/** How long an attempt keeps a place of which nothing is heard: longer than a sign-in that waits for its turn. */
export const PLACE_SECONDS = 30

/** So many wrong passwords in a row end the session in which they were sent. */
export const SESSION_MAX_FAILURES = 20

/** So many invitations a minute can come from one admin: each is a mail to somebody. */
export const INVITATIONS_PER_MINUTE = 10

/** So many wrong codes in a row disable the codes of an app (NIST SP 800-63B-4 §3.2.2). */
export const FACTOR_MAX_FAILURES = 100

/** So many codes by SMS are sent within an hour to one number, and of one account. */
export const SMS_PER_HOUR = 3
const HOUR_SECONDS = 3_600

/** What the binding allows in a minute; wrangler.toml says so, too, and a test compares. */
export const RING_REQUESTS = 30
export const RING_SECONDS = 60

/** The same of the smaller ring, for registrations and exports. */
export const SMALL_RING_REQUESTS = 10

/** No more are free, and so under way at once, than disable the password: at most 100 (NIST SP 800-63B-4 §3.2.2). */
export function accountRule(settings: Settings): FailureRule {
  const { signInAccountFailures, passwordMaxFailures, signInWaitMinutes } = settings
  return {
    free: Math.min(signInAccountFailures, passwordMaxFailures),
    waits: signInWaitMinutes.map((minutes) => minutes * 60),
  }
}

/** Of a session that checks the current password: no more are free than end it. */
export function sessionRule(settings: Settings): FailureRule {
  const rule = accountRule(settings)
  return { ...rule, free: Math.min(rule.free, SESSION_MAX_FAILURES) }
}

/** A known device does not wait: after its last failure it is not known any more. */
export function deviceRule({ deviceMaxFailures }: Settings): FailureRule {
  return { free: deviceMaxFailures, waits: [] }
}

/** Of these no address is counted by the database. */
const COUNTED_BY_OTHERS: readonly LimitName[] = ['refresh', 'password', 'export', 'sms']

/** What of an address, or of an admin who invites, is counted by the database; undefined where the ring alone counts. */
export function windowRule(limit: LimitName, settings: Settings): WindowRule | undefined {
  if (limit === 'register') return { limit: settings.registrationsPerMinute, seconds: 60 }
  if (limit === 'invite') return { limit: INVITATIONS_PER_MINUTE, seconds: 60 }
  if (COUNTED_BY_OTHERS.includes(limit)) return undefined
  return { limit: settings.signInAddressFailures, seconds: settings.signInAddressSeconds }
}

export interface FailureTally {
  readonly failures: number
  /** Unix seconds. */
  readonly failedAt: number
  /** Places that are taken. */
  readonly open: number
}

export interface WindowTally {
  readonly counted: number
  readonly open: number
  /** When the oldest of those that count came, in unix seconds. */
  readonly oldestAt: number
}

/** How things stand: so many attempts are left; if none, so many seconds until there is one. */
export interface Standing {
  readonly remaining: number
  readonly waitSeconds: number
}

/** The wait after so many failures, in seconds; undefined when there is no further attempt. */
export function waitAfter(failures: number, { free, waits }: FailureRule): number | undefined {
  return failures < free ? 0 : waits[Math.min(failures - free, waits.length - 1)]
}

/** How a subject stands: `free` attempts, counting those that are under way; then one after each wait. */
export function judgeFailures(tally: FailureTally, rule: FailureRule, now: number): Standing {
  const wait = waitAfter(tally.failures, rule)
  const left = wait === undefined ? PLACE_SECONDS : tally.failedAt + wait - now
  if (tally.failures >= rule.free && (wait === undefined || left > 0)) {
    return { remaining: 0, waitSeconds: left }
  }
  const places = Math.max(1, rule.free - tally.failures) - tally.open
  return places > 0 ? { remaining: places, waitSeconds: 0 } : { remaining: 0, waitSeconds: PLACE_SECONDS }
}

/** How an address stands. */
export function judgeWindow(tally: WindowTally, rule: WindowRule, now: number): Standing {
  if (tally.counted >= rule.limit) {
    return { remaining: 0, waitSeconds: Math.max(1, tally.oldestAt + rule.seconds - now) }
  }
  const places = rule.limit - tally.counted - tally.open
  return places > 0 ? { remaining: places, waitSeconds: 0 } : { remaining: 0, waitSeconds: PLACE_SECONDS }
}

/** What holds when both do. */
export function tighter(one: Standing, other: Standing): Standing {
  return {
    remaining: Math.min(one.remaining, other.remaining),
    waitSeconds: Math.max(one.waitSeconds, other.waitSeconds),
  }
}

/** What a limit announces: so many attempts, and the seconds that the first wait lasts. */
export function announcedQuota(limit: LimitName, settings: Settings): WindowRule {
  if (limit === 'login' || limit === 'mfa') return quotaOf(accountRule(settings), settings)
  if (limit === 'password') return quotaOf(sessionRule(settings), settings)
  if (limit === 'sms') return { limit: SMS_PER_HOUR, seconds: HOUR_SECONDS }
  if (limit === 'export') return { limit: SMALL_RING_REQUESTS, seconds: RING_SECONDS }
  return windowRule(limit, settings) ?? { limit: RING_REQUESTS, seconds: RING_SECONDS }
}

export function quotaOf({ free }: FailureRule, { signInWaitMinutes }: Settings): WindowRule {
  return { limit: free, seconds: (signInWaitMinutes[0] ?? 1) * 60 }
}

/** The field RateLimit-Policy. */
export function describePolicy(limit: LimitName, quota: WindowRule): string {
  return `"${limit}";q=${quota.limit};w=${quota.seconds}`
}

/** The field RateLimit. While attempts are left, `t` is the policy's window: no clock gives them back sooner. */
export function describeStanding(
  limit: LimitName,
  quota: WindowRule,
  { remaining, waitSeconds }: Standing,
): string {
  return `"${limit}";r=${remaining};t=${remaining > 0 ? quota.seconds : waitSeconds}`
}
