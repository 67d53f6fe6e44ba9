import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout: every command runs here, wherever it was called from. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The Node that package.json pins. wrangler and the .ts scripts need it, whatever Node started npm. */
export const pinnedNode = join(root, 'node_modules', '.bin', 'node')

/**
 * Whether Node was started with this module. `import.meta.main` says the same, but not on Node 20.
 *
 * @param {string} moduleUrl
 */
export function isEntryPoint(moduleUrl) {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === fileURLToPath(moduleUrl)
}
