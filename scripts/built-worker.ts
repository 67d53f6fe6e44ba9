// The built Worker in Miniflare, outside of wrangler: with the settings of wrangler.toml and secrets of its own.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { root } from './checkout.mjs'

/** So many that no test or linter meets a limit. */
const RING = { simple: { limit: 1_000, period: 60 } } as const
const LIMITS = {
  REGISTRATIONS_PER_MINUTE: '1000',
  SIGN_IN_ADDRESS_FAILURES: '1000',
  SIGN_IN_ACCOUNT_FAILURES: '1000',
}

/**
 * Starts the bundle that `wrangler deploy --dry-run --outdir` has put into `outdir`; the caller disposes of it. Its data
 * are gone then, unless they are those that wrangler keeps in `stateDirectory`.
 */
export function startBuiltWorker(outdir: string, stateDirectory?: string): Miniflare {
  const secret = () => randomBytes(32).toString('base64url')
  const texts = readdirSync(outdir).filter((name) => name.endsWith('.txt'))
  return new Miniflare(
    convertV4MiniflareOptions({
      modules: [
        { type: 'ESModule', path: join(outdir, 'index.js') },
        ...texts.map((name) => ({ type: 'Text' as const, path: join(outdir, name) })),
      ],
      modulesRoot: outdir,
      ...readCompatibility(),
      d1Databases: { DB: readToml(/^database_id = "(.+)"/m) },
      ...(stateDirectory !== undefined && { resourcePersistencePath: join(stateDirectory, 'v3') }),
      kvNamespaces: ['KV'],
      ratelimits: {
        SIGN_IN_RING: { namespace_id: '1', ...RING },
        REGISTRATION_RING: { namespace_id: '2', ...RING },
      },
      bindings: { SECRET_KEY: secret(), DATA_KEY: secret(), ...LIMITS },
      // The Worker's own log lines are not what its starter wants to read.
      handleStructuredLogs: () => undefined,
      unsafeDirectSockets: [{}],
    }),
  )
}

function readCompatibility(): { compatibilityDate: string; compatibilityFlags: string[] } {
  const flags = readToml(/^compatibility_flags = \[(.*)\]/m)
  return {
    compatibilityDate: readToml(/^compatibility_date = "([\d-]+)"/m),
    compatibilityFlags: flags.match(/\w+/g) ?? [],
  }
}

/** What an expression finds in wrangler.toml. */
function readToml(expression: RegExp): string {
  const [, found] = expression.exec(readFileSync(join(root, 'wrangler.toml'), 'utf8')) ?? []
  if (found === undefined) throw new Error(`wrangler.toml has nothing like ${expression}`)
  return found
}
