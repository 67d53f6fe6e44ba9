/** Plays Cloudflare Email Service: keeps what it was given, and can be down, silent, or out of its mind. */
import { tick } from './production-limits.ts'
import { testEnv } from './test-env.ts'

export interface SentMail {
  readonly from: { readonly name: string; readonly email: string }
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly headers: Record<string, string>
}

/** Every mail that was taken since the file began. */
export const mails: SentMail[] = []

type Mood = 'up' | 'down' | 'hanging' | 'nonsense'

/** `asked` counts attempts, whatever came of them. */
export const mailProvider: { mood: Mood; asked: number; afterSend: (() => unknown) | undefined } = {
  mood: 'up',
  asked: 0,
  afterSend: undefined,
}

async function send(mail: SentMail): Promise<unknown> {
  mailProvider.asked++
  tick()
  if (mailProvider.mood === 'hanging') return new Promise(() => undefined)
  if (mailProvider.mood === 'down')
    throw Object.assign(new Error(`no route to ${mail.to}`), { code: 'E_INTERNAL_SERVER_ERROR' })
  if (mailProvider.mood === 'nonsense') return { ok: 'yes', messageId: 42 }
  mails.push(mail)
  await mailProvider.afterSend?.()
  return { messageId: `<${mails.length}@provider.test>` }
}

testEnv.EMAIL = { send } as unknown as SendEmail

/** What registration and sign-ins mail by themselves; found only by whoever asks for its subject. */
const BY_THEMSELVES = /^(?:Confirm your address|New sign-in|An API token was made|A second factor was added)/

/** The newest mail to an address, once there are so many; mails leave after the answer. */
export async function mailTo(address: string, count = 1, subject?: RegExp): Promise<SentMail> {
  for (let look = 0; look < 200; look++) {
    const found = mailsTo(address, subject)
    const newest = found.at(-1)
    if (found.length >= count && newest) return newest
    await scheduler.wait(10)
  }
  throw new Error(`no ${count} mail(s) to ${address}`)
}

export function mailsTo(address: string, wanted?: RegExp): SentMail[] {
  return mails.filter(
    ({ to, subject }) => to === address && (wanted ? wanted.test(subject) : !BY_THEMSELVES.test(subject)),
  )
}

/** The token of the link in a mail. */
export function tokenIn({ text }: SentMail): string {
  const [, token] = /^https:\/\/\S+\/links\/\S+#token=(\S+)$/m.exec(text) ?? []
  if (token === undefined) throw new Error('a mail without a link')
  return token
}

/** The id of an account's newest message that could not be sent, once its first attempt has ended. */
export async function unsentMessageOf(accountId: number): Promise<string> {
  const newest = testEnv.DB.prepare(
    `SELECT id FROM outbox_messages WHERE account_id = ? AND attempts = 1 AND leased_until = 0 AND status = 'queued'
     ORDER BY number DESC`,
  ).bind(accountId)
  for (let look = 0; look < 200; look++) {
    const id = await newest.first<string>('id')
    if (id !== null) return id
    await scheduler.wait(10)
  }
  throw new Error('no attempt has failed')
}
