/** CPU of a Worker's process per request. */
import { type Ask, runClosedLoop } from '../harness/load.ts'
import { readCpuMs } from '../harness/process-cpu.ts'
import type { ServedWorker } from '../harness/served-worker.ts'

/** Enough that workerd never waits for the client, few enough that nothing queues for long. */
const CLIENTS = 8

/** Until V8 has compiled the hot functions, a request costs several times as much. */
const WARM_UP_REQUESTS = 1_000

export type NextAsk = (index: number) => Ask

/** Milliseconds of CPU that one request takes, over `count` of them. */
export async function measureCpuMs(worker: ServedWorker, count: number, next: NextAsk): Promise<number> {
  const before = readCpuMs(worker.pid)
  await runClosedLoop(count, CLIENTS, next)
  return (readCpuMs(worker.pid) - before) / count
}

/**
 * CPU per request of several kinds of request, one list per kind and in it one figure per round. Kinds
 * take turns in every round, so that what slows the machine for a while slows all of them.
 */
export async function measureCpuInTurns<Kind extends string>(
  worker: ServedWorker,
  { rounds, count }: { readonly rounds: number; readonly count: number },
  kinds: Record<Kind, NextAsk>,
): Promise<Record<Kind, number[]>> {
  const names = Object.keys(kinds) as Kind[]
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Kind, number[]>
  for (const name of names) await runClosedLoop(WARM_UP_REQUESTS, CLIENTS, kinds[name])
  for (let round = 0; round < rounds; round++) {
    for (const name of names) figures[name].push(await measureCpuMs(worker, count, kinds[name]))
  }
  return figures
}

/** Round by round, so that both figures of a ratio come from the same moment. */
export function divide(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, round) => value / (below[round] ?? Number.NaN))
}
