import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { canonicalEmail } from '../src/accounts/email-address.ts'
import { type Database, execute, sqlText } from './database.ts'
import { applyLocalMigrations, defaultStateDirectory } from './local-migrations.mjs'
import { refuseSwallowedOptions } from './npm-options.ts'
import {
  createAccountStatements,
  makeResetToken,
  type ResetToken,
  requestResetStatements,
  type StaffRole,
  unlockStatements,
} from './staff-accounts.ts'

const USAGE = `Usage:
  npm run account -- create --role admin|mechanic --email ADDRESS [--first-name NAME] [--last-name NAME]
  npm run account -- reset  --email ADDRESS     make a new token to choose a password with
  npm run account -- unlock --email ADDRESS     let a suspended account sign in again

  --remote             the deployed database instead of the local one
  --persist-to DIR     the local database in DIR, as given to npm start
`

function readCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      role: { type: 'string' },
      email: { type: 'string' },
      'first-name': { type: 'string', default: 'Shop' },
      'last-name': { type: 'string' },
      remote: { type: 'boolean', default: false },
      'persist-to': { type: 'string', default: defaultStateDirectory },
      help: { type: 'boolean', default: false },
    },
  })
  return { ...values, command: positionals.length === 1 ? positionals[0] : undefined }
}

type CommandLine = ReturnType<typeof readCommandLine>

async function openDatabase(options: CommandLine): Promise<Database> {
  if (options.remote) return 'remote'
  const stateDirectory = resolve(options['persist-to'])
  await applyLocalMigrations(stateDirectory)
  return { stateDirectory }
}

async function accountExists(database: Database, email: string): Promise<boolean> {
  const query = `SELECT id FROM accounts WHERE email_canonical = ${sqlText(email)}`
  const [rows] = await execute(database, [query])
  return rows?.length === 1
}

function readEmail(options: CommandLine): { typed: string; canonical: string } {
  if (options.email === undefined) throw new Error('--email is missing.')
  const canonical = canonicalEmail(options.email)
  if (canonical === undefined) throw new Error(`Not an e-mail address: ${options.email}`)
  return { typed: options.email, canonical }
}

function readRole(options: CommandLine): StaffRole {
  if (options.role === 'admin' || options.role === 'mechanic') return options.role
  if (options.role === 'customer') throw new Error('Customers register themselves: POST /customers/')
  throw new Error('--role must be admin or mechanic.')
}

/** Same bounds as the API's: an account made here must be one that its owner can later read and change. */
function readName(name: string, option: string): string {
  const length = [...name].length
  if (length < 1 || length > 100) throw new Error(`${option} must have 1 to 100 characters.`)
  return name
}

async function create(options: CommandLine, now: number): Promise<void> {
  const role = readRole(options)
  const email = readEmail(options)
  const firstName = readName(options['first-name'], '--first-name')
  const lastName = readName(options['last-name'] ?? (role === 'admin' ? 'Admin' : 'Mechanic'), '--last-name')
  const database = await openDatabase(options)
  if (await accountExists(database, email.canonical)) {
    throw new Error(`There is already an account for ${email.canonical}. Nothing was changed.`)
  }
  const reset = makeResetToken(now)
  const account = { role, email: email.typed, canonicalEmail: email.canonical, firstName, lastName }
  await execute(database, createAccountStatements(account, reset))
  process.stdout.write(`Made the ${role} account ${email.typed}. It has no password yet.\n`)
  explainToken(reset, options)
}

async function reset(options: CommandLine, now: number): Promise<void> {
  const email = readEmail(options)
  const database = await openExisting(options, email.canonical)
  const token = makeResetToken(now)
  await execute(database, requestResetStatements(email.canonical, token))
  process.stdout.write(`A new password for ${email.typed} can be chosen; older tokens are void.\n`)
  explainToken(token, options)
}

async function unlock(options: CommandLine, now: number): Promise<void> {
  const email = readEmail(options)
  const database = await openExisting(options, email.canonical)
  await execute(database, unlockStatements(email.canonical, now))
  process.stdout.write(`The account ${email.typed} is active.\n`)
}

async function openExisting(options: CommandLine, email: string): Promise<Database> {
  const database = await openDatabase(options)
  if (await accountExists(database, email)) return database
  throw new Error(`There is no account for ${email}. Nothing was changed.`)
}

function explainToken({ token, expiresAt }: ResetToken, options: CommandLine): void {
  const address = options.remote ? 'https://YOUR-WORKER-ADDRESS' : 'http://127.0.0.1:8787'
  process.stdout.write(`
Token:  ${token}
Until:  ${new Date(expiresAt * 1000).toISOString()}, for one use

Choose the password with it, at the address that serves the API:
  curl -X POST ${address}/auth/password/reset \\
    -H 'Content-Type: application/json' \\
    -d '{"token":"${token}","password":"THE-NEW-PASSWORD"}'
`)
}

const COMMANDS = new Map(Object.entries({ create, reset, unlock }))

async function run(): Promise<number> {
  refuseSwallowedOptions('account', ['remote', 'persist-to', 'email', 'role'])
  const options = readCommandLine()
  const command = COMMANDS.get(options.command ?? '')
  if (options.help || command === undefined) {
    process.stdout.write(USAGE)
    return options.help ? 0 : 1
  }
  await command(options, Math.floor(Date.now() / 1000))
  return 0
}

try {
  process.exitCode = await run()
} catch (error) {
  // The message alone: what goes wrong here is a mistake on the command line or told by wrangler.
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
