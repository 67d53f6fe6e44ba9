/**
 * Refusing an attempt: 429, its headers, and one audit row per address or account, limit and five minutes. The
 * row is written off the request's path and its count ever more seldom, so that a flood of refusals is no flood
 * of writes. Accounts that do not exist share one: a refusal costs no derivation, and addresses cost nothing.
 */
import type { LimitKeeper } from '../audit/events.ts'
import { GROUP_SECONDS, recordGrouped } from '../audit/refusal.ts'
import { setBounded } from '../platform/bounded-map.ts'
import { Problem } from '../platform/problem.ts'
import { addressKey } from '../platform/request-facts.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { announcedQuota, describeStanding, type LimitName, type WindowRule } from './policy.ts'

interface Refusal {
  readonly by: LimitKeeper
  /** Until there is an attempt again. */
  readonly waitSeconds: number
  /** Whose attempts are used up, where it is an account's. */
  readonly accountId?: number | undefined
  readonly quota?: WindowRule
}

/** Refusals of this isolate by group. */
const refused = new Map<string, number>()
const MAX_GROUPS = 10_000

/** Announces and records a refusal, and gives the problem to throw. */
export function refuseAttempt(scope: RequestScope, limit: LimitName, refusal: Refusal): Problem {
  const waitSeconds = Math.max(1, refusal.waitSeconds)
  const quota = refusal.quota ?? announcedQuota(limit, scope.settings)
  scope.answerHeaders['RateLimit'] = describeStanding(limit, quota, { remaining: 0, waitSeconds })
  scope.waitUntil(recordRefusal(scope, limit, refusal).catch(() => undefined))
  return new Problem('too_many_requests', {
    reason: `${limit}: ${refusal.by}`,
    headers: { 'Retry-After': String(waitSeconds) },
  })
}

/**
 * The 1st, 2nd, 4th, 8th … refusal of a group is written, with those between: the stored count is at least half
 * of the true one. Accepted, because each refusal would cost a write otherwise.
 */
async function recordRefusal(scope: RequestScope, limit: LimitName, { by, accountId }: Refusal) {
  const { facts } = scope
  const window = Math.floor(facts.now / GROUP_SECONDS)
  const ofAddress = by === 'email' ? by : addressKey(facts.address)
  const whose = accountId === undefined ? ofAddress : `account:${accountId}`
  const groupKey = ['limit.exceeded', limit, whose, window].join(' ')
  const times = (refused.get(groupKey) ?? 0) + 1
  setBounded(refused, groupKey, times, MAX_GROUPS)
  const isPowerOfTwo = (times & (times - 1)) === 0
  if (!isPowerOfTwo) return
  await recordGrouped(
    scope,
    {
      event: 'limit.exceeded',
      outcome: 'refused',
      details: { limit, by },
      groupKey,
      ...(accountId !== undefined && { subjectId: accountId }),
    },
    Math.ceil(times / 2),
  )
}
