// wrangler runs this before it bundles ([build] in wrangler.toml) and again when a watched file changes.
import { copySwaggerUi } from './copy-swagger-ui.mjs'
import { generateBlocklist } from './generate-blocklist.mjs'
import { applyLocalMigrations, defaultStateDirectory, STATE_DIRECTORY_VARIABLE } from './local-migrations.mjs'
import { writeMissingSecrets } from './local-secrets.mjs'

generateBlocklist()
copySwaggerUi()

// A plain `wrangler dev` on a fresh clone would serve without secrets and tables.
if (process.env['WRANGLER_COMMAND'] === 'dev') {
  writeMissingSecrets()
  await applyLocalMigrations(process.env[STATE_DIRECTORY_VARIABLE] ?? defaultStateDirectory)
}
