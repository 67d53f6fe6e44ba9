/** Every message there is, what it is made of, and for how long it is worth sending. */

/** Notices: something happened to an account. Each has a link that says "this was not me". */
export type NoticeTemplate =
  | 'new_device'
  | 'new_country'
  | 'password_changed'
  | 'password_disabled'
  | 'factor_added'
  | 'factor_removed'
  | 'factors_reset'
  | 'recovery_code_used'
  | 'recovery_codes_replaced'
  | 'api_token_created'

type NoticeValues = {
  readonly token: string
  /** When it happened, ISO 8601. */
  readonly at: string
  /** From where, two letters; empty where that is not known. */
  readonly country: string
}

/**
 * What the text of each mail needs. No names: whoever registers chooses them, and a stranger must not be able to
 * write to anybody in the shop's name.
 */
export interface MailValues extends Record<NoticeTemplate, NoticeValues> {
  /** Staff: the link that sets the first password. */
  invite: { readonly token: string }
  verify: { readonly token: string }
  reset: { readonly token: string }
  /** To the address that an account had: the link brings it back. */
  email_changed: NoticeValues
  /** Somebody registered with the address of an account, where registration must not tell. */
  already_registered: Record<never, never>
  account_deleted: Record<never, never>
}

export interface SmsValues {
  code: { readonly code: string }
}

export type MailTemplate = keyof MailValues
export type SmsTemplate = keyof SmsValues
export type Template = MailTemplate | SmsTemplate

/** Whose mails are worth nothing without the link in them, and so without the account that it is for. */
export const LINK_TEMPLATES = ['invite', 'verify', 'reset'] as const satisfies readonly MailTemplate[]
export type LinkTemplate = (typeof LINK_TEMPLATES)[number]

const MINUTE_SECONDS = 60
const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

/** As long as what it holds can be used: a link that has expired helps nobody. */
const NOTICE_SECONDS = 7 * DAY_SECONDS

const LIFETIMES: Record<Template, number> = {
  invite: 72 * HOUR_SECONDS,
  verify: 60 * MINUTE_SECONDS,
  reset: 60 * MINUTE_SECONDS,
  email_changed: 72 * HOUR_SECONDS,
  already_registered: DAY_SECONDS,
  account_deleted: NOTICE_SECONDS,
  new_device: NOTICE_SECONDS,
  new_country: NOTICE_SECONDS,
  password_changed: NOTICE_SECONDS,
  password_disabled: NOTICE_SECONDS,
  factor_added: NOTICE_SECONDS,
  factor_removed: NOTICE_SECONDS,
  factors_reset: NOTICE_SECONDS,
  recovery_code_used: NOTICE_SECONDS,
  recovery_codes_replaced: NOTICE_SECONDS,
  api_token_created: NOTICE_SECONDS,
  code: 10 * MINUTE_SECONDS,
}

/** In seconds, from when the message was written. */
export function lifetimeOf(template: Template): number {
  return LIFETIMES[template]
}
