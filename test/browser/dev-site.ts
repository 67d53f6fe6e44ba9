/** A real `wrangler dev` on a free port, with a database of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { claimPort, localUrl } from '../../scripts/dev-options.ts'
import { STATE_DIRECTORY_VARIABLE } from '../../scripts/local-migrations.mjs'
import { startWrangler, stopWrangler } from '../../scripts/wrangler.mjs'

const HOST = '127.0.0.1'
const START_MILLISECONDS = 150_000

export interface DevSite {
  readonly url: string
  /** The text of the next mail that holds something; those before it are skipped. */
  readonly nextMailWith: (part: string) => Promise<string>
  readonly stop: () => Promise<void>
}

export async function startDevSite(): Promise<DevSite> {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'browser-test-'))
  const port = await claimPort(HOST, 0)
  const inspector = await claimPort(HOST, 0)
  const address = ['--ip', HOST, '--port', String(port), '--inspector-port', String(inspector)]
  const wrangler = startWrangler(['dev', ...address, '--persist-to', stateDirectory], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [STATE_DIRECTORY_VARIABLE]: stateDirectory },
  })
  let output = ''
  for (const stream of [wrangler.stdout, wrangler.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk
    })
  }
  const stop = async () => {
    await stopWrangler()
    rmSync(stateDirectory, { recursive: true, force: true })
  }
  const read = new Set<string>()
  const nextMailWith = async (part: string) => {
    for (let look = 0; look < 200; look++) {
      // wrangler names the file of each mail.
      for (const [, file = ''] of output.matchAll(/^Text: (\S+)$/gm)) {
        const text = read.has(file) ? '' : readFileSync(file, 'utf8')
        read.add(file)
        if (text.includes(part)) return text
      }
      await wait(50)
    }
    throw new Error(`no such mail was written:\n${output}`)
  }
  const url = localUrl(HOST, port)
  const deadline = Date.now() + START_MILLISECONDS
  while (wrangler.exitCode === null && Date.now() < deadline) {
    const ready = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined)
    if (ready?.status === 200) return { url, nextMailWith, stop }
    await wait(200)
  }
  await stop()
  throw new Error(`wrangler dev is not ready:\n${output}`)
}
