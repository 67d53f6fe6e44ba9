import { randomBytes } from 'node:crypto'
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
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

/** So that mails and SMS are written on this machine, and their links lead to it. Only `wrangler dev` reads them. */
const LOCAL_SETTINGS = {
  APP_URL: 'http://127.0.0.1:8787',
  MAIL_FROM: 'shop@mechanic-shop.test',
  SMS_PROVIDER: 'log',
  SMS_COUNTRIES: 'US,DE',
}

/**
 * The settings that these lines have no line for.
 *
 * @param {string} written
 */
export function listMissingSettings(written) {
  return Object.entries(LOCAL_SETTINGS).filter(
    ([name]) => !new RegExp(`^\\s*(export\\s+)?${name}\\s*=`, 'm').test(written),
  )
}

/**
 * Gives `wrangler dev` the secrets that production gets by `wrangler secret put`, and settings for this machine. A
 * line that is there is never changed: a new DATA_KEY would make every local password worthless.
 */
export function writeMissingSecrets() {
  const written = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const secrets = listMissingSecrets(written).map((name) => [name, randomBytes(32).toString('base64url')])
  const missing = [...secrets, ...listMissingSettings(written)]
  if (missing.length === 0) return
  const lines = missing.map(([name, value]) => `${name}=${value}\n`)
  const gap = written === '' || written.endsWith('\n') ? '' : '\n'
  appendFileSync(file, gap + lines.join(''), { mode: OWNER_ONLY })
  chmodSync(file, OWNER_ONLY)
  process.stdout.write(`Wrote ${missing.map(([name]) => name).join(', ')} into .dev.vars.\n`)
}

const LOCAL_APP_URL = /^APP_URL=http:\/\/127\.0\.0\.1:\d+$/m

/**
 * Lets links lead to where the server listens now; an address that somebody has chosen stays. wrangler takes the line
 * rather than `--var`.
 *
 * @param {string} url
 */
export function pointLinksAt(url) {
  const written = readFileSync(file, 'utf8')
  const changed = written.replace(LOCAL_APP_URL, `APP_URL=${url}`)
  if (changed !== written) writeFileSync(file, changed, { mode: OWNER_ONLY })
}
