// The platform's types that src/platform/settings.ts names. The whole of @cloudflare/workers-types as globals
// would put its URL and fetch in the place of Node's.
import type * as workers from '@cloudflare/workers-types'

declare global {
  type D1Database = workers.D1Database
  type KVNamespace = workers.KVNamespace
  type RateLimit = workers.RateLimit
  type SendEmail = workers.SendEmail
}
