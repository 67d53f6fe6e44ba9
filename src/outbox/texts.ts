/** What messages say: every text that leaves for a person, as plain text and simple HTML. Here it is translated. */
import type { MailTemplate, MailValues, SmsTemplate, SmsValues } from './templates.ts'

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

const WORDINGS: Wordings = {
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
  password_changed: (_, { shopName }) => ({
    subject: `Your password for ${shopName} was changed`,
    before: [`The password of your account at ${shopName} was changed, and you were signed out everywhere.`],
    after: ['If that was not you, ask for a new password now, and tell the shop.'],
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
