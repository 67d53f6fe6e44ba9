/** Every message there is, what it is made of, and for how long it is worth sending. */

/**
 * What the text of each mail needs. No names: whoever registers chooses them, and a stranger must not be able to
 * write to anybody in the shop's name.
 */
export interface MailValues {
  /** Staff: the link that sets the first password. */
  invite: { readonly token: string }
  verify: { readonly token: string }
  reset: { readonly token: string }
  password_changed: Record<never, never>
}

export interface SmsValues {
  code: { readonly code: string }
}

export type MailTemplate = keyof MailValues
export type SmsTemplate = keyof SmsValues
export type Template = MailTemplate | SmsTemplate

const MINUTE_SECONDS = 60
const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

/** As long as what it holds can be used: a link that has expired helps nobody. */
const LIFETIMES: Record<Template, number> = {
  invite: 72 * HOUR_SECONDS,
  verify: 60 * MINUTE_SECONDS,
  reset: 60 * MINUTE_SECONDS,
  password_changed: 7 * DAY_SECONDS,
  code: 10 * MINUTE_SECONDS,
}

/** In seconds, from when the message was written. */
export function lifetimeOf(template: Template): number {
  return LIFETIMES[template]
}
