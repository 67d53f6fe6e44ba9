import { randomBytes } from 'node:crypto'
import { appendFileSync, chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './checkout.mjs'

const file = join(root, '.dev.vars')
const OWNER_ONLY = 0o600

/**
 * The keys that these lines have no line for, under no number: after a rotation the first of a ring may have gone.
 *
 * @param {string} written
 */
export function listMissingSecrets(written) {
  return ['SECRET_KEY', 'DATA_KEY'].filter(
    (name) => !new RegExp(`^\\s*(export\\s+)?${name}(_[1-9]\\d*)?\\s*=`, 'm').test(written),
  )
}

/**
 * Gives `wrangler dev` the secrets that production gets by `wrangler secret put`. A line that is there is
 * never changed: a new DATA_KEY would make every local password worthless.
 */
export function writeMissingSecrets() {
  const written = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const missing = listMissingSecrets(written)
  if (missing.length === 0) return
  const lines = missing.map((name) => `${name}=${randomBytes(32).toString('base64url')}\n`)
  const gap = written === '' || written.endsWith('\n') ? '' : '\n'
  appendFileSync(file, gap + lines.join(''), { mode: OWNER_ONLY })
  chmodSync(file, OWNER_ONLY)
  process.stdout.write(`Made ${missing.join(' and ')} in .dev.vars.\n`)
}
