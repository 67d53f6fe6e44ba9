// Serves the built Worker, reads its OpenAPI document and lints it: Spectral with OWASP's rules, and Redocly.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { root } from './checkout.mjs'

const dist = join(root, 'dist')

/** Where the document is written for the linters. */
export const OPENAPI_FILE = join(dist, 'openapi.json')

/** Asks the bundle in dist/ for its document, as a client would, and writes it to a file. */
export async function writeOpenApiDocument(): Promise<void> {
  const secret = () => randomBytes(32).toString('base64url')
  const texts = readdirSync(dist).filter((name) => name.endsWith('.txt'))
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: [
        { type: 'ESModule', path: join(dist, 'index.js') },
        ...texts.map((name) => ({ type: 'Text' as const, path: join(dist, name) })),
      ],
      modulesRoot: dist,
      compatibilityDate: '2026-08-04',
      d1Databases: ['DB'],
      kvNamespaces: ['KV'],
      ratelimits: {
        SIGN_IN_RING: { namespace_id: '1', simple: { limit: 10, period: 60 } },
        REGISTRATION_RING: { namespace_id: '2', simple: { limit: 10, period: 60 } },
      },
      bindings: { SECRET_KEY: secret(), DATA_KEY: secret() },
    }),
  )
  try {
    const response = await miniflare.dispatchFetch('http://localhost/openapi.json')
    if (response.status !== 200) throw new Error(`/openapi.json answered ${response.status}`)
    mkdirSync(dist, { recursive: true })
    writeFileSync(OPENAPI_FILE, JSON.stringify(await response.json(), undefined, 2))
  } finally {
    await miniflare.dispose()
  }
}
