// What a deployment may weigh. The start of an isolate is waited for by somebody, and every byte is parsed then.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Deployment, needWrangler } from './deploy-commands.ts'

const MAX_BUNDLE_KIB = 240
const STARTUP_BUDGET_MS = 80
/** Other work on the machine can only lengthen a run, so the shortest is the nearest to the truth. */
const SHORTEST_STARTUP_MAX_MS = 2 * STARTUP_BUDGET_MS
const STARTUP_RUNS = 5

type Profile = {
  nodes: { id: number; callFrame: { functionName: string } }[]
  samples: number[]
  /** Microseconds between one sample and the next. */
  timeDeltas: number[]
}

/** Milliseconds of a CPU profile in which the thread was not idle: parsing, evaluating, collecting garbage. */
export function activeMilliseconds({ nodes, samples, timeDeltas }: Profile): number {
  const idle = new Set(
    nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
  )
  const active = timeDeltas.filter((_, index) => !idle.has(samples[index] ?? 0))
  return active.reduce((sum, delta) => sum + delta, 0) / 1000
}

export function judgeStartup(runs: readonly number[]): { line: string; failed: boolean } {
  const sorted = [...runs].sort((a, b) => a - b)
  const [shortest = Number.NaN] = sorted
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const range = `${shortest.toFixed(0)} to ${sorted.at(-1)?.toFixed(0)} ms`
  const line =
    `  Start-up: ${median.toFixed(0)} ms of CPU, the median of ${runs.length} local runs (${range}); ` +
    `the budget is ${STARTUP_BUDGET_MS} ms, and a shortest run over ${SHORTEST_STARTUP_MAX_MS} ms fails`
  return { line, failed: !(shortest <= SHORTEST_STARTUP_MAX_MS) }
}

/** The size that wrangler gives; NaN, if it words it differently one day, is within no budget. */
export function judgeSize(printed: string): { line: string; failed: boolean } {
  const size = Number(/gzip: ([\d.]+) KiB/.exec(printed)?.[1])
  return {
    line: `  Bundle: ${size} KiB gzipped; the budget is ${MAX_BUNDLE_KIB} KiB`,
    failed: !(size <= MAX_BUNDLE_KIB),
  }
}

export const BUILD = ['deploy', '--dry-run', '--outdir', 'dist']

/** Builds the Worker without uploading it, and says whether it keeps its budgets. Needs no account and no network. */
export async function judgeBuild(deployment: Deployment): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'startup-'))
  try {
    const bundle = join(folder, 'worker.bundle')
    const size = judgeSize(await needWrangler(deployment, [...BUILD, '--outfile', bundle]))
    deployment.print(size.line)
    const runs: number[] = []
    for (let run = 0; run < STARTUP_RUNS; run++) {
      const profile = join(folder, `${run}.cpuprofile`)
      await needWrangler(deployment, ['check', 'startup', '--worker', bundle, '--outfile', profile])
      runs.push(activeMilliseconds(JSON.parse(readFileSync(profile, 'utf8'))))
    }
    const startup = judgeStartup(runs)
    deployment.print(startup.line)
    return !size.failed && !startup.failed
  } finally {
    rmSync(folder, { recursive: true })
  }
}
