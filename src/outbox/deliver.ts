/** The cron's part of the outbox: sends what is due, gives up what waits in vain, wipes what has expired. */
import { answered } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import {
  countWaiting,
  deleteOldMessages,
  listDueMessages,
  listHopelessMessages,
  wipeExpiredMessages,
} from './queries.ts'
import { MAX_ATTEMPTS } from './retry.ts'
import { type Courier, canSend, giveUp, sendMessage } from './send.ts'
import { CHANNELS, type Channel } from './tables.ts'

/** Three statements each, of the thousand that D1 takes from one run. */
const MAX_MESSAGES_PER_RUN = 100

/** Fewer than the connections that one run may have open. */
const AT_ONCE = 5

/** Whoever asks where a mail has gone asks within a month. */
const KEPT_SECONDS = 30 * 86_400

const MAX_ROWS_PER_RUN = 1_000

/**
 * Delivers a bounded part of what is due; the rest waits for the next run. Gives the number of messages sent.
 * @throws Problem `unavailable`
 */
export async function deliverOutbox(courier: Courier, now: number): Promise<number> {
  const { db } = courier
  const hopeless = await answered(listHopelessMessages(db, MAX_ATTEMPTS, now, MAX_MESSAGES_PER_RUN))
  for (const message of hopeless) await giveUp(courier, message)
  let sent = 0
  for (const channel of CHANNELS) {
    if (canSend(courier, channel)) sent += await deliverChannel(courier, channel, now)
    else await tellUnconfigured(courier, channel, now)
  }
  await answered(
    db.batch([
      wipeExpiredMessages(db, now, MAX_ROWS_PER_RUN),
      deleteOldMessages(db, now - KEPT_SECONDS, MAX_ROWS_PER_RUN),
    ]),
  )
  return sent
}

async function deliverChannel(courier: Courier, channel: Channel, now: number): Promise<number> {
  const due = await answered(listDueMessages(courier.db, channel, now, MAX_MESSAGES_PER_RUN))
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

async function tellUnconfigured({ db }: Courier, channel: Channel, now: number): Promise<void> {
  const [found] = await answered(countWaiting(db, channel, now))
  if (found && found.waiting > 0) logAlert('messages_unsendable', { channel, waiting: found.waiting })
}
