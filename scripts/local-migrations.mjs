import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './checkout.mjs'
import { runWrangler } from './wrangler.mjs'

/** Where wrangler keeps local data unless `--persist-to` says otherwise. */
export const defaultStateDirectory = join(root, '.wrangler', 'state')

/** Tells scripts/prepare.mjs, which wrangler runs without its own arguments, what `--persist-to` said. */
export const STATE_DIRECTORY_VARIABLE = 'MECHANIC_SHOP_STATE'

/** The migrations, and which database they are for: another database_id is another local file. */
function hashMigrations() {
  const hash = createHash('sha256')
  const directory = join(root, 'migrations')
  for (const name of readdirSync(directory).sort()) {
    if (name.endsWith('.sql')) hash.update(`${name}\n`).update(readFileSync(join(directory, name)))
  }
  const settings = readFileSync(join(root, 'wrangler.toml'), 'utf8')
  for (const line of settings.match(/^\s*(preview_)?database_id\s*=.*$/gm) ?? []) hash.update(line)
  return hash.digest('hex')
}

/**
 * The local database files, each with what tells it from a later file of the same name.
 *
 * @param {string} databaseDirectory
 */
function listDatabaseFiles(databaseDirectory) {
  const directory = join(databaseDirectory, 'miniflare-D1DatabaseObject')
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => name.endsWith('.sqlite'))
    .sort()
    .map((name) => {
      const { ino, birthtimeMs } = statSync(join(directory, name))
      return `${name} ${ino} ${birthtimeMs}`
    })
}

/**
 * Brings the local database in this state directory up to date. wrangler takes seconds to find out that
 * there is nothing to do, and this runs at every rebuild, so a note beside the database remembers it.
 *
 * @param {string} stateDirectory
 */
export async function applyLocalMigrations(stateDirectory) {
  const databaseDirectory = join(stateDirectory, 'v3', 'd1')
  const note = join(databaseDirectory, 'applied-migrations.json')
  const describe = () =>
    JSON.stringify({ migrations: hashMigrations(), files: listDatabaseFiles(databaseDirectory) })
  if (existsSync(note) && readFileSync(note, 'utf8') === describe()) return

  mkdirSync(databaseDirectory, { recursive: true })
  const args = ['d1', 'migrations', 'apply', 'DB', '--local', '--persist-to', stateDirectory]
  const { code, stdout, stderr } = await runWrangler(args)
  if (code !== 0) throw new Error(`The local migrations failed.\n${stdout}${stderr}`)
  writeFileSync(note, describe())
  process.stdout.write('The local database has all migrations.\n')
}
