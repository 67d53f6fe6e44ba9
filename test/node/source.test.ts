/** What can be said of the source as text: randomness, comparisons, secrets, versions, sizes. */
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeSecret } from '../../src/crypto/secret.ts'
import { SERVICE_NAME, VERSION } from '../../src/platform/version.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const sources = globSync('src/**/*.ts').map((path) => ({ path, text: read(path) }))

const placesOf = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)

interface Manifest {
  name: string
  version: string
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

const manifest = JSON.parse(read('package.json')) as Manifest
const clientManifest = JSON.parse(read('client/package.json')) as Manifest

const dependenciesOf = (one: Manifest) => ({ ...one.dependencies, ...one.devDependencies })

describe('the source', () => {
  it('has files to look at, none of them over 250 lines', () => {
    expect(sources.length).toBeGreaterThan(40)
    expect(sources.filter(({ text }) => text.split('\n').length > 251).map(({ path }) => path)).toEqual([])
  })

  it('S114: draws every random value from the cryptographic generator', () => {
    expect(placesOf(/Math\.random|randomUUID/)).toEqual([])
    expect(placesOf(/getRandomValues/)).toEqual(['src/crypto/random.ts'])
  })

  it('S113: compares MACs, hashes and tokens in constant time only', () => {
    const secretNames = 'mac|macOf|digest|signature|hash|hashed|derived|peppered|passwordHash|tokenHash'
    const compared = new RegExp(
      `\\b(?:${secretNames})\\b\\)*\\s*[=!]==?|[=!]==?\\s*(?:await\\b|\\(*(?:\\w+\\.)?(?:${secretNames})\\b)`,
    )
    // Whether there is one at all is no comparison of its bytes.
    const withoutPresence = sources.map(({ path, text }) => ({
      path,
      text: text
        .replace(/[=!]== undefined/g, '')
        .replace(/\.length [=!]== \w+/g, '')
        .replace(/length [=!]== \w+\.length/g, ''),
    }))
    expect(withoutPresence.filter(({ text }) => compared.test(text)).map(({ path }) => path)).toEqual([])
    expect(placesOf(/timingSafeEqual/)).toEqual(['src/crypto/digest.ts'])
  })

  it('S115: holds no secret', () => {
    const words = sources.flatMap(({ text }) => text.match(/(?<=['"`])[A-Za-z0-9_-]{43}(?=['"`])/g) ?? [])
    const published = words.filter((word) => 'fault' in decodeSecret(word) && decodeSecret(word))
    const examples = ['Yk0bq1rP2sV3tX4wZ5aB6cD7eF8gH9iJ0kL1mN2oP3Q']
    expect(words.filter((word) => !published.includes(word) && !examples.includes(word))).toEqual([])
  })

  it('reads variables and secrets in one place; elsewhere only bindings are named', () => {
    expect(placesOf(/\benv(?:\.|\[')(?!DB\b|KV\b|EMAIL\b|SIGN_IN_RING\b|REGISTRATION_RING\b)[A-Z]/)).toEqual(
      [],
    )
    expect(placesOf(/SHOP_NAME|FRESH_AUTH_SECONDS:|'SECRET_KEY'/)).toEqual(['src/platform/settings.ts'])
    expect(placesOf(/process\.env/)).toEqual([])
  })
})

describe('S116: the dependencies', () => {
  const all = dependenciesOf(manifest)

  it('are pinned exactly, in the manifest and in the lock file', () => {
    const ofBoth = [...Object.entries(all), ...Object.entries(dependenciesOf(clientManifest))]
    const loose = ofBoth.filter(([, version]) => !/^(npm:@?[\w/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    expect(loose).toEqual([])
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version?: string }> }
    for (const [name, version] of Object.entries(all)) {
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version.split('@').at(-1))
    }
  })

  it('include hono from 4.12.34 on', () => {
    const [major = 0, minor = 0, patch = 0] = (manifest.dependencies['hono'] ?? '').split('.').map(Number)
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(4_012_034)
  })
})

describe('wrangler.toml', () => {
  it('S110: keeps the platform from logging whole URLs, which can hold names and addresses', () => {
    expect(read('wrangler.toml')).toMatch(
      /\[observability\.logs\]\nenabled = true\ninvocation_logs = false\n/,
    )
  })
})

describe('the release', () => {
  it('says its name and version as the manifest does, and the changelog knows it', () => {
    expect([SERVICE_NAME, VERSION]).toEqual([manifest.name, manifest.version])
    expect(clientManifest.version).toBe(VERSION)
    expect(read('CHANGELOG.md')).toContain(`## ${VERSION}`)
  })
})
