// npm run client: writes the package in client/ from what the Worker says of itself.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pinnedNode, root } from './checkout.mjs'
import { buildClient, generateSchema, SCHEMA_FILE } from './client-package.ts'
import { generateBlocklist } from './generate-blocklist.mjs'
import { OPENAPI_FILE, writeOpenApiDocument } from './openapi-document.ts'

generateBlocklist()
const wrangler = join(root, 'node_modules', '.bin', 'wrangler')
execFileSync(pinnedNode, [wrangler, 'deploy', '--dry-run', '--outdir', 'dist'], { cwd: root, stdio: 'pipe' })
await writeOpenApiDocument()
writeFileSync(SCHEMA_FILE, generateSchema(JSON.parse(readFileSync(OPENAPI_FILE, 'utf8'))))
buildClient()
process.stdout.write('Written: client/src/schema.ts and client/dist.\n')
