/** The figures as text: what is printed and what is kept in results/latest.md. */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { root } from '../../scripts/checkout.mjs'
import { readPeerVersion } from '../measure/better-auth.ts'
import type { Measured } from '../measure/measure-all.ts'
import type { Plan } from '../measure/plan.ts'
import { type Row, showFigure } from './budgets.ts'

export interface Run {
  readonly plan: Plan
  readonly command: string
  readonly isInMemory: boolean
  readonly date: Date
}

export function writeReport(rows: readonly Row[], measured: Measured, run: Run): string {
  const missed = rows.filter(({ isMet }) => !isMet).length
  return [
    '# What was measured',
    `${missed === 0 ? 'Every budget is met.' : `${missed} of ${rows.length} budgets are missed.`} A figure over several rounds is their median, and behind it lies the middle half of the rounds.`,
    budgetTable(rows, readPeerVersion()),
    '## Beside it',
    elapsedTable(measured),
    '## Storage calls, counted',
    storageTable(measured),
    '## Where and how',
    describeRun(run),
    '',
  ].join('\n\n')
}

export function budgetTable(rows: readonly Row[], peerVersion: string): string {
  return table(
    ['what', 'budget', 'figure', '', `Better Auth ${peerVersion}`],
    rows.map(({ what, budget, figure, isMet, peer }) => [
      what,
      budget,
      figure,
      isMet ? 'ok' : '**over**',
      peer,
    ]),
  )
}

function elapsedTable({ cpu, signIns, neighbours }: Measured): string {
  const ms = ' ms'
  return table(
    ['what', 'figure', 'Better Auth'],
    [
      ['CPU of a bare D1 read', showFigure(cpu.bareReadMs, ms), ''],
      ['CPU of my-tickets', showFigure(cpu.ticketsMs, ms), ''],
      ['CPU of /auth/me ÷ bare D1 read', showFigure(cpu.meToBareRead), ''],
      ['CPU of my-tickets by an API token ÷ bare D1 read', showFigure(cpu.tokenToBareRead), ''],
      ['CPU of a list of 100 tickets', showFigure(cpu.hundredTicketsMs, ms), ''],
      ['CPU of a list of 100 tickets ÷ bare D1 read', showFigure(cpu.hundredToBareRead), ''],
      ['time of a sign-in, alone', showFigure(signIns.signInMs, ms), showFigure(signIns.peerSignInMs, ms)],
      ['time of its key derivation, alone', showFigure(signIns.derivationMs, ms), ''],
      [
        'time of a registration, alone',
        showFigure(signIns.registerMs, ms),
        showFigure(signIns.peerSignUpMs, ms),
      ],
      ['sign-ins per second, four clients', showFigure(signIns.perSecond), ''],
      [
        'cheap read beside sign-ins, p50',
        showFigure(neighbours.shop.p50, ms),
        showFigure(neighbours.peer.p50, ms),
      ],
      [
        'cheap read beside sign-ins, p99',
        showFigure(neighbours.shop.p99, ms),
        showFigure(neighbours.peer.p99, ms),
      ],
    ],
  )
}

function storageTable({ routes, peerRoutes }: Measured): string {
  return table(
    ['request', 'D1 round trips', 'D1 statements', 'KV reads', 'KV writes'],
    [...routes, ...peerRoutes].map(({ route, calls }) => [
      route,
      ...[calls.d1RoundTrips, calls.d1Statements, calls.kvReads, calls.kvWrites].map(String),
    ]),
  )
}

function describeRun({ plan, command, isInMemory, date }: Run): string {
  const processors = cpus()
  return [
    `- ${date.toISOString().slice(0, 10)}, \`${command}\`, ${plan.name} run`,
    `- ${processors.length} cores of ${processors[0]?.model ?? 'an unknown model'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    `- Node ${process.version}, workerd ${versionOf('workerd')}, wrangler ${versionOf('wrangler')}, miniflare ${versionOf('miniflare')}`,
    `- ${plan.largeCustomers.toLocaleString('en')} customers and ${(plan.largeCustomers * 5).toLocaleString('en')} tickets in the large database, ${plan.smallCustomers.toLocaleString('en')} and ${(plan.smallCustomers * 5).toLocaleString('en')} in the small one, both ${isInMemory ? 'in memory' : 'on disk'}`,
  ].join('\n')
}

function versionOf(name: string): string {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, 3, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
