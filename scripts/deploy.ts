// Checks, migrates the deployed database, then deploys: the new code finds the tables that it needs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './checkout.mjs'
import { startWrangler } from './wrangler.mjs'

const USAGE = `Usage: npm run deploy -- [--dry-run]

  --dry-run    say what would be done, and only build the Worker
`

const MISSING_RESOURCES = `wrangler.toml still has the ids of a fresh checkout. Make what the Worker needs, once:

  npx wrangler d1 create mechanic-shop           then write database_id into wrangler.toml
  npx wrangler kv namespace create KV            then write the id under [[kv_namespaces]]
  npx wrangler secret put SECRET_KEY             32 random bytes in base64url, for example from
  npx wrangler secret put DATA_KEY                 openssl rand -base64 32 | tr '+/' '-_' | tr -d '='
`

/** The ids in the repository are all zeros: each deployment has its own. */
function hasPlaceholders(): boolean {
  return /^(database_)?id\s*=\s*"[0-]+"/m.test(readFileSync(join(root, 'wrangler.toml'), 'utf8'))
}

type Step = { command: string; start: () => ReturnType<typeof spawn>; onDryRun: boolean }

function wranglerStep(...args: string[]): Step {
  const start = () => startWrangler(args, { stdio: 'inherit' })
  return { command: `wrangler ${args.join(' ')}`, start, onDryRun: args.includes('--dry-run') }
}

function listSteps(dryRun: boolean): Step[] {
  const check = () => spawn(process.execPath, [join(root, 'scripts', 'check.ts')], { stdio: 'inherit' })
  return [
    { command: 'npm run check', start: check, onDryRun: false },
    wranglerStep('d1', 'migrations', 'apply', 'DB', '--remote'),
    wranglerStep('deploy', ...(dryRun ? ['--dry-run', '--outdir', 'dist'] : [])),
  ]
}

async function deploy(dryRun: boolean): Promise<number> {
  if (hasPlaceholders()) {
    process.stderr.write(MISSING_RESOURCES)
    if (!dryRun) return 1
  }
  for (const { command, start, onDryRun } of listSteps(dryRun)) {
    const skipped = dryRun && !onDryRun
    process.stdout.write(`\n${skipped ? 'Would run' : 'Running'}: ${command}\n`)
    if (skipped) continue
    const [code] = await once(start(), 'exit')
    if (code !== 0) {
      process.stderr.write(`${command} failed. Nothing after it was done.\n`)
      return 1
    }
  }
  return 0
}

try {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) process.stdout.write(USAGE)
  else process.exitCode = await deploy(values['dry-run'] ?? false)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
