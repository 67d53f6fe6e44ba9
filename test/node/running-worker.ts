/** The bundled Worker in Miniflare behind a direct socket, so that a test can break its connections. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Miniflare } from 'miniflare'
import { startBuiltWorker } from '../../scripts/built-worker.ts'

export interface Reply {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Record<string, unknown>
}

type Database = Awaited<ReturnType<Miniflare['getD1Database']>>

export interface RunningWorker {
  readonly url: URL
  readonly database: Database
  readonly stop: () => Promise<void>
}

/** With an empty database of its own, or on the one that wrangler keeps in `stateDirectory`. */
export async function startWorker(stateDirectory?: string): Promise<RunningWorker> {
  const outdir = mkdtempSync(join(tmpdir(), 'worker-'))
  execFileSync('wrangler', ['deploy', '--dry-run', '--outdir', outdir], { stdio: 'pipe' })
  const miniflare = startBuiltWorker(outdir, stateDirectory)
  const database = await miniflare.getD1Database('DB')
  if (stateDirectory === undefined) await applyMigrations(database)
  return {
    url: await miniflare.unsafeGetDirectURL(),
    database,
    stop: async () => {
      await miniflare.dispose()
      rmSync(outdir, { recursive: true })
    },
  }
}

async function applyMigrations(database: Database): Promise<void> {
  for (const name of readdirSync('migrations')
    .filter((file) => file.endsWith('.sql'))
    .sort()) {
    for (const statement of statementsOf(readFileSync(join('migrations', name), 'utf8'))) {
      await database.prepare(statement).run()
    }
  }
}

/** Statements end with `;` at a line's end; a trigger's body ends with `END;`. */
function statementsOf(sql: string): string[] {
  const lines = sql.split('\n').filter((line) => !line.startsWith('--'))
  const statements: string[] = []
  let current = ''
  for (const line of lines) {
    current += `${line}\n`
    const isInTrigger = /CREATE TRIGGER/.test(current) && !/END;\s*$/.test(current)
    if (/;\s*$/.test(line) && !isInTrigger) {
      statements.push(current)
      current = ''
    }
  }
  return statements
}

export interface Call {
  readonly reply: Promise<Reply>
  /** Resets the connection, as a client does that vanishes; a plain close cancels nothing. */
  readonly reset: () => void
}

/** A POST on a connection of its own. */
export function post(url: URL, path: string, body: unknown): Call {
  const payload = JSON.stringify(body)
  const outgoing = request(`${url.origin}${path}`, {
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) },
  })
  const reply = new Promise<Reply>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      let text = ''
      incoming.on('error', reject)
      incoming.on('data', (chunk) => {
        text += chunk
      })
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: JSON.parse(text) }),
      )
    })
  })
  reply.catch(() => undefined)
  outgoing.end(payload)
  return { reply, reset: () => outgoing.socket?.resetAndDestroy() }
}
