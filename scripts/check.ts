// The one gate: everything that must hold before a commit is shared. Ends with 1 if any step failed.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { ICruiseResult } from 'dependency-cruiser'
import { pinnedNode, root } from './checkout.mjs'
import { SCHEMA_FILE } from './client-package.ts'
import { generateBlocklist } from './generate-blocklist.mjs'
import { OPENAPI_FILE, writeOpenApiDocument } from './openapi-document.ts'

/** The start of an isolate pays for every byte, and one careless import can double the bundle. */
const MAX_BUNDLE_KIB = 240
const MAX_FILE_LINES = 250

type Outcome = { failed: boolean; output: string; summary?: string }
type Step = { name: string; run: () => Promise<Outcome> | Outcome }

/** Runs a program of node_modules/.bin on the pinned Node. */
function run(program: string, ...args: string[]): Promise<Outcome & { stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'node_modules', '.bin', program), args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${join(pinnedNode, '..')}:${process.env['PATH']}` },
    })
    let output = ''
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    child.once('error', reject)
    // Some programs print colours wherever CI is set, and the summaries below are read from plain text.
    child.once('close', (code) =>
      resolve({ failed: code !== 0, output: stripVTControlCharacters(output), stdout }),
    )
  })
}

async function checkTypes(): Promise<Outcome> {
  const projects = ['tsconfig.json', 'test/tsconfig.json', 'scripts/tsconfig.json', 'bench/tsconfig.json']
  const outcomes: Outcome[] = []
  for (const project of projects) outcomes.push(await run('tsc', '--project', project))
  outcomes.push(await run('../../client/node_modules/.bin/tsc', '--project', 'client', '--noEmit'))
  return {
    failed: outcomes.some((outcome) => outcome.failed),
    output: outcomes.map((outcome) => outcome.output).join(''),
  }
}

const SOURCE_FOLDERS = ['src', 'client/src']

function listSourceFiles(): string[] {
  return SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  )
}

function checkFileLengths(): Outcome {
  const long = listSourceFiles()
    .filter((file) => join(root, file) !== SCHEMA_FILE)
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_FILE_LINES)
  return {
    failed: long.length > 0,
    output: long
      .map(({ file, lines }) => `${file} has ${lines} lines, more than ${MAX_FILE_LINES}.\n`)
      .join(''),
  }
}

async function checkImportRules(): Promise<Outcome> {
  const args = [...SOURCE_FOLDERS, '--config', '.dependency-cruiser.cjs', '--output-type', 'json']
  const cruise = await run('depcruise', ...args)
  if (!cruise.stdout.startsWith('{')) return { failed: true, output: cruise.output }
  const { modules, summary }: ICruiseResult = JSON.parse(cruise.stdout)
  const broken = summary.violations.map(({ rule, from, to, cycle = [] }) =>
    [`${rule.name}: ${from}`, ...(cycle.length > 0 ? cycle.map(({ name }) => name) : [to])].join(' → '),
  )
  // Without its parser dependency-cruiser finds nothing to complain about, because it finds nothing.
  const read = modules.filter(({ source }) => /^(client\/)?src\/.*\.ts$/.test(source)).length
  const files = listSourceFiles().length
  if (read < files) broken.push(`Only ${read} of ${files} source files were read: is @swc/core installed?`)
  return { failed: broken.length > 0, output: broken.map((line) => `${line}\n`).join('') }
}

async function runTests(): Promise<Outcome> {
  const outcome = await run('vitest', 'run')
  const summary = outcome.output.split('\n').filter((line) => /^\s*(Test Files|Tests)\s/.test(line))
  return { ...outcome, summary: summary.join('\n') }
}

async function checkBundle(): Promise<Outcome> {
  const outcome = await run('wrangler', 'deploy', '--dry-run', '--outdir', 'dist')
  if (outcome.failed) return outcome
  const size = Number(/gzip: ([\d.]+) KiB/.exec(outcome.output)?.[1])
  // NaN, when wrangler words it differently one day, is no size below the limit either.
  if (size <= MAX_BUNDLE_KIB)
    return { ...outcome, summary: `  ${size} KiB gzipped, at most ${MAX_BUNDLE_KIB}` }
  return { failed: true, output: `${outcome.output}\nThe bundle may have ${MAX_BUNDLE_KIB} KiB gzipped.\n` }
}

/** Lints the document that the built Worker serves, so it comes after the bundle. */
async function checkOpenApi(): Promise<Outcome> {
  await writeOpenApiDocument()
  const spectral = await run(
    'spectral',
    'lint',
    OPENAPI_FILE,
    '--ruleset',
    '.spectral.yaml',
    '--fail-severity',
    'warn',
  )
  const redocly = await run('redocly', 'lint', OPENAPI_FILE, '--config', 'redocly.yaml')
  return { failed: spectral.failed || redocly.failed, output: spectral.output + redocly.output }
}

const steps: Step[] = [
  {
    name: 'format and lint',
    run: () => run('biome', 'ci', '--colors=off', '--diagnostic-level=warn', '--error-on-warnings'),
  },
  { name: 'types', run: checkTypes },
  { name: 'file lengths', run: checkFileLengths },
  { name: 'import rules', run: checkImportRules },
  { name: 'unused code', run: () => run('knip') },
  { name: 'bundle', run: checkBundle },
  { name: 'openapi', run: checkOpenApi },
  { name: 'tests', run: runTests },
]

/** Runs a step, says how it went, and returns whether it held. */
async function report({ name, run: runStep }: Step): Promise<boolean> {
  const begun = performance.now()
  const { failed, output, summary } = await runStep()
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  process.stdout.write(`${failed ? 'FAILED' : 'ok    '}  ${name.padEnd(16)} ${seconds.padStart(6)} s\n`)
  if (failed) process.stdout.write(`${output}\n`)
  else if (summary) process.stdout.write(`${summary}\n`)
  return !failed
}

// Types, bundle and tests all need the list, and a fresh clone has none.
generateBlocklist()
const failures: string[] = []
for (const step of steps) {
  if (step.run === runTests && process.argv.includes('--skip-tests')) continue
  if (!(await report(step))) failures.push(step.name)
}
process.stdout.write(failures.length === 0 ? 'All checks hold.\n' : `Failed: ${failures.join(', ')}.\n`)
process.exitCode = failures.length === 0 ? 0 : 1
