/** Registration: one account per e-mail address, however it is spelled, also under parallel attempts. */
import { sql } from 'drizzle-orm'
import { canonicalEmail } from '../accounts/email-address.ts'
import { findActiveRecipient, insertCustomer, reserveAccountId } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { admit, beginAttempt, NOBODY, takePlace } from '../limits/attempt.ts'
import { hasPlace } from '../limits/queries.ts'
import { type LinkMail, NO_ACCOUNT } from '../notices/link-mail.ts'
import { insertMailLink } from '../notices/queries.ts'
import { prepareVerification } from '../notices/verification.ts'
import { hasFewMessages, insertOutboxMessage } from '../outbox/queries.ts'
import { sealMail } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
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

/** Who has an account already must not be mailed by strangers without end. */
const MAX_MAILS = 3
const MAILS_WITHIN_SECONDS = 86_400

/**
 * Makes a customer's account, mails a link that confirms its address, and gives its id. Where registration is private, a
 * taken address is told to nobody but its owner, by mail: the caller answers alike, after as much work.
 * @throws Problem `too_many_requests`, `email_taken` (unless registration is private), `sign_in_busy`, `unavailable`
 */
export async function registerCustomer(scope: RequestScope, registration: Registration): Promise<number> {
  const { db, facts } = scope
  const isRegistrationPrivate = scope.settings.registration === 'private'
  const { password, ...person } = registration
  const emailCanonical = canonicalEmail(person.email) ?? ''
  const attempt = beginAttempt(scope, 'register', NOBODY)
  const [tally, place, [reserved], holders] = await answered(
    db.batch([
      ...takePlace(db, attempt),
      reserveAccountId(db, emailCanonical, hasPlace(attempt.id)),
      ...(isRegistrationPrivate ? [findActiveRecipient(db, emailCanonical)] : []),
    ]),
  )
  admit(scope, 'register', attempt, tally, place)
  if (!reserved && !isRegistrationPrivate) throw new Problem('email_taken')
  const passwordHash = await hashNewPassword(scope, password)

  const id = reserved?.seq ?? NO_ACCOUNT
  const event = await signAuditEvent(scope.keys.auditMac, facts, {
    event: 'account.registered',
    outcome: 'success',
    actorId: id,
    subjectId: id,
    details: {},
  })
  const mail = reserved
    ? await prepareVerification(scope, { id, email: person.email })
    : await tellHolder(scope, person.email, holders?.[0]?.id ?? NO_ACCOUNT)
  // The id was reserved for this request alone, so the row's existence means it was inserted here.
  const isInserted = sql`EXISTS (SELECT 1 FROM ${accounts} AS made WHERE made.id = ${id})`
  const [inserted] = await answered(
    db.batch([
      insertCustomer(
        db,
        { ...person, id, emailCanonical, passwordHash },
        facts.now,
        sql`${id} <> ${NO_ACCOUNT}`,
      ),
      insertAuditEvent(db, event, isInserted),
      ...mail.insert(isInserted),
    ]),
  )
  if (inserted.meta.changes === 0 && !isRegistrationPrivate) throw new Problem('email_taken')
  mail.sendSoon()
  return id
}

/** A mail for whoever has the address already: as much work as the link for a new account, and as many statements. */
async function tellHolder(scope: RequestScope, email: string, holderId: number): Promise<LinkMail> {
  const { db, facts } = scope
  const mail = await sealMail(scope, {
    to: email,
    accountId: holderId,
    template: 'already_registered',
    values: {},
  })
  const noLink = {
    tokenHash: await hashToken(mail.id),
    accountId: NO_ACCOUNT,
    purpose: 'verify',
    ...{ email: null, emailCanonical: null },
    ...{ createdAt: facts.now, expiresAt: facts.now },
  } as const
  const isHolder = sql`EXISTS (SELECT 1 FROM ${accounts} AS holder WHERE holder.id = ${holderId} AND holder.status = 'active')`
  const isSeldom = hasFewMessages(holderId, 'already_registered', facts.now - MAILS_WITHIN_SECONDS, MAX_MAILS)
  return {
    insert: () => [
      insertMailLink(db, noLink, sql`false`),
      insertOutboxMessage(db, mail, sql`${isHolder} AND ${isSeldom}`),
    ],
    sendSoon: () => sendSoon(scope, mail.id),
  }
}
