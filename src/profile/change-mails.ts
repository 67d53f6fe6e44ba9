/** The mails that a changed password or address causes. */
import { and, type SQL } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import { canonicalEmail } from '../accounts/email-address.ts'
import type { Profile, ProfileChanges } from '../accounts/queries.ts'
import { type LinkMail, prepareLinkMail } from '../notices/link-mail.ts'
import { prepareNotice } from '../notices/notice.ts'
import { deleteMailLinks } from '../notices/queries.ts'
import { isVerificationSeldom, prepareVerification } from '../notices/verification.ts'
import { hasFewMessages } from '../outbox/queries.ts'
import { isoTime } from '../platform/iso-time.ts'
import type { RequestScope } from '../platform/request-scope.ts'

/** Addresses that an account passes through may be strangers', so these are not without end. */
const MAX_UNDO_MAILS = 10
const UNDO_MAILS_WITHIN_SECONDS = 3_600

interface ChangeMail {
  /** For the batch of the change, under a condition. */
  readonly insert: (when: SQL) => readonly BatchItem<'sqlite'>[]
  readonly sendSoon: () => void
}

/** What is mailed for these changes, to the account as it was before them. Another spelling of the same address is no news. */
export async function prepareMails(
  scope: RequestScope,
  target: Profile,
  changes: ProfileChanges,
): Promise<ChangeMail[]> {
  const mails: ChangeMail[] = []
  const owner = { id: target.id, contact: contactOf(target) }
  if (changes.passwordHash !== undefined) mails.push(await prepareNotice(scope, 'password.changed', owner))
  const { email, emailCanonical } = changes
  const former = { email: target.email, canonical: canonicalEmail(target.email) ?? '' }
  if (email === undefined || emailCanonical === former.canonical) return mails
  const verification = await prepareVerification(scope, { id: target.id, email })
  mails.push(await prepareUndo(scope, target.id, former), {
    ...verification,
    insert: (when) => [
      deleteMailLinks(scope.db, target.id, ['verify'], when),
      ...verification.insert(and(when, isVerificationSeldom(target.id, scope.facts.now)) ?? when),
    ],
  })
  return mails
}

/** To the address that was the account's: it reads what was done, and can take it back. */
async function prepareUndo(scope: RequestScope, accountId: number, former: FormerAddress): Promise<LinkMail> {
  const { now, country } = scope.facts
  const undo = await prepareLinkMail(scope, {
    purpose: 'undo',
    template: 'email_changed',
    accountId,
    to: former.email,
    address: former,
    values: { at: isoTime(now), country: country ?? '' },
  })
  const isSeldom = hasFewMessages(accountId, 'email_changed', now - UNDO_MAILS_WITHIN_SECONDS, MAX_UNDO_MAILS)
  return { ...undo, insert: (when) => undo.insert(and(when, isSeldom) ?? when) }
}

interface FormerAddress {
  readonly email: string
  readonly canonical: string
}
