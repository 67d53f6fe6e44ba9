/** What starting an isolate costs: CPU until a fresh workerd is ready, over that of an empty Worker. */
import { readCpuMs } from '../harness/process-cpu.ts'
import { serveWorker } from '../harness/served-worker.ts'
import { median } from '../harness/statistics.ts'

/**
 * Milliseconds of CPU over the median of the empty Worker, one figure per round and bundle. Not over the
 * same round's: what disturbs one start would count twice.
 */
export async function measureStartUp(outdirs: readonly string[], rounds: number): Promise<number[][]> {
  const empty: number[] = []
  const figures = outdirs.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    empty.push(await startOnce())
    for (const [position, outdir] of outdirs.entries()) figures[position]?.push(await startOnce(outdir))
  }
  return figures.map((ofBundle) => ofBundle.map((figure) => figure - median(empty)))
}

async function startOnce(outdir?: string): Promise<number> {
  const worker = await serveWorker({ ...(outdir !== undefined && { outdir }), withBench: false })
  try {
    return readCpuMs(worker.pid)
  } finally {
    await worker.stop()
  }
}
