/** One run of the cron, with all that it leaves to finish. */
import { createScheduledController } from 'cloudflare:test'
import worker from '../../src/index.ts'
import { testEnv } from './test-env.ts'

export async function runCron(): Promise<void> {
  const waiting: Promise<unknown>[] = []
  const ctx = {
    waitUntil: (promise: Promise<unknown>) => waiting.push(promise),
    arrivals: () => 0,
  } as unknown as ExecutionContext
  worker.scheduled(createScheduledController(), testEnv, ctx)
  await Promise.all(waiting)
}
