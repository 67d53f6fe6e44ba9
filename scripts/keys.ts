import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './checkout.mjs'
import { execute } from './database.ts'
import { retire, rotate, type Session, showStatus } from './key-commands.ts'
import { type KeyStore, localStore, remoteStore } from './key-stores.ts'
import type { Ring } from './key-usage.ts'
import { applyLocalMigrations, defaultStateDirectory } from './local-migrations.mjs'
import { refuseSwallowedOptions } from './npm-options.ts'
import { openTerminal } from './terminal.ts'
import { startWrangler } from './wrangler.mjs'

const USAGE = `Usage:
  npm run keys -- status                  every key: its age, what names it, whether it may go
  npm run keys -- rotate [secret|data]    a new key of each kind, or of one; nobody is signed out
  npm run keys -- retire NAME             remove an old key that nothing needs any more
      --force-reset    first remove the passwords and end the sessions that need it
      --yes            do not ask

  --remote             the deployed Worker instead of .dev.vars and the local database
  --persist-to DIR     the local database in DIR, as given to npm start

The Worker's cron writes down which keys it has. A local one runs when it is called:
  curl http://127.0.0.1:8787/cdn-cgi/local/scheduled
`

function readCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'force-reset': { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      remote: { type: 'boolean', default: false },
      'persist-to': { type: 'string', default: defaultStateDirectory },
      help: { type: 'boolean', default: false },
    },
  })
  const [command, argument, ...others] = positionals
  return { ...values, command: others.length === 0 ? command : undefined, argument }
}

type CommandLine = ReturnType<typeof readCommandLine>

const print = (line: string) => void process.stdout.write(`${line}\n`)

async function openStore(options: CommandLine): Promise<KeyStore> {
  if (options.remote) {
    return remoteStore({ start: startWrangler, print, secretsPath: join(root, 'secrets.production') })
  }
  const stateDirectory = resolve(options['persist-to'])
  await applyLocalMigrations(stateDirectory)
  return localStore(join(root, '.dev.vars'), (statements) => execute({ stateDirectory }, statements))
}

async function confirm(options: CommandLine, question: string): Promise<boolean> {
  if (options.yes) return true
  const ask = openTerminal()
  if (!ask) throw new Error(`${question}\nThere is no terminal to answer in: --yes says yes.`)
  return /^y(es)?$/i.test((await ask(`${question} [y/N] `)).trim())
}

/** What the command line asks for; undefined when it cannot be read. */
function readCommand(options: CommandLine): ((session: Session) => Promise<void>) | undefined {
  const { command, argument } = options
  if (command === 'status' && argument === undefined) return showStatus
  if (command === 'retire' && argument !== undefined) {
    return (session) => retire(session, argument, { forceReset: options['force-reset'] })
  }
  if (command !== 'rotate') return undefined
  const both: Ring[] = ['secret', 'data']
  const rings = both.filter((ring) => argument === undefined || argument === ring)
  return rings.length > 0 ? (session) => rotate(session, rings) : undefined
}

async function run(): Promise<number> {
  refuseSwallowedOptions('keys', ['remote', 'force-reset', 'persist-to'])
  const options = readCommandLine()
  const command = readCommand(options)
  if (options.help || command === undefined) {
    process.stdout.write(USAGE)
    return options.help ? 0 : 1
  }
  const now = Math.floor(Date.now() / 1000)
  await command({
    store: await openStore(options),
    now,
    print,
    confirm: (question) => confirm(options, question),
  })
  return 0
}

try {
  process.exitCode = await run()
} catch (error) {
  // The message alone: what goes wrong here is a mistake on the command line or told by wrangler.
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
