/** The bindings of the Worker under test, and the migrations that the config passes along. */
import type { D1Migration } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/platform/settings.ts'

export const testEnv = env as unknown as Env & { TEST_MIGRATIONS: D1Migration[] }

// After a local rotation .dev.vars has numbered keys, and they would make what is new in the place of the run's own.
for (const name of Object.keys(testEnv)) if (/^(SECRET|DATA)_KEY_/.test(name)) delete testEnv[name]
