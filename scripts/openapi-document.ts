// Writes the OpenAPI document that the built Worker answers with, for the linters.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startBuiltWorker } from './built-worker.ts'
import { root } from './checkout.mjs'

const dist = join(root, 'dist')

/** Where the linters find the document. */
export const OPENAPI_FILE = join(dist, 'openapi.json')

/** Asks the bundle in dist/ for its document, as a client would, and writes it to a file. */
export async function writeOpenApiDocument(): Promise<void> {
  const worker = startBuiltWorker(dist)
  try {
    const response = await worker.dispatchFetch('http://localhost/openapi.json')
    if (response.status !== 200) throw new Error(`/openapi.json answered ${response.status}`)
    writeFileSync(OPENAPI_FILE, JSON.stringify(await response.json(), undefined, 2))
  } finally {
    await worker.dispose()
  }
}
