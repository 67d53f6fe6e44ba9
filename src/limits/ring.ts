/**
 * The outer ring against floods and brute force: the platform's rate limit binding, per client address,
 * before any work is done.
 */
import { createMiddleware } from 'hono/factory'
import { Problem } from '../platform/problem.ts'
import { addressKey } from '../platform/request-facts.ts'
import type { AppEnv } from '../platform/request-scope.ts'

/** Spends one request of the ring before the route does anything. */
export function shed(ring: 'SIGN_IN_RING' | 'REGISTRATION_RING') {
  return createMiddleware<AppEnv>(async function shed(c, next) {
    await spend(c.env[ring], c.var.facts.address)
    await next()
  })
}

/**
 * Takes one from an address's share of the minute.
 * @throws Problem `too_many_requests`; `unavailable` when that cannot be told
 */
export async function spend(ring: RateLimit, address: string | undefined): Promise<void> {
  const { success } = await ring.limit({ key: addressKey(address) }).catch((cause: unknown) => {
    throw new Problem('unavailable', { reason: 'rate limit binding', cause })
  })
  if (!success) throw new Problem('too_many_requests')
}
