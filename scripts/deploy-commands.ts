// How a step of `npm run deploy` runs wrangler. Nothing secret is ever an argument: what is goes to stdin.
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'

/** Starts wrangler; the tests give one that only plays it. */
export type Start = (args: string[], options: SpawnOptions) => ChildProcess

/** What every step works with. */
export type Deployment = {
  readonly start: Start
  /** Whether `npm run check` held. */
  readonly check: () => Promise<boolean>
  readonly configPath: string
  readonly secretsPath: string
  /** Absent without a terminal: then nothing is asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  readonly print: (line: string) => void
  /** How long the smoke test waits for a deployment to be served everywhere, in milliseconds. */
  readonly patience: number
  /** What the deployed Worker answers at; known once it is deployed. */
  addresses: string[]
}

/** What it takes to run wrangler. */
export type Runner = Pick<Deployment, 'start' | 'print'>

export type Answer = { readonly code: number; readonly stdout: string; readonly stderr: string }

export function showCommand(args: readonly string[]): string {
  return ['wrangler', ...args.map((arg) => (/[\s'"*]/.test(arg) ? JSON.stringify(arg) : arg))].join(' ')
}

/** Runs wrangler to its end and returns what it printed, whether it succeeded or not. */
export async function readWrangler(deployment: Runner, args: string[], input = ''): Promise<Answer> {
  deployment.print(`  ${showCommand(args)}`)
  const child = deployment.start(args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const printed = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text) => {
      printed[stream] += text
    })
  }
  // One that ends without reading breaks the pipe; its exit code says why.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  const [code] = await once(child, 'close')
  return { code: code ?? 1, ...printed }
}

/** What wrangler printed, or an error with what it said when it failed. */
export async function needWrangler(deployment: Runner, args: string[], input = ''): Promise<string> {
  const answer = await readWrangler(deployment, args, input)
  if (answer.code !== 0) throw failure(args, answer)
  return answer.stdout
}

export function failure(args: string[], { stdout, stderr }: Answer): Error {
  const said = stripVTControlCharacters(stderr.trim() === '' ? stdout : stderr).trim()
  return new Error(`${showCommand(args)} failed:\n${said}`)
}

type Shown = { readonly asks: boolean; readonly environment?: Record<string, string> }

/** Runs wrangler before the owner's eyes. One that `asks` gets the terminal, if there is one. */
export async function showWrangler(
  deployment: Deployment,
  args: string[],
  { asks, environment = {} }: Shown,
): Promise<void> {
  deployment.print(`  ${showCommand(args)}`)
  const stdin = asks && deployment.ask !== undefined ? 'inherit' : 'ignore'
  const env = { ...process.env, ...environment }
  const child = deployment.start(args, { stdio: [stdin, 'inherit', 'inherit'], env })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${showCommand(args)} failed; it says why above.`)
}

/** The value of a JSON text, or undefined. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The rows of a JSON list that wrangler printed. */
export function parseRows(text: string, args: string[]): Record<string, unknown>[] {
  const rows = parseJson(text)
  if (!Array.isArray(rows)) throw new Error(`${showCommand(args)} printed no list:\n${text}`)
  return rows
}
