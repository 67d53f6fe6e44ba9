/** `npm run bench`: measures, prints, keeps the results, and fails when a budget is missed. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isEntryPoint, root } from '../scripts/checkout.mjs'
import { makeWorkFolder } from './harness/work-folder.ts'
import { readPeerVersion } from './measure/better-auth.ts'
import { measureAll } from './measure/measure-all.ts'
import { FULL_PLAN, QUICK_PLAN } from './measure/plan.ts'
import { judge } from './report/budgets.ts'
import { drawChart } from './report/chart.ts'
import { budgetTable, writeReport } from './report/markdown.ts'

const RESULTS_FOLDER = join(root, 'bench', 'results')

/** Node tells of every use of its type stripping, which the whole bench runs on. */
function keepExperimentsQuiet(): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.stack ?? warning.message}\n`)
  })
}

async function run(isQuick: boolean): Promise<void> {
  const plan = isQuick ? QUICK_PLAN : FULL_PLAN
  const begun = performance.now()
  const { isInMemory } = makeWorkFolder()
  const measured = await measureAll(plan, (progress) => {
    const seconds = Math.round((performance.now() - begun) / 1000)
    process.stderr.write(`${String(seconds).padStart(4)} s  ${progress}\n`)
  })
  const rows = judge(measured, plan)
  const peerVersion = readPeerVersion()
  process.stdout.write(`${budgetTable(rows, peerVersion)}\n`)
  if (isQuick) {
    process.stdout.write(
      `A quick run: few rounds and a large database of only ${plan.largeCustomers.toLocaleString('en')} customers. It keeps no results.\n`,
    )
  } else {
    const command = 'npm run bench'
    const report = writeReport(rows, measured, { plan, command, isInMemory, date: new Date() })
    writeFileSync(join(RESULTS_FOLDER, 'latest.md'), report)
    writeFileSync(join(RESULTS_FOLDER, 'latest.svg'), drawChart(measured, peerVersion))
    process.stdout.write('Kept in bench/results/latest.md and latest.svg.\n')
  }
  const missed = rows.filter(({ isMet }) => !isMet)
  for (const { what, budget, figure } of missed) {
    process.stdout.write(`Missed: ${what} is ${figure}, the budget ${budget}.\n`)
  }
  process.exitCode = missed.length === 0 ? 0 : 1
}

if (isEntryPoint(import.meta.url)) {
  if (!existsSync('/proc/self/stat')) {
    process.stderr.write('The bench reads CPU times from /proc, which only Linux has.\n')
    process.exit(2)
  }
  keepExperimentsQuiet()
  await run(process.argv.includes('--quick'))
}
