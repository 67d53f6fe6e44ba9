/**
 * How often the second factor of an account can be guessed at: one budget, whatever the challenge, the session and
 * the address. Five codes are free, then there are the waits of a password; a hundred wrong ones in a row disable
 * the codes of an app, and a right code, which a recovery code is as well, begins the count anew.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { announceFailure, beginAttempt, type Place } from '../limits/attempt.ts'
import { announcedQuota, describePolicy, FACTOR_MAX_FAILURES } from '../limits/policy.ts'
import {
  countAttempt,
  countFailure,
  deleteAttempt,
  deleteThrottles,
  factorKey,
  hasFailures,
} from '../limits/queries.ts'
import { answered } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { CodeFailure } from './code.ts'

/** A signed-in person's attempt at the own second factor. */
export function factorSubject(accountId: number): SQL {
  return sql`SELECT ${factorKey(accountId)} AS key, ${accountId} AS account_id, NULL AS device_id`
}

/** An attempt at a second factor; the limit of the route may be another, so this one is announced. */
export function beginFactorAttempt(scope: RequestScope, subject: SQL) {
  scope.answerHeaders['RateLimit-Policy'] = describePolicy('mfa', announcedQuota('mfa', scope.settings))
  return beginAttempt(scope, 'mfa', subject)
}

interface WrongCode {
  readonly accountId: number
  /** Of a person who is signed in. */
  readonly sessionId?: string
  readonly method: string
  readonly reason: CodeFailure
}

/**
 * Writes a wrong code; `consequences` follow in the same batch. A right one that somebody was quicker with is told to the
 * log, and not counted: who presses a button twice has not guessed.
 * @throws Problem `unavailable`
 */
export async function recordWrongCode(
  scope: RequestScope,
  place: Place,
  wrong: WrongCode,
  consequences: readonly BatchItem<'sqlite'>[] = [],
): Promise<void> {
  const { db, keys, facts } = scope
  const { accountId, sessionId, method, reason } = wrong
  const key = factorKey(accountId)
  const whom = { outcome: 'failure', subjectId: accountId } as const
  const who = sessionId === undefined ? whom : { ...whom, actorId: accountId, sessionId }
  const failed = await signAuditEvent(keys.auditMac, facts, {
    ...who,
    event: 'factor.check_failed',
    reason,
    details: { method },
  })
  if (reason === 'code_used') {
    await answered(db.batch([deleteAttempt(db, place.attempt.id, sql`true`), insertAuditEvent(db, failed)]))
    return
  }
  const disabled = await signAuditEvent(keys.auditMac, facts, {
    ...who,
    event: 'factor.disabled',
    details: { failures: FACTOR_MAX_FAILURES },
  })
  const [, [counted]] = await answered(
    db.batch([
      countAttempt(db, place.attempt.id),
      countFailure(db, key, accountId, Math.floor(Date.now() / 1000)),
      insertAuditEvent(db, failed),
      insertAuditEvent(db, disabled, hasFailures(key, '=', FACTOR_MAX_FAILURES)),
      ...consequences,
    ]),
  )
  const failures = counted?.failures ?? place.tally.failures + 1
  if (failures === FACTOR_MAX_FAILURES)
    logAlert('factor_disabled', { account_id: accountId, request_id: facts.requestId })
  announceFailure(scope, place, failures)
}

/** For the batch of a right code: gives the place back and begins the count anew. */
export function clearWrongCodes({ db }: RequestScope, { attempt }: Place, accountId: number, when: SQL) {
  return [deleteAttempt(db, attempt.id, when), deleteThrottles(db, [factorKey(accountId)], when)]
}
