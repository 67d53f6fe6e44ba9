// The D1 database and the KV namespace: found by name, else made, and their ids written into wrangler.toml.
import { type Deployment, needWrangler, parseRows } from './deploy-commands.ts'
import { changeConfig, type DeployConfig, isPlaceholder, readDeployConfig, withId } from './deploy-config.ts'

type Resource = {
  readonly kind: string
  readonly name: string
  readonly list: string[]
  readonly create: string[]
  /** Where the list has the name and the id. */
  readonly nameMember: string
  readonly idMember: string
  /** Where wrangler.toml has the id. */
  readonly key: 'database_id' | 'id'
}

/** What wrangler.toml names and has no id for yet. */
export function listMissing(config: DeployConfig): Resource[] {
  const database: Resource = {
    kind: 'D1 database',
    name: config.databaseName,
    list: ['d1', 'list', '--json'],
    create: ['d1', 'create', config.databaseName],
    nameMember: 'name',
    idMember: 'uuid',
    key: 'database_id',
  }
  const namespace: Resource = {
    kind: 'KV namespace',
    name: config.namespaceTitle,
    list: ['kv', 'namespace', 'list'],
    create: ['kv', 'namespace', 'create', config.namespaceTitle],
    nameMember: 'title',
    idMember: 'id',
    key: 'id',
  }
  return [
    ...(isPlaceholder(config.databaseId) ? [database] : []),
    ...(isPlaceholder(config.namespaceId) ? [namespace] : []),
  ]
}

async function findId(deployment: Deployment, resource: Resource): Promise<string | undefined> {
  const rows = parseRows(await needWrangler(deployment, resource.list), resource.list)
  const row = rows.find((candidate) => candidate[resource.nameMember] === resource.name)
  return row && String(row[resource.idMember])
}

/** A run that ended between making something and writing its id is continued: the name finds it again. */
async function findOrCreate(deployment: Deployment, resource: Resource): Promise<string> {
  const found = await findId(deployment, resource)
  if (found !== undefined) {
    deployment.print(`  Found the ${resource.kind} ${resource.name}.`)
    return found
  }
  await needWrangler(deployment, resource.create)
  const made = await findId(deployment, resource)
  if (made === undefined) {
    throw new Error(
      `The ${resource.kind} ${resource.name} was made but is not listed yet. Try again in a minute.`,
    )
  }
  deployment.print(`  Made the ${resource.kind} ${resource.name}.`)
  return made
}

export async function provideResources(deployment: Deployment): Promise<void> {
  const missing = listMissing(readDeployConfig(deployment.configPath))
  if (missing.length === 0) deployment.print('  wrangler.toml has both ids: nothing to make.')
  for (const resource of missing) {
    const id = await findOrCreate(deployment, resource)
    changeConfig(deployment.configPath, (toml) => withId(toml, resource.key, id))
    deployment.print(`  Wrote ${resource.key} = "${id}" into wrangler.toml.`)
  }
}
