/** The cron's part of the outbox: sends what is due, and gives up what waits in vain. */
import { answered } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import { countWaiting, listDueMessages, listHopelessMessages } from './queries.ts'
import { MAX_ATTEMPTS } from './retry.ts'
import { type Courier, canSend, giveUp, sendMessage } from './send.ts'
import type { Channel } from './tables.ts'

/** Three statements each, of the thousand that D1 takes from one run. */
const MAX_MESSAGES_PER_RUN = 100

/** Fewer than the connections that one run may have open. */
const AT_ONCE = 5

/**
 * Delivers a bounded part of what is due; the rest waits for the next run. Gives the number of messages sent.
 * @throws Problem `unavailable`
 */
export async function deliverOutbox(courier: Courier, now: number): Promise<number> {
  const { db } = courier
  const [hopeless, waiting, mails, sms] = await answered(
    db.batch([
      listHopelessMessages(db, MAX_ATTEMPTS, now, MAX_MESSAGES_PER_RUN),
      countWaiting(db, now),
      listDueMessages(db, 'mail', now, MAX_MESSAGES_PER_RUN),
      listDueMessages(db, 'sms', now, MAX_MESSAGES_PER_RUN),
    ]),
  )
  for (const message of hopeless) await giveUp(courier, message)
  for (const { channel, count } of waiting) {
    if (!canSend(courier, channel)) logAlert('messages_unsendable', { channel, waiting: count })
  }
  return (await deliver(courier, 'mail', mails)) + (await deliver(courier, 'sms', sms))
}

async function deliver(
  courier: Courier,
  channel: Channel,
  due: readonly { readonly id: string }[],
): Promise<number> {
  if (!canSend(courier, channel)) return 0
  let sent = 0
  for (let first = 0; first < due.length; first += AT_ONCE) {
    const outcomes = await Promise.all(
      due.slice(first, first + AT_ONCE).map(({ id }) => sendMessage(courier, id)),
    )
    sent += outcomes.filter((outcome) => outcome === true).length
    // Not one of them: the provider is down, and the others need not use up an attempt to learn that.
    if (outcomes.every((outcome) => outcome === false)) break
  }
  return sent
}
