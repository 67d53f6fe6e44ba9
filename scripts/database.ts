import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runWrangler } from './wrangler.mjs'

/** The deployed database, or the local one in this state directory. */
export type Database = 'remote' | { stateDirectory: string }

export type Row = Record<string, string | number | null>

/** A text as an SQL literal: `wrangler d1 execute` cannot bind values. */
export function sqlText(value: string): string {
  if (value.includes('\0')) throw new Error('A text for the database may not hold U+0000.')
  return `'${value.replaceAll("'", "''")}'`
}

/**
 * The arguments of wrangler that run the statements as one batch: D1 does all of them or none. They go by
 * `--command`, because a remote `--file` is an import, which stops the database and returns no rows.
 */
export function executeArgs(database: Database, statements: string[]): string[] {
  return [...argsFor(database), `--command=${statements.join(';\n')};`]
}

function argsFor(database: Database): string[] {
  const where = database === 'remote' ? ['--remote'] : ['--local', '--persist-to', database.stateDirectory]
  return ['d1', 'execute', 'DB', ...where, '--json', '--yes']
}

/** The rows of each statement, from what wrangler printed. */
export function readRows({
  code,
  stdout,
  stderr,
}: {
  code: number
  stdout: string
  stderr: string
}): Row[][] {
  const printed = parseJson(stdout)
  if (code === 0 && Array.isArray(printed)) return printed.map((answer) => answer.results as Row[])
  throw new Error(printed?.error?.text ?? `wrangler d1 execute failed.\n${stdout}${stderr}`)
}

/** Runs the statements as one batch and returns the rows of each. */
export async function execute(database: Database, statements: string[]): Promise<Row[][]> {
  return readRows(await runWrangler(executeArgs(database, statements)))
}

/**
 * Runs more statements than a command line has room for, all of them or none. The deployed database answers nobody
 * else meanwhile. The file that wrangler reads is its owner's alone, and gone when this returns or the process ends.
 */
export async function executeFile(database: Database, statements: readonly string[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mechanic-shop-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    const file = join(directory, 'statements.sql')
    writeFileSync(file, `${statements.join(';\n')};\n`, { mode: 0o600 })
    readRows(await runWrangler([...argsFor(database), `--file=${file}`]))
  } finally {
    process.off('exit', remove)
    remove()
  }
}

function parseJson(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
