import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pinnedNode, root } from './checkout.mjs'

const program = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()

/**
 * Starts wrangler in the checkout. It asks nothing: without a terminal to read from it takes its defaults.
 *
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export function startWrangler(args, options = {}) {
  const child = spawn(pinnedNode, [program, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

/**
 * Runs wrangler to its end and returns what it printed.
 *
 * @param {string[]} args
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function runWrangler(args) {
  return new Promise((resolve, reject) => {
    const child = startWrangler(args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr?.on('data', (chunk) => {
      stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
  })
}

const STOP_MILLISECONDS = 10_000

/** Ends every wrangler that this process started. Asked politely, wrangler ends its own workerd as well. */
export async function stopWrangler() {
  const ends = [...running].map(
    (child) =>
      new Promise((resolve) => {
        const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS)
        child.once('close', () => {
          clearTimeout(impatience)
          resolve(undefined)
        })
        child.kill('SIGTERM')
      }),
  )
  await Promise.all(ends)
}
