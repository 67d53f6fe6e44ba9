/** Where a run keeps bundles and databases: in memory if there is room, and gone afterwards. */
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY_FOLDER = '/dev/shm'

/** Twice what the database of the growth measurement takes. */
const ROOM_NEEDED_BYTES = 4 * 2 ** 30

/**
 * Makes the folder, and lets everything that asks for a temporary one get it there. In memory, because
 * local D1 waits for the disk on the thread that answers requests, which no production isolate does.
 */
export function makeWorkFolder(): { readonly path: string; readonly isInMemory: boolean } {
  const isInMemory = existsSync(MEMORY_FOLDER) && freeBytes(MEMORY_FOLDER) >= ROOM_NEEDED_BYTES
  const path = mkdtempSync(join(isInMemory ? MEMORY_FOLDER : tmpdir(), 'mechanic-shop-bench-'))
  process.env['TMPDIR'] = path
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', remove)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return { path, isInMemory }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
