// The steps of `npm run deploy`, in their order. Each can be run again: what is done already is found done.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Deployment,
  failure,
  parseJson,
  readWrangler,
  showCommand,
  showWrangler,
} from './deploy-commands.ts'
import { changeConfig, type DeployConfig, readDeployConfig, withVariable } from './deploy-config.ts'
import { listMissing, provideResources } from './deploy-resources.ts'
import {
  COUNT_ACCOUNTS,
  FIND_ACCOUNTS,
  LIST_SECRETS,
  provideSecrets,
  putSecret,
  SECRET_NAMES,
} from './deploy-secrets.ts'
import { settle } from './deploy-settings.ts'
import { CHECKS, explainFault, smokeTest } from './deploy-smoke-test.ts'

export type Step = {
  readonly name: string
  /** What it would run on an account that has nothing yet. */
  readonly describe: (config: DeployConfig) => string[]
  readonly run: (deployment: Deployment) => Promise<void>
}

const WHOAMI = ['whoami', '--json']
const LOGIN = ['login']
const MIGRATE = ['d1', 'migrations', 'apply', 'DB', '--remote']
const DEPLOY = ['deploy']

async function check(deployment: Deployment): Promise<void> {
  deployment.print('  npm run check')
  if (!(await deployment.check())) throw new Error('npm run check found something; see above.')
}

const NOT_SIGNED_IN = `Nobody is signed in to Cloudflare here. Run this, then deploy again:

  npx wrangler login

Where there is no browser, put an API token into the environment variable CLOUDFLARE_API_TOKEN instead.`

async function requireSignIn(deployment: Deployment): Promise<void> {
  let answer = await readWrangler(deployment, WHOAMI)
  const said = () => parseJson(answer.stdout) as { loggedIn?: boolean; email?: string } | undefined
  if (said()?.loggedIn === false && deployment.ask !== undefined) {
    deployment.print('  Nobody is signed in to Cloudflare here yet; your browser will ask.')
    await showWrangler(deployment, LOGIN, { asks: true })
    answer = await readWrangler(deployment, WHOAMI)
  }
  if (said()?.loggedIn === false) throw new Error(NOT_SIGNED_IN)
  if (answer.code !== 0) throw failure(WHOAMI, answer)
  deployment.print(`  Signed in${said()?.email ? ` as ${said()?.email}` : ' with an API token'}.`)
}

/** The addresses in the targets that wrangler names: hosts of workers.dev, routes and custom domains. */
export function readAddresses(targets: readonly string[]): string[] {
  return targets.flatMap((target) => {
    if (/^https?:\/\/\S+$/.test(target)) return [target]
    const [, host] = /^([a-z0-9.-]+)(?:\/\*)? \((?:custom domain|zone )/.exec(target) ?? []
    return host === undefined ? [] : [`https://${host}`]
  })
}

/** wrangler also writes what it did as lines of JSON, which its wording does not change. */
function readTargets(outputFile: string): string[] {
  const lines = existsSync(outputFile) ? readFileSync(outputFile, 'utf8').split('\n') : []
  return lines.flatMap((line) => {
    const entry = parseJson(line) as { type?: string; targets?: string[] } | undefined
    return entry?.type === 'deploy' ? (entry.targets ?? []) : []
  })
}

async function upload(deployment: Deployment): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'deploy-'))
  try {
    const output = join(folder, 'wrangler.ndjson')
    // It may ask: for a workers.dev name on a new account, before it overwrites what the dashboard changed.
    await showWrangler(deployment, DEPLOY, {
      asks: true,
      environment: { WRANGLER_OUTPUT_FILE_PATH: output },
    })
    deployment.addresses = readAddresses(readTargets(output))
  } finally {
    rmSync(folder, { recursive: true })
  }
  if (deployment.addresses.length === 0) {
    throw new Error(`wrangler named no address. Either it was told not to go on, or wrangler.toml has neither
workers_dev = true nor a custom domain (docs/deploy.md).`)
  }
}

/** Links in mails lead to an address that is known only now, and that no request may choose. */
async function settleLinks(deployment: Deployment): Promise<void> {
  const { configPath, print } = deployment
  const { APP_URL: chosen } = readDeployConfig(configPath).variables
  if (chosen !== undefined) return print(`  They lead to ${String(chosen)}.`)
  const { origin } = new URL(deployment.addresses[0] ?? '')
  changeConfig(configPath, (toml) => withVariable(toml, 'APP_URL', origin))
  print(`  Wrote APP_URL = "${origin}" into wrangler.toml; the Worker learns it by one more upload.`)
  await upload(deployment)
}

async function testAddress(deployment: Deployment): Promise<void> {
  const [address = ''] = deployment.addresses
  deployment.print(`  ${address}`)
  const fault = await smokeTest(address, deployment.print, deployment.patience)
  if (fault !== undefined) throw new Error(`${fault}\n\n${explainFault(fault)}`)
}

const commands = (...list: string[][]) => list.map(showCommand)

export const STEPS: readonly Step[] = [
  { name: 'Check everything', describe: () => ['npm run check'], run: check },
  {
    name: 'Who is signed in to Cloudflare',
    describe: () => [...commands(WHOAMI), `${showCommand(LOGIN)}, if nobody is and there is a terminal`],
    run: requireSignIn,
  },
  {
    name: 'Settings',
    describe: () => ['asks for SHOP_NAME, PASSWORD_MIN_LENGTH and MAIL_FROM in a terminal, the first time'],
    run: settle,
  },
  {
    name: 'Database and KV namespace',
    describe: (config) => listMissing(config).flatMap(({ list, create }) => commands(list, create)),
    run: provideResources,
  },
  {
    name: 'Secrets',
    describe: () => [
      showCommand(LIST_SECRETS),
      `${showCommand(FIND_ACCOUNTS)}, before a new DATA_KEY`,
      `${showCommand(COUNT_ACCOUNTS)}, if that is 1`,
      ...SECRET_NAMES.map((name) => `${showCommand(putSecret(name))}, the value on stdin`),
    ],
    run: provideSecrets,
  },
  {
    name: 'Migrations',
    describe: () => commands(MIGRATE),
    run: (deployment) => showWrangler(deployment, MIGRATE, { asks: false }),
  },
  { name: 'Deploy', describe: () => commands(DEPLOY), run: upload },
  {
    name: 'Links in mails',
    describe: ({ variables }) =>
      variables['APP_URL'] === undefined
        ? ['writes the address as APP_URL into wrangler.toml', ...commands(DEPLOY)]
        : ['nothing: wrangler.toml has APP_URL'],
    run: settleLinks,
  },
  {
    name: 'Smoke test',
    describe: () => CHECKS.map(({ request, expected }) => `${request}: ${expected}`),
    run: testAddress,
  },
]

/** Runs the steps in order. The first that fails ends it, with what to do. */
export async function runSteps(deployment: Deployment, steps: readonly Step[] = STEPS): Promise<void> {
  for (const [index, { name, run }] of steps.entries()) {
    deployment.print(`\n${index + 1}/${steps.length}  ${name}`)
    try {
      await run(deployment)
    } catch (error) {
      throw new Error(
        `${name}: ${(error as Error).message}\n\nNothing after this step was done. Once it is put right, ` +
          'npm run deploy begins again and finds what is done already.',
      )
    }
  }
}
