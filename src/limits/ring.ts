/**
 * The outer ring against floods and brute force: the platform's rate limit binding, per client address,
 * before any work is done.
 */
import { createMiddleware } from 'hono/factory'
import { Problem } from '../platform/problem.ts'
import { addressKey } from '../platform/request-facts.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { within } from '../platform/time-limit.ts'

/** The binding counts in memory beside the Worker; if it takes seconds, it is broken. */
const ANSWER_WITHIN_MS = 2_000

/** Spends one request of the ring before the route does anything. What has a name is counted apart. */
export function shed(ring: 'SIGN_IN_RING' | 'REGISTRATION_RING', name = '') {
  return createMiddleware<AppEnv>(async function shed(c, next) {
    await spend(c.env[ring], c.var.facts.address, name)
    await next()
  })
}

/**
 * Takes one from an address's share of the minute.
 * @throws Problem `too_many_requests`; `unavailable` when that cannot be told
 */
export async function spend(ring: RateLimit, address: string | undefined, name = ''): Promise<void> {
  // In an async function, so that a binding that throws at once is caught as well.
  const ask = async () => ring.limit({ key: name + addressKey(address) })
  const { success } = await within(ANSWER_WITHIN_MS, ask()).catch((cause: unknown) => {
    throw new Problem('unavailable', { reason: 'rate limit binding', cause })
  })
  if (!success) throw new Problem('too_many_requests')
}
