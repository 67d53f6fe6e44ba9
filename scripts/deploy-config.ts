// What wrangler.toml says, and the two changes that a deployment makes to it. Only the lines in question
// change: the comments are the manual of the settings.
import { readFileSync, writeFileSync } from 'node:fs'
import { unstable_readConfig } from 'wrangler'

export type DeployConfig = {
  readonly databaseName: string
  readonly databaseId: string
  readonly namespaceTitle: string
  readonly namespaceId: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly bindings: readonly string[]
}

/** What is read of wrangler's own reading of the file; its published types leave this open. */
type WranglerConfig = {
  name?: string
  vars: Record<string, unknown>
  d1_databases: { binding: string; database_name?: string; database_id?: string }[]
  kv_namespaces: { binding: string; id?: string }[]
  ratelimits: { name: string }[]
  send_email: { name: string }[]
}

export function readDeployConfig(path: string): DeployConfig {
  const config: WranglerConfig = unstable_readConfig({ config: path })
  const database = config.d1_databases.find(({ binding }) => binding === 'DB')
  const namespace = config.kv_namespaces.find(({ binding }) => binding === 'KV')
  if (!config.name || !database?.database_name || !namespace) {
    throw new Error(`${path} needs a name, the D1 database DB with a database_name, and the KV namespace KV.`)
  }
  return {
    databaseName: database.database_name,
    databaseId: database.database_id ?? '',
    // An account may hold the namespaces of many Workers, so the binding's name alone would not do.
    namespaceTitle: `${config.name}-kv`,
    namespaceId: namespace.id ?? '',
    variables: config.vars,
    bindings: [
      ...config.d1_databases.map(({ binding }) => binding),
      ...config.kv_namespaces.map(({ binding }) => binding),
      ...config.ratelimits.map(({ name }) => name),
      ...config.send_email.map(({ name }) => name),
    ],
  }
}

/** The repository has zeros where a deployment has its ids. */
export function isPlaceholder(id: string): boolean {
  return /^[0-]+$/.test(id)
}

export function isFirstDeployment({ databaseId, namespaceId }: DeployConfig): boolean {
  return isPlaceholder(databaseId) || isPlaceholder(namespaceId)
}

/** The text with the first placeholder of this key replaced. */
export function withId(toml: string, key: 'database_id' | 'id', id: string): string {
  if (!/^[0-9a-f-]{32,36}$/i.test(id)) throw new Error(`Not an id: ${id}`)
  const line = new RegExp(`^(${key}\\s*=\\s*)"[0-]+"`, 'm')
  if (!line.test(toml)) throw new Error(`wrangler.toml has no line ${key} = "0000…" to write ${id} into.`)
  return toml.replace(line, `$1"${id}"`)
}

/** The text with a variable of [vars] set; its line is there already, perhaps as a comment. */
export function withVariable(toml: string, name: string, value: string): string {
  const line = new RegExp(`^(?:#\\s*)?${name}\\s*=\\s*"(?:[^"\\\\]|\\\\.)*"`, 'm')
  // What JSON escapes, TOML escapes in the same way.
  const setting = `${name} = ${JSON.stringify(value)}`
  if (line.test(toml)) return toml.replace(line, () => setting)
  if (!/^\[vars\]$/m.test(toml)) throw new Error('wrangler.toml has no section [vars].')
  return toml.replace(/^\[vars\]$/m, (heading) => `${heading}\n${setting}`)
}

export function changeConfig(path: string, change: (toml: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}
