// SECRET_KEY and DATA_KEY of the deployed Worker. A secret cannot be read back, so a new one is in
// secrets.production before the Worker has it, and an interrupted run goes on with the same one.
import { randomBytes } from 'node:crypto'
import { appendFileSync, chmodSync, existsSync, readFileSync } from 'node:fs'
import { decodeSecret } from '../src/crypto/secret.ts'
import {
  type Deployment,
  failure,
  needWrangler,
  parseRows,
  type Runner,
  readWrangler,
} from './deploy-commands.ts'

export const SECRET_NAMES = ['SECRET_KEY', 'DATA_KEY'] as const

type SecretName = (typeof SECRET_NAMES)[number]

export const LIST_SECRETS = ['secret', 'list']

export const deleteSecret = (name: string) => ['secret', 'delete', name]

export const putSecret = (name: string) => ['secret', 'put', name]

const QUERY = ['d1', 'execute', 'DB', '--remote', '--json', '--yes']
const TABLES = "SELECT COUNT(*) AS rows FROM sqlite_master WHERE type = 'table' AND name = 'accounts'"

/** A database that has not been migrated yet has no table to count in. */
export const FIND_ACCOUNTS = [...QUERY, `--command=${TABLES}`]
export const COUNT_ACCOUNTS = [...QUERY, '--command=SELECT COUNT(*) AS rows FROM accounts']

/** `present`: the Worker has it, perhaps numbered. `kept`: only secrets.production has it. */
export type Plan = 'present' | 'kept' | 'draw'

export function planSecret(name: SecretName, deployed: string[], kept: string | undefined): Plan {
  if (deployed.some((other) => new RegExp(`^${name}(_[1-9]\\d*)?$`).test(other))) return 'present'
  return kept === undefined ? 'draw' : 'kept'
}

/** The value that a line `NAME=value` gives. */
export function findKept(text: string, name: string): string | undefined {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.trim()
}

const OWNER_ONLY = 0o600

type SecretsFile = Pick<Deployment, 'secretsPath' | 'print'>

function readSecretsFile({ secretsPath }: SecretsFile): string {
  return existsSync(secretsPath) ? readFileSync(secretsPath, 'utf8') : ''
}

function addLine(deployment: SecretsFile, line: string): void {
  const written = readSecretsFile(deployment)
  const gap = written === '' || written.endsWith('\n') ? '' : '\n'
  appendFileSync(deployment.secretsPath, `${gap}${line}\n`, { mode: OWNER_ONLY })
  // The mode above is for a new file only.
  chmodSync(deployment.secretsPath, OWNER_ONLY)
}

const SPENT = /^# (\w+) has been given to the Worker$/gm

/** Notes that the Worker has got it: from then on its value is no rest of an interrupted run. */
export function markSecretSpent(deployment: SecretsFile, name: string): void {
  addLine(deployment, `# ${name} has been given to the Worker`)
}

/** The names that were noted so, whether the Worker still has them or not. */
export function listSpentSecrets(deployment: SecretsFile): string[] {
  return [...readSecretsFile(deployment).matchAll(SPENT)].flatMap(([, name]) => name ?? [])
}

/** The names of the deployed Worker's secrets; none if there is no Worker. */
export async function listSecrets(deployment: Runner): Promise<string[]> {
  const answer = await readWrangler(deployment, LIST_SECRETS)
  if (answer.code === 0) return parseRows(answer.stdout, LIST_SECRETS).map(({ name }) => String(name))
  // `secret put` then makes an empty Worker of this name, served nowhere, to hold the secret.
  if (/Worker ".*" not found/.test(answer.stdout + answer.stderr)) return []
  throw failure(LIST_SECRETS, answer)
}

async function countRows(deployment: Deployment, args: string[]): Promise<number> {
  const [first] = parseRows(await needWrangler(deployment, args), args)
  const [row] = (first?.['results'] ?? []) as { rows?: unknown }[]
  if (typeof row?.rows !== 'number') throw new Error('wrangler d1 execute did not print a count.')
  return row.rows
}

async function countAccounts(deployment: Deployment): Promise<number> {
  return (await countRows(deployment, FIND_ACCOUNTS)) === 0 ? 0 : countRows(deployment, COUNT_ACCOUNTS)
}

function refuseNewDataKey(accounts: number): Error {
  return new Error(`The Worker has no DATA_KEY, but its database has ${accounts} account(s), whose passwords were made with one.
With a new DATA_KEY none of them could be checked: everybody would be locked out. So nothing was changed.

If you have kept the key: write it as one line, DATA_KEY=…, into the file secrets.production and run this again.
If it is lost: docs/deploy.md, "When a key is lost".`)
}

/** The value for a secret that the Worker has not got: what secrets.production has, or a new one, kept there first. */
export function obtainSecret(deployment: SecretsFile, name: string): string {
  const kept = findKept(readSecretsFile(deployment), name)
  if (kept !== undefined) {
    const decoded = decodeSecret(kept)
    if ('fault' in decoded) throw new Error(`${name} in secrets.production is ${decoded.fault}.`)
    deployment.print(`  ${name} is taken from secrets.production.`)
    return kept
  }
  const drawn = randomBytes(32).toString('base64url')
  addLine(deployment, `${name}=${drawn}`)
  deployment.print(`  ${name} is new, and kept in secrets.production.`)
  return drawn
}

export async function provideSecrets(deployment: Deployment): Promise<void> {
  const deployed = await listSecrets(deployment)
  const written = readSecretsFile(deployment)
  const plans = SECRET_NAMES.map(
    (name) => [name, planSecret(name, deployed, findKept(written, name))] as const,
  )
  if (plans.some(([name, plan]) => name === 'DATA_KEY' && plan === 'draw')) {
    const accounts = await countAccounts(deployment)
    if (accounts > 0) throw refuseNewDataKey(accounts)
  }
  for (const [name, plan] of plans) {
    if (plan === 'present') deployment.print(`  The Worker has its ${name}.`)
    else await needWrangler(deployment, putSecret(name), obtainSecret(deployment, name))
  }
}
