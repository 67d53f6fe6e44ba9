/** Better Auth with e-mail and password on D1, as its documentation sets it up for production. */

import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { betterAuth } from 'better-auth/minimal'
import { drizzle } from 'drizzle-orm/d1'
import * as schema from './schema.ts'

interface Env {
  DB: D1Database
  BETTER_AUTH_SECRET: string
}

type Auth = ReturnType<typeof createAuth>

/** One instance for each `env`: the bench has one that counts. */
const instances = new WeakMap<Env, Auth>()

function createAuth(env: Env) {
  return betterAuth({
    baseURL: 'https://shop.example',
    secret: env.BETTER_AUTH_SECRET,
    // `minimal` with an ORM's adapter is what the documentation names for a small bundle.
    database: drizzleAdapter(drizzle(env.DB, { schema }), { provider: 'sqlite', schema }),
    emailAndPassword: { enabled: true },
    advanced: { ipAddress: { ipAddressHeaders: ['cf-connecting-ip'] } },
    // On by default; at 3 sign-ins in 10 s there would be nothing to measure.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
  })
}

export default {
  fetch(request, env) {
    const auth = instances.get(env) ?? createAuth(env)
    instances.set(env, auth)
    return auth.handler(request)
  },
} satisfies ExportedHandler<Env>
