/** The budgets, and what was measured against them. */
import type { Figure } from '../harness/statistics.ts'
import type { Measured } from '../measure/measure-all.ts'
import type { Plan } from '../measure/plan.ts'

export interface Row {
  readonly what: string
  readonly budget: string
  readonly figure: string
  readonly isMet: boolean
  /** The same of Better Auth, where it has something like it. */
  readonly peer: string
}

export function judge(measured: Measured, plan: Plan): Row[] {
  return [
    ...judgeStorage(measured),
    ...judgeReads(measured, plan),
    ...judgeSignIns(measured),
    ...judgeSize(measured),
  ]
}

const decimals = (value: number) => (value >= 100 ? 0 : value >= 10 ? 1 : 2)

export const show = (value: number, unit = '') => `${value.toFixed(decimals(value))}${unit}`

/** The median, and between what the middle half of the rounds lay. */
export function showFigure({ value, low, high }: Figure, unit = ''): string {
  return `${show(value, unit)} (${show(low)}–${show(high)})`
}

function atMost(what: string, limit: number, figure: Figure, peer = '', unit = ''): Row {
  return {
    what,
    budget: `≤ ${limit}${unit}`,
    figure: showFigure(figure, unit),
    isMet: figure.value <= limit,
    peer,
  }
}

function judgeStorage({ routes, peerRoutes }: Measured): Row[] {
  const peerTrips = (route: string) =>
    String(peerRoutes.find((counted) => counted.route === `Better Auth ${route}`)?.calls.d1RoundTrips ?? '')
  const peers: Record<string, string> = {
    'GET /auth/me': `get-session ${peerTrips('get-session')}`,
    'POST /customers/login': `sign-in ${peerTrips('sign-in')}`,
    'POST /auth/logout': `sign-out ${peerTrips('sign-out')}`,
  }
  const trips = routes.flatMap(({ route, calls, maxRoundTrips }) =>
    maxRoundTrips === undefined
      ? []
      : {
          what: `D1 round trips: ${route}`,
          budget: `≤ ${maxRoundTrips}`,
          figure: String(calls.d1RoundTrips),
          isMet: calls.d1RoundTrips <= maxRoundTrips,
          peer: peers[route] ?? '',
        },
  )
  const most = Math.max(...routes.filter(({ isOrdinary }) => isOrdinary).map(({ calls }) => calls.kvWrites))
  return [
    ...trips,
    {
      what: 'KV writes of an ordinary request',
      budget: '0',
      figure: String(most),
      isMet: most === 0,
      peer: '',
    },
  ]
}

function judgeReads({ cpu }: Measured, plan: Plan): Row[] {
  const customers = (count: number) => count.toLocaleString('en')
  return [
    atMost(
      'CPU of my-tickets ÷ CPU of a bare D1 read',
      1.6,
      cpu.ticketsToBareRead,
      `get-session ${showFigure(cpu.peerSessionToBareRead)}`,
    ),
    atMost(
      `CPU of my-tickets at ${customers(plan.largeCustomers)} customers ÷ at ${customers(plan.smallCustomers)}`,
      1.2,
      cpu.largeToSmall,
    ),
  ]
}

function judgeSignIns({ signIns, neighbours }: Measured): Row[] {
  const inCalls = ({ value, low, high }: Figure): Figure => ({
    value: value / signIns.callMs,
    low: low / signIns.callMs,
    high: high / signIns.callMs,
  })
  const rate = signIns.toUninterrupted
  return [
    atMost('time of a sign-in ÷ time of its key derivation', 1.25, signIns.signInToDerivation),
    atMost(
      'p99 of a cheap read while four clients sign in ÷ time of one derivation call',
      5,
      inCalls(neighbours.shop.p99),
      showFigure(inCalls(neighbours.peer.p99)),
    ),
    {
      what: 'sign-ins per second ÷ the same with an uninterrupted derivation',
      budget: '≥ 0.9',
      figure: showFigure(rate),
      isMet: rate.value >= 0.9,
      peer: '',
    },
  ]
}

function judgeSize({ startUpMs, gzipKib }: Measured): Row[] {
  const size = { value: gzipKib.shop, low: gzipKib.shop, high: gzipKib.shop }
  return [
    atMost('start-up CPU over an empty Worker', 80, startUpMs.shop, showFigure(startUpMs.peer, ' ms'), ' ms'),
    {
      ...atMost('bundle, gzipped', 240, size, show(gzipKib.peer, ' KiB'), ' KiB'),
      figure: show(gzipKib.shop, ' KiB'),
    },
  ]
}
