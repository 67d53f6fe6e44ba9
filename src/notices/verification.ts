/** The link that shows that mail to an address reaches whoever has the account. */
import type { SQL } from 'drizzle-orm'
import { canonicalEmail } from '../accounts/email-address.ts'
import { hasFewMessages } from '../outbox/queries.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { type LinkMail, prepareLinkMail } from './link-mail.ts'

/** An account is mailed so many of them at most, so that nobody fills a stranger's mailbox in the shop's name. */
const MAX_MAILS = 5
const MAILS_WITHIN_SECONDS = 3_600

export function isVerificationSeldom(accountId: number, now: number): SQL {
  return hasFewMessages(accountId, 'verify', now - MAILS_WITHIN_SECONDS, MAX_MAILS)
}

/** Prepares the mail. Older links go by `deleteMailLinks` before it: the newest counts. */
export function prepareVerification(
  scope: RequestScope,
  account: { readonly id: number; readonly email: string },
): Promise<LinkMail> {
  const { id, email } = account
  return prepareLinkMail(scope, {
    purpose: 'verify',
    template: 'verify',
    accountId: id,
    to: email,
    address: { email, canonical: canonicalEmail(email) ?? '' },
    values: {},
  })
}
