/** The same work done by Better Auth: how it is installed, served, and what its requests look like. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/checkout.mjs'
import { type Ask, send, sendOk } from '../harness/load.ts'
import { applyMigrations, type ServedWorker, serveWorker } from '../harness/served-worker.ts'
import type { StorageCalls } from '../worker/counting.ts'
import { PASSWORD } from './shop.ts'
import { countOne } from './storage-calls.ts'

export const PEERS_FOLDER = join(root, 'bench', 'peers')

/** Installs what the peers' lock file names, unless that has been done. */
export function installPeers(): void {
  const record = join(PEERS_FOLDER, 'node_modules', '.package-lock.json')
  const lockFile = join(PEERS_FOLDER, 'package-lock.json')
  if (existsSync(record) && statSync(record).mtimeMs >= statSync(lockFile).mtimeMs) return
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: PEERS_FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error('npm ci in bench/peers failed')
}

export function readPeerVersion(): string {
  const manifest = readFileSync(join(PEERS_FOLDER, 'package.json'), 'utf8')
  return JSON.parse(manifest).dependencies['better-auth']
}

export async function serveBetterAuth(outdir: string): Promise<ServedWorker> {
  const bindings = { BETTER_AUTH_SECRET: randomBytes(32).toString('base64url') }
  const worker = await serveWorker({ outdir, bindings })
  await applyMigrations(await worker.database('DB'), join(PEERS_FOLDER, 'schema'))
  return worker
}

/** `path` is below the base path that Better Auth has by default. */
function ask(worker: ServedWorker, path: string, body?: unknown, cookie?: string): Ask {
  return {
    origin: worker.origin,
    path: `/api/auth${path}`,
    headers: { 'cf-connecting-ip': '192.0.2.1', ...(cookie !== undefined && { Cookie: cookie }) },
    ...(body !== undefined && { method: 'POST', body }),
  }
}

export function askPeerToSignIn(worker: ServedWorker, email: string, password = PASSWORD): Ask {
  return ask(worker, '/sign-in/email', { email, password })
}

export function askPeerToSignUp(worker: ServedWorker, email: string): Ask {
  return ask(worker, '/sign-up/email', { name: 'Vera Lindqvist', email, password: PASSWORD })
}

export interface PeerUser {
  readonly id: string
  readonly email: string
  readonly cookie: string
}

export async function signUpPeer(worker: ServedWorker, email: string): Promise<PeerUser> {
  await sendOk(askPeerToSignUp(worker, email))
  const answer = await sendOk(askPeerToSignIn(worker, email))
  const [setCookie = ''] = answer.headers['set-cookie'] ?? []
  const cookie = setCookie.split(';')[0] ?? ''
  const session = await send(ask(worker, '/get-session', undefined, cookie))
  const { user } = JSON.parse(session.text) ?? {}
  if (user?.email !== email) throw new Error('Better Auth does not know its own session')
  return { id: user.id, email, cookie }
}

export function askPeerForSession(worker: ServedWorker, user: PeerUser): Ask {
  return ask(worker, '/get-session', undefined, user.cookie)
}

export interface CountedPeerRoute {
  readonly route: string
  readonly calls: StorageCalls
}

export async function countPeerCalls(worker: ServedWorker, user: PeerUser): Promise<CountedPeerRoute[]> {
  const signIn = (email: string, password?: string) => askPeerToSignIn(worker, email, password)
  const steps: { route: string; expected: number; asked: Ask }[] = [
    { route: 'get-session', expected: 200, asked: askPeerForSession(worker, user) },
    { route: 'sign-in', expected: 200, asked: signIn(user.email) },
    { route: 'sign-in, wrong password', expected: 401, asked: signIn(user.email, 'wrong-wrench-42') },
    { route: 'sign-in, unknown e-mail', expected: 401, asked: signIn('nobody@shop.test') },
    { route: 'sign-up', expected: 200, asked: askPeerToSignUp(worker, 'nils@shop.test') },
    { route: 'sign-out', expected: 200, asked: signOut(worker, user) },
  ]
  const counted: CountedPeerRoute[] = []
  for (const step of steps) {
    counted.push({ route: `Better Auth ${step.route}`, calls: await countOne(step.asked, step) })
  }
  return counted
}

/** A request with a cookie that changes something must name its origin. */
function signOut(worker: ServedWorker, user: PeerUser): Ask {
  const asked = ask(worker, '/sign-out', {}, user.cookie)
  return { ...asked, headers: { ...asked.headers, Origin: 'https://shop.example' } }
}
