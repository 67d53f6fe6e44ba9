/** Sign-ins: what they take beside their key derivation, how many fit in a second, what neighbours feel. */
import { type Ask, probe, runClosedLoop, sendOk, timeMs } from '../harness/load.ts'
import { percentile } from '../harness/statistics.ts'

/** Elapsed milliseconds of single requests with nobody else there, in turns; a list per kind. */
export async function timeInTurns(
  rounds: number,
  kinds: readonly ((round: number) => Ask)[],
): Promise<number[][]> {
  const times = kinds.map((): number[] => [])
  // Round 0 warms up and is not kept.
  for (let round = 0; round <= rounds; round++) {
    for (const [position, kind] of kinds.entries()) {
      const elapsedMs = await timeMs(kind(round))
      if (round > 0) times[position]?.push(elapsedMs)
    }
  }
  return times
}

const CLIENTS = 4

/** Sign-ins per second of four clients, for each kind of sign-in and round. */
export async function rateInTurns(
  { rounds, count }: { readonly rounds: number; readonly count: number },
  kinds: readonly ((client: number) => Ask)[],
): Promise<number[][]> {
  const rates = kinds.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [position, kind] of kinds.entries()) {
      const elapsedMs = await runClosedLoop(count, CLIENTS, (index) => kind(index % CLIENTS))
      rates[position]?.push((count * 1000) / elapsedMs)
    }
  }
  return rates
}

export interface NeighbourLatency {
  readonly p50: number
  readonly p99: number
}

const PROBE_EVERY_MS = 20

/** Milliseconds that a cheap request takes while four clients sign in without pause. */
export async function probeNeighbour(
  probes: number,
  cheap: Ask,
  signIn: (client: number) => Ask,
): Promise<NeighbourLatency> {
  let isOver = false
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    while (!isOver) await sendOk(signIn(client))
  })
  try {
    const latencies = await Promise.race([probe(probes, PROBE_EVERY_MS, cheap), failureOf(clients)])
    return { p50: percentile(latencies, 50), p99: percentile(latencies, 99) }
  } finally {
    isOver = true
    await Promise.allSettled(clients)
  }
}

/** A client that stops early would leave the probes alone, and the figure would flatter. */
async function failureOf(clients: readonly Promise<void>[]): Promise<never> {
  await Promise.all(clients)
  throw new Error('the clients that sign in ended before the probes')
}
