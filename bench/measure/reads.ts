/** CPU of reads, as ratios to that of a bare one. */
import type { Ask } from '../harness/load.ts'
import type { ServedWorker } from '../harness/served-worker.ts'
import { summarize } from '../harness/statistics.ts'
import { askPeerForSession, type PeerUser } from './better-auth.ts'
import { divide, measureCpuInTurns } from './cpu.ts'
import type { Plan } from './plan.ts'
import { askForTickets, bearer, type Person } from './shop.ts'

export interface Shop {
  readonly worker: ServedWorker
  readonly people: Person[]
  readonly peopleOfLarge: Person[]
  readonly admin: Person
  /** API tokens of the people, in their order. */
  readonly apiTokens: string[]
  /** Another account each time. */
  readonly askForNextSignIn: () => Ask
}

export interface Peer {
  readonly worker: ServedWorker
  readonly users: PeerUser[]
}

export function userAt<User>(users: readonly User[], index: number): User {
  const user = users[index % users.length]
  if (user === undefined) throw new Error('nobody is signed in')
  return user
}

export const bareRead = ({ worker, people }: Shop, index: number): Ask => ({
  origin: worker.origin,
  path: `/bench/read?id=${userAt(people, index).id}`,
})

export const barePeerRead = ({ worker, users }: Peer, index: number): Ask => ({
  origin: worker.origin,
  path: `/bench/read?table=user&id=${userAt(users, index).id}`,
})

/** A page of a hundred takes as long as thirty small reads: fewer rounds are as steady. */
const PAGES_SHARE = 1 / 5

export async function measureReads(shop: Shop, peer: Peer, plan: Plan) {
  const { worker, people, peopleOfLarge, admin } = shop
  const size = { rounds: plan.cpuRounds, count: plan.cpuRequests }
  const get = (path: string, headers: Record<string, string>) => ({ origin: worker.origin, path, headers })
  const byToken = (index: number) => ({ Authorization: `Bearer ${userAt(shop.apiTokens, index)}` })
  const own = await measureCpuInTurns(worker, size, {
    bareRead: (index) => bareRead(shop, index),
    tickets: (index) => askForTickets(worker, userAt(people, index)),
    me: (index) => get('/auth/me', bearer(userAt(people, index))),
    ticketsByToken: (index) => get('/customers/my-tickets', byToken(index)),
    ticketsOfLarge: (index) => askForTickets(worker, userAt(peopleOfLarge, index), 'DB_LARGE'),
  })
  const pages = await measureCpuInTurns(
    worker,
    { ...size, rounds: Math.ceil(plan.cpuRounds * PAGES_SHARE) },
    {
      bareRead: (index) => bareRead(shop, index),
      hundred: () => get('/service-tickets?limit=100', bearer(admin)),
    },
  )
  const peers = await measureCpuInTurns(peer.worker, size, {
    bareRead: (index) => barePeerRead(peer, index),
    session: (index) => askPeerForSession(peer.worker, userAt(peer.users, index)),
  })
  return {
    bareReadMs: summarize(own.bareRead),
    ticketsMs: summarize(own.tickets),
    hundredTicketsMs: summarize(pages.hundred),
    ticketsToBareRead: summarize(divide(own.tickets, own.bareRead)),
    meToBareRead: summarize(divide(own.me, own.bareRead)),
    tokenToBareRead: summarize(divide(own.ticketsByToken, own.bareRead)),
    hundredToBareRead: summarize(divide(pages.hundred, pages.bareRead)),
    largeToSmall: summarize(divide(own.ticketsOfLarge, own.tickets)),
    peerSessionToBareRead: summarize(divide(peers.session, peers.bareRead)),
  }
}
