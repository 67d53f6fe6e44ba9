/** The Worker: requests go to the app, the cron to housekeeping. */
import { app } from './app.ts'
import { keepHouse } from './housekeeping/keep-house.ts'
import type { Env } from './platform/settings.ts'

export default {
  fetch: app.fetch,
  scheduled: (_controller, env, ctx) => ctx.waitUntil(keepHouse(env)),
} satisfies ExportedHandler<Env>
