/** The comparison as a picture: one pair of bars per figure, each pair with a scale of its own. */
import type { Measured } from '../measure/measure-all.ts'
import { show } from './budgets.ts'

interface Pair {
  readonly title: string
  readonly unit: string
  readonly shop: number
  readonly peer: number
}

const WIDTH = 760
const BAR_LEFT = 150
const BAR_WIDTH = 470
const PAIR_HEIGHT = 74
const TOP = 56

/** GitHub shows a picture on a light or a dark page; the style follows the reader's setting. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 14px; font-weight: 600 }
  .head { font-size: 16px; font-weight: 600 }
  .shop { fill: #1a7f5a }
  .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .shop { fill: #3fb98a }
    .peer { fill: #7d8590 }
  }`

export function drawChart(measured: Measured, peerVersion: string): string {
  const pairs = listPairs(measured)
  const height = TOP + pairs.length * PAIR_HEIGHT
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="This service beside Better Auth; shorter bars are better">
<style>${STYLE}
</style>
<text class="head" x="16" y="28">This service beside Better Auth ${peerVersion}: shorter is better</text>
${pairs.map((pair, index) => drawPair(pair, TOP + index * PAIR_HEIGHT)).join('\n')}
</svg>
`
}

function listPairs({ cpu, signIns, neighbours, routes, peerRoutes, startUpMs, gzipKib }: Measured): Pair[] {
  const trips = (counted: Measured['peerRoutes'], name: string) =>
    counted.find(({ route }) => route === name)?.calls.d1RoundTrips ?? Number.NaN
  return [
    {
      title: 'Any request while four clients sign in, 99th percentile',
      unit: ' ms',
      shop: neighbours.shop.p99.value,
      peer: neighbours.peer.p99.value,
    },
    {
      title: 'CPU of a signed-in read (my-tickets, get-session) ÷ CPU of a bare D1 read',
      unit: '×',
      shop: cpu.ticketsToBareRead.value,
      peer: cpu.peerSessionToBareRead.value,
    },
    {
      title: 'One sign-in with nobody else there (12 × 50,000 PBKDF2, scrypt)',
      unit: ' ms',
      shop: signIns.signInMs.value,
      peer: signIns.peerSignInMs.value,
    },
    {
      title: 'D1 round trips of a sign-in',
      unit: '',
      shop: trips(routes, 'POST /customers/login'),
      peer: trips(peerRoutes, 'Better Auth sign-in'),
    },
    {
      title: 'Start-up CPU over an empty Worker',
      unit: ' ms',
      shop: startUpMs.shop.value,
      peer: startUpMs.peer.value,
    },
    { title: 'Bundle, gzipped', unit: ' KiB', shop: gzipKib.shop, peer: gzipKib.peer },
  ]
}

function drawPair({ title, unit, shop, peer }: Pair, top: number): string {
  const longest = Math.max(shop, peer)
  const bar = (kind: 'shop' | 'peer', label: string, value: number, y: number) => {
    const width = Math.max((value / longest) * BAR_WIDTH, 2)
    const figure = Number.isInteger(value) ? String(value) : show(value)
    return `<text x="${BAR_LEFT - 8}" y="${y + 13}" text-anchor="end">${label}</text>
<rect class="${kind}" x="${BAR_LEFT}" y="${y}" width="${width.toFixed(1)}" height="16" rx="3"/>
<text x="${(BAR_LEFT + width + 8).toFixed(1)}" y="${y + 13}">${figure}${unit}</text>`
  }
  return `<text class="title" x="16" y="${top + 12}">${title}</text>
${bar('shop', 'this service', shop, top + 20)}
${bar('peer', 'Better Auth', peer, top + 40)}`
}
