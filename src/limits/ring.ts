/**
 * The two outer rings, before any work: the platform's rate limit binding per client address against floods, and
 * the mark of an address that the database has found to be over its limit.
 */
import { Problem } from '../platform/problem.ts'
import { addressKey } from '../platform/request-facts.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { within } from '../platform/time-limit.ts'
import { findBlock } from './block-mark.ts'
import { announcedQuota, describePolicy, type LimitName, RING_SECONDS } from './policy.ts'
import { refuseAttempt } from './refusal.ts'

/** The binding counts in memory beside the Worker; if it takes seconds, it is broken. */
const ANSWER_WITHIN_MS = 2_000

/** The limits whose blocked addresses are marked in KV for long enough to be of use. */
const MARKED: readonly LimitName[] = ['login', 'reset', 'forgot', 'mfa']

/** What an address is counted under by the database and in KV. */
export function addressOf(limit: LimitName, scope: RequestScope): string {
  return `${limit} ${addressKey(scope.facts.address)}`
}

/**
 * Passes the outer rings, and announces the policy. Who sends a device token is counted apart, and no mark
 * holds it up: the database knows whether the device is known, and other people's failures are not its own.
 * @throws Problem `too_many_requests`; `unavailable` when the binding cannot tell
 */
export async function passRings(scope: RequestScope, limit: LimitName, hasDeviceToken = false) {
  scope.answerHeaders['RateLimit-Policy'] = describePolicy(limit, announcedQuota(limit, scope.settings))
  const { now } = scope.facts
  const isMarked = MARKED.includes(limit) && !hasDeviceToken
  const [isWithin, blockedUntil] = await Promise.all([
    spend(scope, limit, hasDeviceToken),
    isMarked ? findBlock(scope.kv, addressOf(limit, scope), now) : 0,
  ])
  if (!isWithin) throw refuseAttempt(scope, limit, { by: 'ring', waitSeconds: RING_SECONDS })
  if (blockedUntil > now) throw refuseAttempt(scope, limit, { by: 'mark', waitSeconds: blockedUntil - now })
}

/** Takes one from the address's share of the minute; false when there is none. */
async function spend(scope: RequestScope, limit: LimitName, hasDeviceToken: boolean): Promise<boolean> {
  const { rings, facts } = scope
  const ring = limit === 'register' || limit === 'export' ? rings.registration : rings.signIn
  const isApart = limit === 'refresh' || limit === 'export'
  const apart = isApart ? `${limit} ` : hasDeviceToken ? 'device ' : ''
  // In an async function, so that a binding that throws at once is caught as well.
  const ask = async () => ring.limit({ key: apart + addressKey(facts.address) })
  const { success } = await within(ANSWER_WITHIN_MS, ask()).catch((cause: unknown) => {
    throw new Problem('unavailable', { reason: 'rate limit binding', cause })
  })
  return success
}
