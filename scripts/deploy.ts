// One command from a checkout to a served Worker. What each step does is in docs/deploy.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './checkout.mjs'
import { judgeBuild } from './deploy-budgets.ts'
import type { Deployment } from './deploy-commands.ts'
import { readDeployConfig } from './deploy-config.ts'
import { showSettings } from './deploy-settings.ts'
import { runSteps, STEPS } from './deploy-steps.ts'
import { openTerminal } from './terminal.ts'
import { startWrangler } from './wrangler.mjs'

const USAGE = `Usage: npm run deploy -- [--dry-run]

  --dry-run    say what would be done, and only build the Worker and weigh it; needs no account and no network
`

const SMOKE_TEST_PATIENCE_MS = 60_000

async function check(): Promise<boolean> {
  const child = spawn(process.execPath, [join(root, 'scripts', 'check.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  return code === 0
}

function openDeployment(): Deployment {
  return {
    start: startWrangler,
    check,
    configPath: join(root, 'wrangler.toml'),
    secretsPath: join(root, 'secrets.production'),
    ask: openTerminal(),
    print: (line) => process.stdout.write(`${line}\n`),
    patience: SMOKE_TEST_PATIENCE_MS,
    addresses: [],
  }
}

function explainNext({ addresses, print }: Deployment): void {
  print(`
Served at ${addresses.join(' and ')}

The first admin, if there is none yet; it prints a token to choose the password with:

  npm run account -- create --role admin --email you@your-shop.example --remote
`)
}

/** However a run ended: keys that only this file has are one deleted checkout away from being lost. */
function warnOfSecretsFile({ secretsPath, print }: Deployment): void {
  if (!existsSync(secretsPath)) return
  print(`
The file secrets.production holds keys that nobody can read back from Cloudflare. Put it into a password
manager, then delete the file. Without DATA_KEY no password can be checked any more.`)
}

/** Whether the Worker builds and keeps its budgets. */
async function rehearse(deployment: Deployment): Promise<boolean> {
  const config = readDeployConfig(deployment.configPath)
  for (const [index, { name, describe }] of STEPS.entries()) {
    deployment.print(`\n${index + 1}/${STEPS.length}  ${name}: would run`)
    const lines = describe(config)
    for (const line of lines.length > 0 ? lines : ['nothing: wrangler.toml has the ids']) {
      deployment.print(`  ${line}`)
    }
    if (name === 'Settings') showSettings(deployment)
  }
  deployment.print('\nThe build, for real')
  return judgeBuild(deployment)
}

async function run(): Promise<boolean> {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) {
    process.stdout.write(USAGE)
    return true
  }
  const deployment = openDeployment()
  if (values['dry-run']) return rehearse(deployment)
  try {
    await runSteps(deployment)
  } finally {
    warnOfSecretsFile(deployment)
  }
  explainNext(deployment)
  return true
}

try {
  process.exitCode = (await run()) ? 0 : 1
} catch (error) {
  process.stderr.write(`\n${(error as Error).message}\n`)
  process.exitCode = 1
}
