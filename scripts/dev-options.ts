import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { root } from './checkout.mjs'
import { defaultStateDirectory } from './local-migrations.mjs'

export const USAGE = `Usage: npm start -- [--no-demo] [--port N] [--persist-to DIR] [other options of wrangler dev]

  --no-demo          leave the database as it is: an empty one gets no demo accounts
  --port N           the port to listen on
  --persist-to DIR   keep the local data in DIR
`

export type DevOptions = {
  help: boolean
  demo: boolean
  host: string
  port: number
  stateDirectory: string
  /** What is left for wrangler. */
  others: string[]
}

const settings = readFileSync(join(root, 'wrangler.toml'), 'utf8')

/** Whether the Worker can send mail, which wrangler writes to files locally. */
export const sendsMail = /^\[\[send_email\]\]$/m.test(settings)

/** Reads `[dev]`, which holds for a plain `wrangler dev` as well. */
function readDevSetting(name: string): string | undefined {
  const [, section = ''] = /^\[dev\]$([^[]*)/m.exec(settings) ?? []
  return new RegExp(`^${name}\\s*=\\s*"?([^"\\s]+)`, 'm').exec(section)?.[1]
}

/** Takes `--name value` or `--name=value` out of `args`. */
function takeOption(args: string[], name: string): string | undefined {
  const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`))
  const given = args[at]
  if (given === undefined) return undefined
  const taken = args.splice(at, given === name ? 2 : 1)
  const value = given === name ? taken[1] : given.slice(name.length + 1)
  if (!value) throw new Error(`${name} needs a value.`)
  return value
}

function takeFlag(args: string[], name: string): boolean {
  const at = args.indexOf(name)
  if (at !== -1) args.splice(at, 1)
  return at !== -1
}

export function readDevOptions(commandLine: string[]): DevOptions {
  const others = [...commandLine]
  const help = takeFlag(others, '--help')
  const demo = !takeFlag(others, '--no-demo')
  const host = takeOption(others, '--ip') ?? readDevSetting('ip') ?? '127.0.0.1'
  const port = Number(takeOption(others, '--port') ?? readDevSetting('port') ?? 8787)
  const stateDirectory = resolve(takeOption(others, '--persist-to') ?? defaultStateDirectory)
  // It would put demo accounts with known addresses into the deployed database.
  if (others.includes('--remote') || others.includes('-r'))
    throw new Error('npm start is local: no --remote.')
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('--port must be 0 to 65535.')
  return { help, demo, host, port, stateDirectory, others }
}

/** Where a program on this machine reaches a server that listens on `host`. */
export function localUrl(host: string, port: number): string {
  if (['*', '0.0.0.0', '::'].includes(host)) return `http://127.0.0.1:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Returns the port if nobody listens there, or a free one for 0. wrangler itself notices only after its build. */
export function claimPort(host: string, port: number): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      const reason = taken ? 'is taken by another program' : `cannot be used: ${error.message}`
      reject(new Error(`Port ${port} of ${host} ${reason}. Choose another one: npm start -- --port N`))
    })
    probe.listen(port, host === '*' ? undefined : host, () => {
      const address = probe.address()
      const claimed = typeof address === 'object' && address !== null ? address.port : port
      probe.close(() => resolvePort(claimed))
    })
  })
}
