import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isEntryPoint, pinnedNode, root } from './checkout.mjs'

const lockFile = join(root, 'package-lock.json')
const stampFile = join(root, 'node_modules', '.installed-lock')
/** npm writes this last, so a node_modules of an interrupted install has none. */
const npmRecord = join(root, 'node_modules', '.package-lock.json')

function lockHash() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex')
}

function isInstalled() {
  // Missing after `npm ci --ignore-scripts`: the package `node` puts its program in place by a script.
  if (!existsSync(pinnedNode) || !existsSync(npmRecord)) return false
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockHash()) return true
  // Somebody ran npm himself: then npm's own record is newer than the lock file it was made from.
  return statSync(npmRecord).mtimeMs > statSync(lockFile).mtimeMs
}

/** Installs what package-lock.json names, unless it is installed already. Ends the process on failure. */
export function installIfNeeded() {
  if (isInstalled()) return
  process.stdout.write('Installing packages (npm ci)…\n')
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  const reason = error?.message ?? (status === 0 ? undefined : `npm ci ended with ${status ?? 'a signal'}`)
  if (reason === undefined && existsSync(pinnedNode)) {
    writeFileSync(stampFile, lockHash())
    return
  }
  process.stderr.write(`Packages could not be installed: ${reason ?? 'the package "node" has no program'}.\n`)
  process.stderr.write('See the messages above; it needs Node 20 or newer, npm, and its registry.\n')
  process.exit(1)
}

if (isEntryPoint(import.meta.url)) installIfNeeded()
