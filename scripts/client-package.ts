// The package in client/: its types come from the OpenAPI document, its JavaScript from its own TypeScript 5.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pinnedNode, root } from './checkout.mjs'

const clientFolder = join(root, 'client')

/** Where the generated types are. */
export const SCHEMA_FILE = join(clientFolder, 'src', 'schema.ts')

/** The generator needs another TypeScript than this repository, so both are dependencies of the package. */
function runOwn(program: string, args: string[], input = ''): string {
  const path = join(clientFolder, 'node_modules', '.bin', program)
  return execFileSync(pinnedNode, [path, ...args], { cwd: clientFolder, encoding: 'utf8', input })
}

/** The types of an OpenAPI document. What has a default may be left out of a request. */
export function generateSchema(document: unknown): string {
  return runOwn('openapi-typescript', ['--default-non-nullable', 'false'], JSON.stringify(document))
}

/** Checks types with TypeScript 5, whose findings are the message of the error. */
export function compile(...args: string[]): void {
  try {
    runOwn('tsc', args)
  } catch (error) {
    throw new Error(error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error))
  }
}

/** Checks the package and writes its JavaScript and declarations to client/dist. */
export function buildClient(): void {
  compile('--project', clientFolder)
}
