import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../platform/request-scope.ts'
import type { LimitName } from './policy.ts'
import { passRings } from './ring.ts'

const DEVICE_COOKIE = /(?:^|;\s*)__Host-device_token=/

/**
 * Declares the limit of a route: its outer rings are passed before the route does anything. The exact count is
 * taken in the route's own first read of the database, by `takePlace`.
 */
export function limit(name: LimitName) {
  return createMiddleware<AppEnv>(async function limit(c, next) {
    const hasDeviceToken =
      c.req.header('device-token') !== undefined || DEVICE_COOKIE.test(c.req.header('cookie') ?? '')
    await passRings(c.var.scope, name, hasDeviceToken)
    await next()
  })
}
