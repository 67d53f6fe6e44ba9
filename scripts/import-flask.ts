import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Database, execute, executeFile } from './database.ts'
import { openSource, type Source } from './import-flask/source.ts'
import { chunksOf } from './import-flask/statements.ts'
import {
  describeGiven,
  describeOutcome,
  describePlan,
  freshLines,
  isComplete,
  type Survey,
  survey,
} from './import-flask/survey.ts'
import { EMPTY_TARGET, readTarget, reserveIds, type Target } from './import-flask/target.ts'
import { applyLocalMigrations, defaultStateDirectory } from './local-migrations.mjs'
import { refuseSwallowedOptions } from './npm-options.ts'

const USAGE = `Usage:
  npm run import-flask -- FILE.sqlite     bring the rows of the old service's database into the new one

  --dry-run            only say what it would do
  --remote             the deployed database instead of the local one
  --persist-to DIR     the local database in DIR, as given to npm start

Stop the old service first. Rows keep their ids, so it comes before the first account. It may be run again: what was
imported once is left alone. docs/migrate-from-flask.md says what becomes of rows that are not right.
`

function readCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      remote: { type: 'boolean', default: false },
      'persist-to': { type: 'string', default: defaultStateDirectory },
      help: { type: 'boolean', default: false },
    },
  })
  return { ...values, path: positionals.length === 1 ? positionals[0] : undefined }
}

type CommandLine = ReturnType<typeof readCommandLine>

/** Names and ids of the old file are whatever somebody put there: nothing of it steers a terminal, or turns the text around. */
const plain = (said: string) => said.replace(/[^\P{C}\n]/gu, '?')

/** Nor does it begin a line of its own, which would be read as one of ours. */
const print = (lines: readonly string[]) =>
  void process.stdout.write(lines.map((line) => `${plain(line.replaceAll('\n', '?'))}\n`).join(''))

async function openDatabase(options: CommandLine): Promise<Database> {
  if (options.remote) return 'remote'
  const stateDirectory = resolve(options['persist-to'])
  if (!options['dry-run']) await applyLocalMigrations(stateDirectory)
  return { stateDirectory }
}

const runOn = (database: Database) => (statements: string[]) => execute(database, statements)

/** What the database has; a local one that is still to be made has nothing, and a dry run does not make it. */
async function findTarget(database: Database, options: CommandLine): Promise<Target> {
  const isMade = database === 'remote' || existsSync(join(database.stateDirectory, 'v3', 'd1'))
  if (options['dry-run'] && !isMade) return EMPTY_TARGET
  try {
    return await readTarget(runOn(database))
  } catch (error) {
    if (!(error as Error).message.includes('no such table')) throw error
    const how = database === 'remote' ? 'npm run deploy' : 'npm start, or an import without --dry-run,'
    throw new Error(`The database has not got the newest tables: ${how} makes them. Nothing was imported.`)
  }
}

/** Where somebody looks on. */
function showProgress(done: number, all: number): void {
  if (!process.stderr.isTTY) return
  const share = all === 0 ? 1 : Math.min(done / all, 1)
  const bar = '#'.repeat(Math.round(share * 30)).padEnd(30, '.')
  const end = share === 1 ? '\n' : ''
  process.stderr.write(`\r[${bar}] ${Math.floor(share * 100)} %, ${done} of ${all} rows${end}`)
}

type Job = {
  readonly source: Source
  readonly database: Database
  readonly target: Target
  readonly now: number
}

async function load({ source, database, target, now }: Job, plan: Survey): Promise<void> {
  await reserveIds(runOn(database), target, plan.highest)
  let done = 0
  showProgress(done, plan.fresh)
  for (const { statements, lines } of chunksOf(freshLines(source, target, now), now)) {
    await executeFile(database, statements)
    done += lines
    showProgress(done, plan.fresh)
  }
}

/** Asks the database anew what is there. Whether all of the file is, but for the rows that were left out. */
async function reconcile({ source, database, now }: Job): Promise<boolean> {
  const target = await readTarget(runOn(database))
  const after = survey(source, target, now)
  print(describeOutcome(source, after, target.deleted))
  if (isComplete(source, after)) return true
  print([`Not everything is there. Run it again; missing, among others: ${after.missing.join(', ')}`])
  return false
}

async function importFile(source: Source, options: CommandLine, now: number): Promise<number> {
  const database = await openDatabase(options)
  const target = await findTarget(database, options)
  const plan = survey(source, target, now)
  print(describePlan(source, plan))
  const refusal = describeGiven(plan.given)
  if (refusal !== undefined) throw new Error(refusal)
  if (options['dry-run']) {
    print(['Nothing was written: --dry-run.'])
    return 0
  }
  const job = { source, database, target, now }
  if (plan.fresh > 0) await load(job, plan)
  return (await reconcile(job)) ? 0 : 1
}

async function run(): Promise<number> {
  refuseSwallowedOptions('import-flask', ['remote', 'persist-to', 'dry-run'])
  const options = readCommandLine()
  if (options.help || options.path === undefined) {
    process.stdout.write(USAGE)
    return options.help ? 0 : 1
  }
  const source = openSource(resolve(options.path))
  try {
    return await importFile(source, options, Math.floor(Date.now() / 1000))
  } finally {
    source.close()
  }
}

// So that the file with the statements goes even then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

try {
  process.exitCode = await run()
} catch (error) {
  // The message alone: what goes wrong here is a mistake on the command line, in the file, or told by wrangler.
  process.stderr.write(`${plain((error as Error).message)}\n`)
  process.exitCode = 1
}
