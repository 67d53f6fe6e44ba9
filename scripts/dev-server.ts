import { setTimeout as wait } from 'node:timers/promises'
import {
  beginDemo,
  DEMO_ROLES,
  type DemoAccounts,
  decideDemo,
  findDemoFiles,
  finishDemo,
  publishDemoAccounts,
  withdrawDemoAccounts,
} from './demo-accounts.ts'
import { findDemoProgress, makeDemoData } from './demo-data.ts'
import { claimPort, type DevOptions, localUrl, readDevOptions, sendsMail, USAGE } from './dev-options.ts'
import { applyLocalMigrations, STATE_DIRECTORY_VARIABLE } from './local-migrations.mjs'
import { pointLinksAt, writeMissingSecrets } from './local-secrets.mjs'
import { printMailLinks } from './mail-links.ts'
import { startWrangler, stopWrangler } from './wrangler.mjs'

const START_MILLISECONDS = 120_000

let stopping = false

/** Ends wrangler, then this process. npm and a terminal both pass Ctrl-C on, so it may be asked for twice. */
async function stop(code: number): Promise<void> {
  if (stopping) return
  stopping = true
  await stopWrangler()
  process.exit(code)
}

/** Waits for GET /health to answer 200. */
async function waitUntilHealthy(url: string): Promise<void> {
  const deadline = Date.now() + START_MILLISECONDS
  while (Date.now() < deadline) {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5000) }).catch(
      () => undefined,
    )
    if (response?.status === 200) return
    await wait(200)
  }
  throw new Error(`${url}/health did not answer 200 within ${START_MILLISECONDS / 1000} s.`)
}

/** Returns the demo accounts of the database in use: none if it has none. */
async function provideDemo(options: DevOptions, url: string, healthy: Promise<void>) {
  const { stateDirectory } = options
  const progress = await findDemoProgress({ stateDirectory })
  const decision = decideDemo(findDemoFiles(stateDirectory), progress, options.demo)
  await healthy
  if (decision === 'nothing') return {}
  if (decision === 'show') return publishDemoAccounts(stateDirectory, progress.present)
  process.stdout.write('Making demo data…\n')
  try {
    await makeDemoData({ stateDirectory }, url, beginDemo(stateDirectory), progress)
  } catch (error) {
    // The server is worth having without it, and what is missing is made at the next start.
    process.stderr.write(`The demo data is incomplete, the next start goes on: ${(error as Error).message}\n`)
    return {}
  }
  finishDemo(stateDirectory)
  return publishDemoAccounts(stateDirectory, [...DEMO_ROLES])
}

function printBanner(url: string, accounts: Partial<DemoAccounts>): void {
  const rows = [
    ['API', url],
    ['OpenAPI', `${url}/openapi.json`],
    ['Docs', `${url}/docs`],
  ]
  rows.push([
    'Mails',
    sendsMail ? 'files under .wrangler/tmp/email; their links are printed here' : 'this release sends none',
  ])
  for (const role of DEMO_ROLES) {
    const account = accounts[role]
    if (account) rows.push([`Demo ${role}`, `${account.email.padEnd(33)} ${account.password}`])
  }
  const shown = accounts.admin ?? accounts.mechanic ?? accounts.customer
  if (shown) rows.push(['Sign in', `curl ${url}/auth/login -H 'Content-Type: application/json' \\`])
  else rows.push(['Staff account', 'npm run account -- create --role admin --email ADDRESS'])
  const lines = rows.map(([label = '', text]) => `  ${label.padEnd(15)} ${text}`)
  if (shown) lines.push(`  ${''.padEnd(15)}   -d '${JSON.stringify(shown)}'`)
  process.stdout.write(`\n${lines.join('\n')}\n\n`)
}

async function serve(options: DevOptions): Promise<void> {
  const { host, stateDirectory } = options
  const port = await claimPort(host, options.port)
  const url = localUrl(host, port)
  writeMissingSecrets()
  pointLinksAt(url)
  withdrawDemoAccounts()
  await applyLocalMigrations(stateDirectory)
  if (stopping) return

  const address = ['--ip', host, '--port', String(port), '--persist-to', stateDirectory]
  const wrangler = startWrangler(['dev', ...address, ...options.others], {
    env: { ...process.env, [STATE_DIRECTORY_VARIABLE]: stateDirectory },
  })
  wrangler.once('exit', (code) => void stop(code || 1))
  if (sendsMail) printMailLinks()
  printBanner(url, await provideDemo(options, url, waitUntilHealthy(url)))
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0))
// Whoever started this passes signals on, unless it was killed itself.
const parent = process.ppid
setInterval(() => process.ppid === parent || stop(0), 1000).unref()

try {
  const options = readDevOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(USAGE)
  else await serve(options)
} catch (error) {
  if (!stopping) process.stderr.write(`${(error as Error).message}\n`)
  await stop(1)
}
