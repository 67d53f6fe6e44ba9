/**
 * A lane in which key derivations run one at a time, first come first served, while the isolate keeps
 * answering other requests.
 *
 * Requests share plain state only and each waits on its own timer: a promise of another request may
 * die with that request's connection, and a request that waits on nothing of its own is taken for hung.
 * Everything runs inside `waitUntil`, because a cancelled request never reaches its `finally`.
 */

/** What the lane needs of the request that asks for a turn. */
export interface Attempt {
  waitUntil(promise: Promise<unknown>): void
  readonly signal: AbortSignal | undefined
  /** How many requests have come to this isolate so far. */
  arrivals(): number
}

/** Between two pieces of work: gives the isolate back, if it is time to; throws when the client has gone. */
export type Breathe = () => Promise<void>

export type TurnOutcome<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly reason: 'queue_full' | 'waited_too_long' | 'client_gone' }

export interface Lane {
  run<T>(attempt: Attempt, work: (breathe: Breathe) => Promise<T>): Promise<TurnOutcome<T>>
}

interface LaneLimits {
  /** How many pieces of work may go in a row while no request comes in; 1 pauses after each. */
  readonly quietRow: number
  readonly maxWaiting: number
  readonly maxWaitMs: number
  /** A holder that makes no progress for so long is taken for dead. */
  readonly stallMs: number
}

interface Ticket {
  seenAt: number
}

interface LaneState {
  readonly limits: LaneLimits
  readonly queue: Ticket[]
  holder: Ticket | undefined
  /** Requests that had come at the last pause, and how many pauses ago one last came. */
  arrivals: number
  quietPauses: number
}

/** How often the next in line looks, and how often those behind it do. */
const NEXT_POLL_MS = 1
const BEHIND_POLL_MS = 10

/** More pauses than a request takes that asks the database once. */
const QUIET_AFTER_PAUSES = 3

/** A waiter that has not looked for so long has died with its request. */
const DEAD_WAITER_MS = 5_000

const clientGone = new Error('client gone')

export function createLane(limits: LaneLimits): Lane {
  const lane: LaneState = { limits, queue: [], holder: undefined, arrivals: 0, quietPauses: 0 }
  return {
    async run(attempt, work) {
      const ticket = { seenAt: Date.now() }
      // Clears out the dead first: if all who wait have died, nobody else would.
      isFree(lane, ticket.seenAt)
      if (lane.queue.length >= limits.maxWaiting) return { done: false, reason: 'queue_full' }
      lane.queue.push(ticket)
      const outcome = waitAndWork(lane, ticket, attempt, work)
      attempt.waitUntil(outcome.catch(() => undefined))
      return outcome
    },
  }
}

async function waitAndWork<T>(
  lane: LaneState,
  ticket: Ticket,
  attempt: Attempt,
  work: (breathe: Breathe) => Promise<T>,
): Promise<TurnOutcome<T>> {
  const turn = await takeTurn(lane, ticket, attempt)
  if (turn !== 'taken') return { done: false, reason: turn }
  let inRow = 0
  const breathe = async () => {
    inRow++
    if (isQuiet(lane) && inRow < lane.limits.quietRow) return
    inRow = 0
    await scheduler.wait(0)
    lane.quietPauses = attempt.arrivals() === lane.arrivals ? lane.quietPauses + 1 : 0
    lane.arrivals = attempt.arrivals()
    ticket.seenAt = Date.now()
    if (attempt.signal?.aborted) throw clientGone
  }
  try {
    return { done: true, value: await work(breathe) }
  } catch (error) {
    if (error === clientGone) return { done: false, reason: 'client_gone' }
    throw error
  } finally {
    if (lane.holder === ticket) lane.holder = undefined
  }
}

/**
 * Whether no request has come during the last pauses. A pause costs more than a millisecond of timer
 * whether or not anybody uses it, and requests seldom come alone: who comes first waits for a row of
 * pieces, those after him for one.
 */
function isQuiet(lane: LaneState): boolean {
  return lane.quietPauses > QUIET_AFTER_PAUSES
}

/** Waits for the turn; once taken, the ticket holds the lane. */
async function takeTurn(
  lane: LaneState,
  ticket: Ticket,
  attempt: Attempt,
): Promise<'taken' | 'waited_too_long' | 'client_gone'> {
  const { queue, limits } = lane
  const enteredAt = ticket.seenAt
  while (!(isFree(lane, ticket.seenAt) && queue[0] === ticket)) {
    await scheduler.wait(queue[0] === ticket ? NEXT_POLL_MS : BEHIND_POLL_MS)
    ticket.seenAt = Date.now()
    if (attempt.signal?.aborted) return leave(queue, ticket, 'client_gone')
    if (ticket.seenAt - enteredAt >= limits.maxWaitMs) return leave(queue, ticket, 'waited_too_long')
    // Taken for dead while the isolate stood still: queue up again.
    if (!queue.includes(ticket)) queue.push(ticket)
  }
  if (attempt.signal?.aborted) return leave(queue, ticket, 'client_gone')
  queue.shift()
  lane.holder = ticket
  return 'taken'
}

/** Whether nobody holds the lane; a holder without progress, and waiters that stopped looking, are dead. */
function isFree(lane: LaneState, now: number): boolean {
  const { queue, holder, limits } = lane
  if (holder && now - holder.seenAt > limits.stallMs) lane.holder = undefined
  while (queue[0] && now - queue[0].seenAt > DEAD_WAITER_MS) queue.shift()
  return lane.holder === undefined
}

function leave<Reason>(queue: Ticket[], ticket: Ticket, reason: Reason): Reason {
  const place = queue.indexOf(ticket)
  if (place >= 0) queue.splice(place, 1)
  return reason
}

/** Every native derivation of this isolate: at most one works and 50 wait, 10 s each at most. */
export const nativeLane = createLane({ quietRow: 6, maxWaiting: 50, maxWaitMs: 10_000, stallMs: 5_000 })

/** Imported PBKDF2 hashes above production's cap run in JavaScript, 4 s or so each: few may wait, but longer. */
export const importedLane = createLane({ quietRow: 1, maxWaiting: 5, maxWaitMs: 25_000, stallMs: 5_000 })
