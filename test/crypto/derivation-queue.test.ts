import { describe, expect, it } from 'vitest'
import { type Attempt, type Breathe, createLane } from '../../src/crypto/derivation-queue.ts'
import { passTime } from '../support/production-limits.ts'

const LIMITS = { quietRow: 1, maxWaiting: 3, maxWaitMs: 10_000, stallMs: 5_000 }

const background: Promise<unknown>[] = []
function attempt(signal?: AbortSignal, arrivals = () => 0): Attempt {
  return { signal, arrivals, waitUntil: (promise) => background.push(promise) }
}

/** Work that notes when it begins and ends, and breathes a few times. */
function noting(notes: string[], name: string) {
  return async (breathe: Breathe) => {
    notes.push(`${name} begins`)
    for (let i = 0; i < 3; i++) await breathe()
    notes.push(`${name} ends`)
    return name
  }
}

describe('a lane', () => {
  it('lets one work at a time, first come first served', async () => {
    const lane = createLane(LIMITS)
    const notes: string[] = []
    const outcomes = await Promise.all(
      ['a', 'b', 'c'].map((name) => lane.run(attempt(), noting(notes, name))),
    )
    expect(outcomes.map((outcome) => outcome.done && outcome.value)).toEqual(['a', 'b', 'c'])
    expect(notes).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  })

  it('lets one work and three wait, refuses the rest, and is free again afterwards', async () => {
    const lane = createLane(LIMITS)
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, i) => lane.run(attempt(), noting([], String(i)))),
    )
    expect(outcomes.map((outcome) => (outcome.done ? 'done' : outcome.reason))).toEqual([
      'done',
      'done',
      'done',
      'done',
      'queue_full',
      'queue_full',
    ])
    expect((await lane.run(attempt(), noting([], 'later'))).done).toBe(true)
  })

  it('gives the turn on without working when the client has gone before it came', async () => {
    const lane = createLane(LIMITS)
    const notes: string[] = []
    const leaving = new AbortController()
    const first = lane.run(attempt(), noting(notes, 'first'))
    const gone = lane.run(attempt(leaving.signal), noting(notes, 'gone'))
    const last = lane.run(attempt(), noting(notes, 'last'))
    leaving.abort()
    expect(await gone).toEqual({ done: false, reason: 'client_gone' })
    expect((await first).done && (await last).done).toBe(true)
    expect(notes).not.toContain('gone begins')
  })

  it('stops the work of a client that goes meanwhile', async () => {
    const lane = createLane(LIMITS)
    const notes: string[] = []
    const leaving = new AbortController()
    const outcome = await lane.run(attempt(leaving.signal), async (breathe) => {
      await breathe()
      leaving.abort()
      await breathe()
      notes.push('went on')
    })
    expect(outcome).toEqual({ done: false, reason: 'client_gone' })
    expect(notes).toEqual([])
  })

  it('passes an error of the work on and is free afterwards', async () => {
    const lane = createLane(LIMITS)
    const failing = lane.run(attempt(), () => Promise.reject(new RangeError('broken')))
    await expect(failing).rejects.toThrow(RangeError)
    expect((await lane.run(attempt(), noting([], 'next'))).done).toBe(true)
  })

  it('sends a waiter away after its time', async () => {
    const lane = createLane({ ...LIMITS, stallMs: 60_000 })
    const { promise: release, resolve } = Promise.withResolvers<void>()
    const holder = lane.run(attempt(), () => release)
    const waiter = lane.run(attempt(), noting([], 'waiter'))
    await scheduler.wait(1)
    passTime(11)
    expect(await waiter).toEqual({ done: false, reason: 'waited_too_long' })
    resolve()
    await holder
  })

  it('begins anew when its holder has made no progress for its time', async () => {
    const lane = createLane(LIMITS)
    const dead = lane.run(attempt(), () => new Promise(() => undefined))
    background.push(Promise.race([dead, Promise.resolve()]))
    await scheduler.wait(1)
    passTime(6)
    expect((await lane.run(attempt(), noting([], 'next'))).done).toBe(true)
  })

  it('keeps its work alive beyond the request', async () => {
    const lane = createLane(LIMITS)
    const before = background.length
    await lane.run(attempt(), noting([], 'only'))
    expect(background.length).toBe(before + 1)
  })
})

describe('a lane that may go on in a quiet isolate', () => {
  /** How many pauses twelve pieces of work take, as requests come or do not. */
  async function pausesOfTwelve(arrivals: () => number): Promise<number> {
    const lane = createLane({ ...LIMITS, quietRow: 4 })
    const wait = scheduler.wait
    let pauses = 0
    scheduler.wait = (ms, options) => {
      pauses++
      return wait.call(scheduler, ms, options)
    }
    try {
      await lane.run(attempt(undefined, arrivals), async (breathe) => {
        for (let piece = 1; piece < 12; piece++) await breathe()
      })
    } finally {
      scheduler.wait = wait
    }
    return pauses
  }

  it('pauses after each piece of work while requests come', async () => {
    let arrived = 0
    expect(await pausesOfTwelve(() => ++arrived)).toBe(11)
  })

  it('pauses after each piece until four pauses have passed unused, then after every fourth', async () => {
    expect(await pausesOfTwelve(() => 0)).toBe(5)
  })

  it('pauses after each piece again when somebody has come', async () => {
    let looked = 0
    // Somebody comes during the fifth pause.
    expect(await pausesOfTwelve(() => (++looked > 8 ? 1 : 0))).toBe(8)
  })
})

describe('waiters that died with their requests', () => {
  it('do not keep the lane shut', async () => {
    const lane = createLane(LIMITS)
    const wait = scheduler.wait
    scheduler.wait = () => new Promise(() => undefined)
    const dead = Array.from({ length: 4 }, () => lane.run(attempt(), () => new Promise(() => undefined)))
    scheduler.wait = wait
    background.push(...dead.map((one) => Promise.race([one, Promise.resolve()])))
    passTime(11)
    expect((await lane.run(attempt(), noting([], 'next'))).done).toBe(true)
  })
})
