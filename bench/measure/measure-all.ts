/** All measurements of one run, the Worker and its peer in turns. */
import { join } from 'node:path'
import { root } from '../../scripts/checkout.mjs'
import { buildBundle } from '../harness/bundle.ts'
import { applyMigrations, type ServedWorker, serveWorker } from '../harness/served-worker.ts'
import { type Figure, median, summarize } from '../harness/statistics.ts'
import {
  askPeerToSignIn,
  askPeerToSignUp,
  type CountedPeerRoute,
  countPeerCalls,
  installPeers,
  PEERS_FOLDER,
  type PeerUser,
  serveBetterAuth,
  signUpPeer,
} from './better-auth.ts'
import { divide } from './cpu.ts'
import type { Plan } from './plan.ts'
import { barePeerRead, bareRead, measureReads, type Peer, type Shop, userAt } from './reads.ts'
import {
  askToRegister,
  askToSignIn,
  makeApiToken,
  type Person,
  register,
  registerAdmin,
  seedCustomers,
  signIn,
} from './shop.ts'
import { probeNeighbour, rateInTurns, timeInTurns } from './sign-in.ts'
import { measureStartUp } from './start-up.ts'
import { type CountedRoute, countStorageCalls } from './storage-calls.ts'

export type Say = (progress: string) => void

/** Signed-in customers that take turns, so that no single row is always the warm one. */
const PEOPLE = 16

/** So many take turns: one account would soon have more sessions and devices than it may. */
const SIGNERS = 500

/** Calls of 50,000 iterations that one derivation has. */
const CALLS = 12

export interface Measured {
  readonly routes: CountedRoute[]
  readonly peerRoutes: CountedPeerRoute[]
  readonly cpu: Awaited<ReturnType<typeof measureReads>>
  readonly signIns: Awaited<ReturnType<typeof measureSignIns>>
  readonly neighbours: Awaited<ReturnType<typeof measureNeighbours>>
  readonly startUpMs: { readonly shop: Figure; readonly peer: Figure }
  readonly gzipKib: { readonly shop: number; readonly peer: number }
}

export async function measureAll(plan: Plan, say: Say): Promise<Measured> {
  say('installing the peer, building both bundles')
  installPeers()
  const bundle = buildBundle(join(root, 'wrangler.toml'))
  const peerBundle = buildBundle(join(PEERS_FOLDER, 'wrangler.toml'))
  say('start-up')
  const [shopMs = [], peerMs = []] = await measureStartUp(
    [bundle.outdir, peerBundle.outdir],
    plan.startUpRounds,
  )
  const worker = await serveWorker({ outdir: bundle.outdir, databases: { DB: 'small', DB_LARGE: 'large' } })
  const peerWorker = await serveBetterAuth(peerBundle.outdir)
  try {
    const shop = await openShop(worker, plan, say)
    const peer = await openPeer(peerWorker)
    say('storage calls')
    const routes = await countStorageCalls(worker)
    say('CPU of reads')
    const cpu = await measureReads(shop, peer, plan)
    say('sign-ins')
    const signIns = await measureSignIns(shop, peer, plan)
    say('neighbours of sign-ins')
    const neighbours = await measureNeighbours(shop, peer, plan)
    return {
      routes,
      // Last: it signs somebody out.
      peerRoutes: await countPeerCalls(peerWorker, userAt(peer.users, 0)),
      cpu,
      signIns,
      neighbours,
      startUpMs: { shop: summarize(shopMs), peer: summarize(peerMs) },
      gzipKib: { shop: bundle.gzipKib, peer: peerBundle.gzipKib },
    }
  } finally {
    await Promise.all([worker.stop(), peerWorker.stop()])
  }
}

/** Says how far something is, once for every tenth of it. */
function tellTenths(title: string, say: Say): (share: number) => void {
  let told = 0
  return (share) => {
    const tenths = Math.floor(share * 10)
    if (tenths > told) say(`${title}: ${tenths * 10} %`)
    told = tenths
  }
}

async function openShop(worker: ServedWorker, plan: Plan, say: Say): Promise<Shop> {
  const open = async (binding: 'DB' | 'DB_LARGE', customers: number) => {
    const database = await worker.database(binding)
    await applyMigrations(database, join(root, 'migrations'))
    const template = await register(worker, 'template@shop.test', binding)
    const title = `${customers.toLocaleString('en')} customers and their tickets`
    const emails = await seedCustomers(database, customers, SIGNERS, template, tellTenths(title, say))
    const people: Person[] = []
    for (const email of emails.slice(0, PEOPLE)) people.push(await signIn(worker, email, binding))
    return { people, emails }
  }
  const { people, emails } = await open('DB', plan.smallCustomers)
  const admin = await registerAdmin(worker, 'owner@shop.test')
  const apiTokens: string[] = []
  for (const person of people) apiTokens.push(await makeApiToken(worker, person, ['tickets:read']))
  const { people: peopleOfLarge } = await open('DB_LARGE', plan.largeCustomers)
  let signIns = 0
  const askForNextSignIn = () => askToSignIn(worker, emails[signIns++ % SIGNERS] ?? '')
  return { worker, people, peopleOfLarge, admin, apiTokens, askForNextSignIn }
}

async function openPeer(worker: ServedWorker): Promise<Peer> {
  const users: PeerUser[] = []
  for (let index = 0; index < PEOPLE; index++) {
    users.push(await signUpPeer(worker, `user-${index}@shop.test`))
  }
  return { worker, users }
}

async function measureSignIns({ worker, askForNextSignIn }: Shop, peer: Peer, plan: Plan) {
  const peerEmail = userAt(peer.users, 0).email
  const alone = await timeInTurns(plan.signInRounds, [
    askForNextSignIn,
    () => ({ origin: worker.origin, path: `/bench/derive?calls=${CALLS}&iterations=50000` }),
    (round) => askToRegister(worker, `registered-${round}@shop.test`),
    () => askPeerToSignIn(peer.worker, peerEmail),
    (round) => askPeerToSignUp(peer.worker, `registered-${round}@shop.test`),
  ])
  const [signInMs = [], derivationMs = [], registerMs = [], peerSignInMs = [], peerSignUpMs = []] = alone
  const [queued = [], uninterrupted = []] = await rateInTurns(
    { rounds: plan.rateRounds, count: plan.rateSignIns },
    [askForNextSignIn, () => ({ ...askForNextSignIn(), headers: { 'x-bench-uninterrupted': '1' } })],
  )
  return {
    signInMs: summarize(signInMs),
    derivationMs: summarize(derivationMs),
    registerMs: summarize(registerMs),
    signInToDerivation: summarize(divide(signInMs, derivationMs)),
    peerSignInMs: summarize(peerSignInMs),
    peerSignUpMs: summarize(peerSignUpMs),
    perSecond: summarize(queued),
    toUninterrupted: summarize(divide(queued, uninterrupted)),
    callMs: median(derivationMs) / CALLS,
  }
}

async function measureNeighbours(shop: Shop, peer: Peer, plan: Plan) {
  const rounds = { shop: [] as number[][], peer: [] as number[][] }
  for (let round = 0; round < plan.neighbourRounds; round++) {
    const cheap = { ...bareRead(shop, 0), headers: { 'x-bench-announced': '1' } }
    const own = await probeNeighbour(plan.probes, cheap, shop.askForNextSignIn)
    const peers = await probeNeighbour(plan.probes, barePeerRead(peer, 0), (client) =>
      askPeerToSignIn(peer.worker, userAt(peer.users, client).email),
    )
    rounds.shop.push([own.p50, own.p99])
    rounds.peer.push([peers.p50, peers.p99])
  }
  const summary = (of: number[][], position: number) =>
    summarize(of.map((pair) => pair[position] ?? Number.NaN))
  return {
    shop: { p50: summary(rounds.shop, 0), p99: summary(rounds.shop, 1) },
    peer: { p50: summary(rounds.peer, 0), p99: summary(rounds.peer, 1) },
  }
}
