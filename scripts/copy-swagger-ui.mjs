import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './checkout.mjs'

const source = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')))
const target = join(root, 'assets', 'docs', 'swagger-ui')
const workshop = join(root, '.wrangler')

/** What /docs loads, and the licenses, which whoever serves it has to pass on. */
const FILES = {
  'swagger-ui-bundle.js': 'swagger-ui-bundle.js',
  'swagger-ui.css': 'swagger-ui.css',
  'swagger-ui-bundle.js.LICENSE.txt': 'swagger-ui-bundle.js.LICENSE.txt',
  LICENSE: 'LICENSE.txt',
  NOTICE: 'NOTICE.txt',
}

/** A source map is larger than its file and not copied, so nothing may point a browser at it. */
const SOURCE_MAP = /\n\/[/*]# sourceMappingURL=.*\s*$/

/** Puts Swagger UI among the assets. Files that are right are left alone: `wrangler dev` watches them. */
export function copySwaggerUi() {
  for (const folder of [target, workshop]) mkdirSync(folder, { recursive: true })
  for (const [from, to] of Object.entries(FILES)) {
    const text = readFileSync(join(source, from), 'utf8').replace(SOURCE_MAP, '\n')
    const file = join(target, to)
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
    // Renamed into place, and unfinished elsewhere: a server may be reading everything in the folder.
    const unfinished = join(workshop, `${to}.${process.pid}`)
    writeFileSync(unfinished, text)
    renameSync(unfinished, file)
  }
}
