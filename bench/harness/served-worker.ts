/** A bundle with the bench's entry around it, in a workerd of its own with local D1 and KV. */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { root } from '../../scripts/checkout.mjs'
import { listChildren } from './process-cpu.ts'

export type LocalDatabase = Awaited<ReturnType<Miniflare['getD1Database']>>

type LocalKv = Awaited<ReturnType<Miniflare['getKVNamespace']>>

export interface ServedWorker {
  readonly origin: string
  /** The process whose CPU time is read. */
  readonly pid: number
  readonly database: (binding: 'DB' | 'DB_LARGE') => Promise<LocalDatabase>
  readonly kv: () => Promise<LocalKv>
  readonly stop: () => Promise<void>
}

interface ServeOptions {
  /** Without one an empty Worker is served. */
  readonly outdir?: string
  readonly databases?: Record<string, string>
  readonly bindings?: Record<string, string>
  readonly withBench?: boolean
}

type Modules = { type: 'ESModule' | 'Text'; path: string; contents: string }[]

const EMPTY_WORKER = 'export default { fetch: () => new Response("empty") }'

/** Far above what a run sends: the limits are not what is measured. */
const NO_LIMIT = { limit: 10_000_000, period: 60 as const }
const MANY = {
  REGISTRATIONS_PER_MINUTE: '1000',
  SIGN_IN_ADDRESS_FAILURES: '1000',
  SIGN_IN_ACCOUNT_FAILURES: '1000',
}

const secret = () => randomBytes(32).toString('base64url')

/** What decides how workerd behaves must be the same here as in the deployed Worker. */
const COMPATIBILITY = readCompatibility()

export async function serveWorker(options: ServeOptions): Promise<ServedWorker> {
  const { outdir, databases = { DB: 'bench' }, bindings = {}, withBench = true } = options
  const before = new Set(listChildren('workerd'))
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: outdir === undefined ? [emptyModule()] : modulesOf(outdir, withBench),
      modulesRoot: '/',
      ...COMPATIBILITY,
      d1Databases: databases,
      kvNamespaces: ['KV'],
      ratelimits: {
        SIGN_IN_RING: { namespace_id: '1', simple: NO_LIMIT },
        REGISTRATION_RING: { namespace_id: '2', simple: NO_LIMIT },
      },
      bindings: { SECRET_KEY: secret(), DATA_KEY: secret(), ...MANY, ...bindings },
      unsafeDirectSockets: [{}],
      // The Worker logs a line per request; the table must stay readable.
      handleStructuredLogs: () => undefined,
    }),
  )
  const { origin } = await miniflare.unsafeGetDirectURL()
  const [pid] = listChildren('workerd').filter((child) => !before.has(child))
  if (pid === undefined) throw new Error('Miniflare started no workerd')
  return {
    origin,
    pid,
    database: (binding) => miniflare.getD1Database(binding),
    kv: () => miniflare.getKVNamespace('KV'),
    stop: () => miniflare.dispose(),
  }
}

function emptyModule() {
  return { type: 'ESModule' as const, path: '/index.js', contents: EMPTY_WORKER }
}

/** The first module is the entry. Every module stands in one folder, so that relative imports find it. */
function modulesOf(outdir: string, withBench: boolean): Modules {
  const bundle = readdirSync(outdir)
    .filter((name) => name === 'index.js' || name.endsWith('.txt'))
    .sort((a, b) => Number(b === 'index.js') - Number(a === 'index.js'))
    .map((name) => ({
      type: name === 'index.js' ? ('ESModule' as const) : ('Text' as const),
      path: `/${name}`,
      contents: readFileSync(join(outdir, name), 'utf8'),
    }))
  if (!withBench) return bundle
  const bench = ['entry.ts', 'bare-work.ts', 'counting.ts'].map((name) => ({
    type: 'ESModule' as const,
    path: `/${name}`,
    contents: stripTypeScriptTypes(readFileSync(join(root, 'bench', 'worker', name), 'utf8')),
  }))
  return [...bench, ...bundle]
}

function readCompatibility() {
  const toml = readFileSync(join(root, 'wrangler.toml'), 'utf8')
  const date = /^compatibility_date = "([\d-]+)"/m.exec(toml)?.[1]
  const flags = /^compatibility_flags = \[(.*)\]/m.exec(toml)?.[1] ?? ''
  if (date === undefined) throw new Error('wrangler.toml has no compatibility_date')
  return {
    compatibilityDate: date,
    compatibilityFlags: [...flags.matchAll(/"([^"]+)"/g)].map(([, flag]) => flag ?? ''),
  }
}

/** Runs every migration of a folder, in the order of their names. */
export async function applyMigrations(database: LocalDatabase, folder: string): Promise<void> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  for (const name of files.sort()) {
    await database.prepare(readFileSync(join(folder, name), 'utf8')).run()
  }
}
