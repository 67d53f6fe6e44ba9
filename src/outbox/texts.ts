/** What messages say: every text that leaves for a person, as plain text and simple HTML. Here it is translated. */
import type { MailTemplate, MailValues, NoticeTemplate, SmsTemplate, SmsValues } from './templates.ts'

export interface MailText {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** What a text knows beside its own values. */
interface Setting {
  readonly shopName: string
  /** The origin that links lead to. */
  readonly appUrl: string
}

interface Wording {
  readonly subject: string
  /** Paragraphs ahead of the link. */
  readonly before: readonly string[]
  readonly link?: { readonly label: string; readonly url: string }
  /** Paragraphs behind it. */
  readonly after: readonly string[]
}

type Wordings = { [Name in MailTemplate]: (values: MailValues[Name], setting: Setting) => Wording }

const IGNORE = 'If you did not ask for this, you can ignore this mail: nothing changes.'

/** What happened. */
const NOTICE_WORDS: Record<NoticeTemplate, { readonly subject: string; readonly said: string }> = {
  new_device: {
    subject: 'New sign-in',
    said: 'Somebody, probably you, has signed in to your account from a device that it was not used on before.',
  },
  new_country: {
    subject: 'Sign-in from a new country',
    said: 'Somebody, probably you, has signed in to your account from a country that it was not used from before.',
  },
  password_changed: {
    subject: 'Your password was changed',
    said: 'The password of your account was changed, and you were signed out everywhere else.',
  },
  password_disabled: {
    subject: 'Your password was disabled',
    said: 'Somebody has tried too many wrong passwords, so that yours opens nothing any more but from a device you have signed in on. Ask for a new password to sign in again.',
  },
  factor_added: {
    subject: 'A second factor was added',
    said: 'A second factor was added to your account. From now on it is asked for when you sign in.',
  },
  factor_removed: {
    subject: 'A second factor was removed',
    said: 'A second factor was removed from your account.',
  },
  factors_reset: {
    subject: 'Your second factor was removed by the shop',
    said: 'The shop has removed the second factor of your account with its recovery codes, because somebody, probably you, said that they were lost. You were signed out everywhere.',
  },
  recovery_code_used: {
    subject: 'A recovery code was used',
    said: 'One of your recovery codes was used. It cannot be used again.',
  },
  recovery_codes_replaced: {
    subject: 'New recovery codes were made',
    said: 'New recovery codes were made for your account. Those that it had before count no more.',
  },
  api_token_created: {
    subject: 'An API token was made',
    said: 'An API token was made, with which a program can do things in your name.',
  },
}

const NOT_ME =
  'If that was not you, say so. It signs you out everywhere, ends all API tokens, and removes the password; then ask for a new one:'

function writeNotice(name: NoticeTemplate) {
  const { subject, said } = NOTICE_WORDS[name]
  return ({ token, at, country }: MailValues[NoticeTemplate], setting: Setting): Wording => ({
    subject: `${subject}: your account at ${setting.shopName}`,
    before: [said, describeMoment(at, country), 'If that was you, there is nothing to do.', NOT_ME],
    link: { label: 'This was not me', url: linkTo(setting, 'not-me', token) },
    after: ['The link works once, for one day.'],
  })
}

/** When, and from where as far as that is known. */
function describeMoment(at: string, country: string): string {
  const when = new Date(at).toLocaleString('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  })
  // Made when it is needed: it is slow to make, and every isolate would pay for it at its start.
  const countries = new Intl.DisplayNames('en', { type: 'region' })
  const place = /^[A-Z]{2}$/.test(country) ? countries.of(country) : undefined
  return `When: ${when} UTC.${place === undefined ? '' : ` From: ${place}.`}`
}

const WORDINGS: Wordings = {
  new_device: writeNotice('new_device'),
  new_country: writeNotice('new_country'),
  password_changed: writeNotice('password_changed'),
  password_disabled: writeNotice('password_disabled'),
  factor_added: writeNotice('factor_added'),
  factor_removed: writeNotice('factor_removed'),
  factors_reset: writeNotice('factors_reset'),
  recovery_code_used: writeNotice('recovery_code_used'),
  recovery_codes_replaced: writeNotice('recovery_codes_replaced'),
  api_token_created: writeNotice('api_token_created'),
  email_changed: ({ token, at, country }, setting) => ({
    subject: `Your address was changed: your account at ${setting.shopName}`,
    before: [
      `Your account at ${setting.shopName} has another e-mail address now.`,
      describeMoment(at, country),
      'If that was you, there is nothing to do. If it was not, undo it. That brings this address back, signs you out everywhere, ends all API tokens, and removes the password; then ask for a new one:',
    ],
    link: { label: 'Undo the change', url: linkTo(setting, 'undo', token) },
    after: ['The link works once, for three days, and for one day after the new address has been confirmed.'],
  }),
  already_registered: (_, { shopName }) => ({
    subject: `You already have an account at ${shopName}`,
    before: [
      `Somebody, probably you, tried to register at ${shopName} with this address, which has an account already.`,
    ],
    after: ['Sign in as usual, or ask for a new password. If it was not you, there is nothing to do.'],
  }),
  account_deleted: (_, { shopName }) => ({
    subject: `Your account at ${shopName} was deleted`,
    before: [`Your account at ${shopName} was deleted for good, with all that belonged to it.`],
    after: ['If that was not you, tell the shop.'],
  }),
  invite: ({ token }, setting) => ({
    subject: `You are invited to ${setting.shopName}`,
    before: [`${setting.shopName} has made an account for you. Choose a password to sign in with:`],
    link: { label: 'Choose a password', url: linkTo(setting, 'invite', token) },
    after: ['The link works once, for three days. If you do not know this shop, ignore this mail.'],
  }),
  verify: ({ token }, setting) => ({
    subject: `Confirm your address for ${setting.shopName}`,
    before: [`Please confirm that this address belongs to your account at ${setting.shopName}:`],
    link: { label: 'Confirm this address', url: linkTo(setting, 'verify', token) },
    after: ['The link works once, for one hour.', IGNORE],
  }),
  reset: ({ token }, setting) => ({
    subject: `Choose a new password for ${setting.shopName}`,
    before: [`Somebody, probably you, asked for a new password for your account at ${setting.shopName}:`],
    link: { label: 'Choose a new password', url: linkTo(setting, 'reset', token) },
    after: [
      'The link works once, for one hour. Choosing a password signs you out everywhere.',
      `${IGNORE} Never pass the link on.`,
    ],
  }),
}

const SMS_TEXTS: { [Name in SmsTemplate]: (values: SmsValues[Name], setting: Setting) => string } = {
  code: ({ code }, { shopName }) =>
    `${code} is your code for ${shopName}. It is good for 10 minutes. Never pass it on.`,
}

export function writeMail<Name extends MailTemplate>(
  template: Name,
  values: MailValues[Name],
  setting: Setting,
): MailText {
  const { subject, before, link, after } = WORDINGS[template](values, setting)
  // The name of the shop is a setting, and a line break in it would begin another header.
  return {
    subject: subject.replace(/\s+/g, ' '),
    text: `${[...before, ...(link ? [link.url] : []), ...after].join('\n\n')}\n\n${setting.shopName}\n`,
    html: writeHtml(setting.shopName, before, link, after),
  }
}

export function writeSms<Name extends SmsTemplate>(
  template: Name,
  values: SmsValues[Name],
  setting: Setting,
): string {
  return SMS_TEXTS[template](values, setting)
}

/** The token stands behind `#`: a browser sends that to nobody, so it is in no log and no Referer. */
function linkTo({ appUrl }: Setting, page: string, token: string): string {
  return `${appUrl}/links/${page}#token=${encodeURIComponent(token)}`
}

function writeHtml(
  shopName: string,
  before: Wording['before'],
  link: Wording['link'],
  after: Wording['after'],
): string {
  const paragraphs = (texts: readonly string[]) => texts.map((text) => `<p>${escapeHtml(text)}</p>`)
  const anchor = link
    ? [
        `<p><a href="${escapeHtml(link.url)}">${escapeHtml(link.label)}</a></p>`,
        `<p>${escapeHtml(link.url)}</p>`,
      ]
    : []
  return `<!doctype html>
<html lang="en"><body>
${[...paragraphs(before), ...anchor, ...paragraphs(after), ...paragraphs([shopName])].join('\n')}
</body></html>
`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? '')
}
