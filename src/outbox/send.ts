/**
 * Sending what stands in the outbox: after the answer, else by the cron. At least once: a message is leased, sent and
 * then marked, so only an attempt of which the end is not heard (a crash, a provider that answers too late) repeats
 * it, under the same reference.
 */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { logAlert, logInfo } from '../platform/log.ts'
import { sendByBinding } from '../platform/mail.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { SendOutcome } from '../platform/send-outcome.ts'
import { sendSms } from '../platform/sms.ts'
import { giveMessageUp, leaseMessage, markMessageSent, postponeMessage } from './queries.ts'
import { waitAfter } from './retry.ts'
import { type MessageContent, openMessage } from './seal.ts'
import { CHANNELS, type Channel, type outboxMessages } from './tables.ts'
import type { MailTemplate, SmsTemplate, Template } from './templates.ts'
import { writeMail, writeSms } from './texts.ts'

/** Who sends: a request, or the cron. */
export type Courier = Pick<RequestScope, 'db' | 'keys' | 'settings' | 'email'>

/** Longer than the lease, the sending and the mark may take together. */
const LEASE_SECONDS = 60

/** Unix seconds at this moment: a message is sent when its request is long over. */
const clock = () => Math.floor(Date.now() / 1000)

/**
 * Sends a message of the outbox once the answer has gone. Say it after the batch that inserts the message; if its
 * condition did not hold there is no row, and nothing is sent. Never fails: what was not sent waits for the cron.
 */
export function sendSoon(scope: RequestScope, id: string): void {
  scope.waitUntil(
    sendMessage(scope, id).catch(() => logInfo('outbox unavailable', { request_id: scope.facts.requestId })),
  )
}

/** Whether the settings let messages of a channel be sent; as long as they do not, no attempt is counted. */
export function canSend({ settings, email }: Courier, channel: Channel): boolean {
  if (channel === 'sms') return settings.smsProvider !== 'none'
  return email !== undefined && settings.mailFrom !== undefined && settings.appUrl !== undefined
}

/**
 * Sends one message if it is due and nobody else is at it. Tells whether it was sent; undefined if it was not tried.
 * @throws Problem `unavailable`
 */
export async function sendMessage(courier: Courier, id: string): Promise<boolean | undefined> {
  const { db } = courier
  const now = clock()
  const channels = CHANNELS.filter((channel) => canSend(courier, channel))
  if (channels.length === 0) return undefined
  const [message] = await answered(leaseMessage(db, id, channels, now, now + LEASE_SECONDS))
  if (!message) return undefined
  const outcome = await transmit(courier, message)
  if (outcome.isSent) {
    await answered(markMessageSent(db, id, clock()))
    return true
  }
  const { template, attempts } = message
  logInfo('message not sent', { message_id: id, template, attempts, reason: outcome.reason })
  const wait = waitAfter(attempts)
  if (wait === undefined) await giveUp(courier, message)
  else await answered(postponeMessage(db, id, attempts, clock() + wait))
  return false
}

type StoredMessage = typeof outboxMessages.$inferSelect

/** Never throws: one message that a version does not know must not keep the others, and the cron, from going on. */
async function transmit(courier: Courier, message: StoredMessage): Promise<SendOutcome> {
  const { id, channel, template, sealed } = message
  try {
    const content = sealed === null ? undefined : await openMessage(courier.keys.outbox, id, sealed)
    if (!content) return { isSent: false, reason: 'unreadable' }
    return channel === 'mail'
      ? await transmitMail(courier, id, template as MailTemplate, content)
      : await sendSms(courier.settings, content.to, textOfSms(courier, template as SmsTemplate, content))
  } catch {
    return { isSent: false, reason: 'unwritable' }
  }
}

async function transmitMail(
  { settings, email }: Courier,
  id: string,
  template: MailTemplate,
  { to, values }: MessageContent,
): Promise<SendOutcome> {
  const { mailFrom, appUrl, shopName } = settings
  if (!email || mailFrom === undefined || appUrl === undefined)
    return { isSent: false, reason: 'not_configured' }
  const text = writeMail(template, values as never, { shopName, appUrl })
  return sendByBinding(email, { from: { name: shopName, email: mailFrom }, to, ...text, reference: id })
}

function textOfSms({ settings }: Courier, template: SmsTemplate, { values }: MessageContent): string {
  const { shopName, appUrl = '' } = settings
  return writeSms(template, values as never, { shopName, appUrl })
}

interface Hopeless {
  readonly id: string
  readonly template: Template
  readonly attempts: number
  readonly accountId: number | null
}

/**
 * Gives a message up, once: an event for the log of who did what, an alert for who runs the service.
 * @throws Problem `unavailable`
 */
export async function giveUp({ db, keys }: Courier, message: Hopeless): Promise<void> {
  const { id, template, attempts, accountId } = message
  const event = await signAuditEvent(
    keys.auditMac,
    { now: clock() },
    {
      event: 'message.given_up',
      outcome: 'failure',
      ...(accountId !== null && { subjectId: accountId }),
      details: { message_id: id, template, attempts },
    },
  )
  const [given] = await answered(
    db.batch([giveMessageUp(db, id, attempts), insertAuditEvent(db, event, previousChangedOne)]),
  )
  if (given.meta.changes === 1) logAlert('message_given_up', { message_id: id, template, attempts })
}
