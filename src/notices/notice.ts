/**
 * Security notices: what happens to an account is told to its owner by mail, with a link that says "this was not me".
 * A new one is a line in `NOTICES` and, unless it says the same as another, one in `outbox/templates.ts` and `outbox/texts.ts`.
 */
import { and } from 'drizzle-orm'
import type { AuditEventName } from '../audit/events.ts'
import { hasFewMessages } from '../outbox/queries.ts'
import type { NoticeTemplate } from '../outbox/templates.ts'
import { isoTime } from '../platform/iso-time.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { type LinkMail, prepareLinkMail } from './link-mail.ts'

/** Of which events the owner hears, and in which words. */
const NOTICES = {
  'device.added': 'new_device',
  'country.added': 'new_country',
  'password.changed': 'password_changed',
  'password.reset': 'password_changed',
  'password.disabled': 'password_disabled',
  'token.created': 'api_token_created',
  'factor.added': 'factor_added',
  'factor.removed': 'factor_removed',
  'factor.reset': 'factors_reset',
  'recovery_code.used': 'recovery_code_used',
  'recovery_codes.replaced': 'recovery_codes_replaced',
} as const satisfies Partial<Record<AuditEventName, NoticeTemplate>>

/** Who is told. */
export interface Owner {
  readonly id: number
  /** Where what matters is mailed: `contactOf`. */
  readonly contact: string
}

/** What is done over and over is told so many times a day: by then its owner knows, and the mailbox stays usable. */
const MAX_NOTICES = 20
const NOTICES_WITHIN_SECONDS = 86_400

/** Prepares the notice of an event, for the batch that writes the event; under the same condition. */
export async function prepareNotice(
  scope: RequestScope,
  event: keyof typeof NOTICES,
  { id, contact }: Owner,
): Promise<LinkMail> {
  const { now, country } = scope.facts
  const template = NOTICES[event]
  const notice = await prepareLinkMail(scope, {
    purpose: 'not_me',
    template,
    accountId: id,
    to: contact,
    // No name of a browser: whoever signs in chooses what it says.
    // Nor where an admin was who did it.
    values: { at: isoTime(now), country: event === 'factor.reset' ? '' : (country ?? '') },
  })
  const isSeldom = hasFewMessages(id, template, now - NOTICES_WITHIN_SECONDS, MAX_NOTICES)
  return { ...notice, insert: (when) => notice.insert(and(when, isSeldom) ?? when) }
}
