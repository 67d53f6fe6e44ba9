/** Registration: one account per e-mail address, however it is spelled, also under parallel attempts. */
import { sql } from 'drizzle-orm'
import { canonicalEmail } from '../accounts/email-address.ts'
import { findAccountIdByEmail, insertCustomer, reserveAccountId } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { admit, beginAttempt, NOBODY, takePlace } from '../limits/attempt.ts'
import { hashNewPassword } from '../passwords/check.ts'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'

export interface Registration {
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  readonly phoneNumber: string | null
  readonly password: string
}

/**
 * Makes a customer's account and gives its id.
 * @throws Problem `too_many_requests`, `email_taken`, `sign_in_busy`, `unavailable`
 */
export async function registerCustomer(scope: RequestScope, registration: Registration): Promise<number> {
  const { db, facts } = scope
  const { password, ...person } = registration
  const emailCanonical = canonicalEmail(person.email) ?? ''
  const attempt = beginAttempt(scope, 'register', NOBODY)
  const [tally, place, [holder]] = await answered(
    db.batch([...takePlace(db, attempt), findAccountIdByEmail(db, emailCanonical)]),
  )
  admit(scope, 'register', attempt, tally, place)
  if (holder) throw new Problem('email_taken')
  const passwordHash = await hashNewPassword(scope, password)

  const [reserved] = await answered(reserveAccountId(db, emailCanonical))
  if (!reserved) throw new Problem('email_taken')
  const id = reserved.seq
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'account.registered',
    outcome: 'success',
    actorId: id,
    subjectId: id,
    details: {},
  })
  const [inserted] = await answered(
    db.batch([
      insertCustomer(db, { ...person, id, emailCanonical, passwordHash }, facts.now),
      // The id was reserved for this request alone, so the row's existence means it was inserted here.
      insertAuditEvent(db, event, sql`EXISTS (SELECT 1 FROM ${accounts} WHERE id = ${id})`),
    ]),
  )
  if (inserted.meta.changes === 0) throw new Problem('email_taken')
  return id
}
