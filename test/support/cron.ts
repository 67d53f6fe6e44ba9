/** One run of the cron, with all that it leaves to finish. */
import { createScheduledController } from 'cloudflare:test'
import worker from '../../src/index.ts'
import { insertKey } from '../../src/keys/queries.ts'
import { openDatabase } from '../../src/platform/database.ts'
import { describeKeys } from '../../src/platform/keys.ts'
import { parseSettings } from '../../src/platform/settings.ts'
import { testEnv } from './test-env.ts'

/** With some variables, secrets or bindings replaced; undefined removes one. */
export async function runCron(overrides: Record<string, unknown> = {}): Promise<void> {
  const env = { ...testEnv, ...overrides }
  for (const [name, value] of Object.entries(overrides)) if (value === undefined) delete env[name]
  const waiting: Promise<unknown>[] = []
  const ctx = {
    waitUntil: (promise: Promise<unknown>) => waiting.push(promise),
    arrivals: () => 0,
  } as unknown as ExecutionContext
  worker.scheduled(createScheduledController(), env, ctx)
  await Promise.all(waiting)
}

/** The keys are written down, as after the first run of all, but without the events that this is. */
export async function seeKeys(): Promise<void> {
  const outcome = parseSettings(testEnv)
  if ('faults' in outcome) throw new Error('settings')
  const db = openDatabase(testEnv.DB)
  const now = Math.floor(Date.now() / 1000)
  for (const key of await describeKeys(outcome.settings)) await insertKey(db, key, now)
}
