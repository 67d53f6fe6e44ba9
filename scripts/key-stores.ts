// Where keys are kept: in .dev.vars for `npm start`, as secrets of the deployed Worker. Values are drawn here and
// never shown; of a deployed one nobody can read the value back.
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { deriveKeyId } from '../src/crypto/hkdf.ts'
import { decodeSecret } from '../src/crypto/secret.ts'
import { executeArgs, type Row, readRows } from './database.ts'
import { type Deployment, needWrangler, readWrangler } from './deploy-commands.ts'
import {
  deleteSecret,
  listSecrets,
  listSpentSecrets,
  markSecretSpent,
  obtainSecret,
  putSecret,
} from './deploy-secrets.ts'

export interface KeyStore {
  /** The names of all secrets, keys or not. */
  readonly listNames: () => Promise<string[]>
  /** The ids of those keys whose values can be read. */
  readonly readIds: (names: readonly string[]) => Promise<Map<string, string>>
  /** Draws a key under a name that is not taken. */
  readonly add: (name: string) => Promise<void>
  readonly remove: (name: string) => Promise<void>
  /** Names that are taken though no key has them: what was drawn for one may have leaked, and must not come back. */
  readonly listSpentNames: () => string[]
  /** What has to be done after a rotation; ends with a blank. */
  readonly hint: string
  /** What further commands need to work on the same keys; begins with a blank if there is something. */
  readonly flag: string
  /** How a key goes at once, whatever still needs it. */
  readonly tellDeletion: (name: string) => string
  readonly query: (statements: string[]) => Promise<Row[][]>
}

const OWNER_ONLY = 0o600

const lineOf = (name: string) => new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=\\s*["']?([^"'\\s#]*)`)

/** `.dev.vars`, which `npm start` reads when it starts. */
export function localStore(file: string, query: KeyStore['query']): KeyStore {
  const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [])
  const readValue = (name: string) => lines().flatMap((line) => lineOf(name).exec(line)?.[1] ?? [])[0]
  return {
    query,
    hint: 'npm start uses it from its next start on. ',
    flag: '',
    tellDeletion: (name) => `remove the line of ${name} from .dev.vars, and start anew`,
    listSpentNames: () => [],
    listNames: async () => lines().flatMap((line) => /^\s*(?:export\s+)?(\w+)\s*=/.exec(line)?.[1] ?? []),
    readIds: async (names) => {
      const ids = names.map(async (name): Promise<[string, string][]> => {
        const decoded = decodeSecret(readValue(name))
        return 'bytes' in decoded ? [[name, await deriveKeyId(decoded.bytes)]] : []
      })
      return new Map((await Promise.all(ids)).flat())
    },
    add: async (name) => {
      const gap = ['', undefined].includes(lines().at(-1)) ? '' : '\n'
      appendFileSync(file, `${gap}${name}=${randomBytes(32).toString('base64url')}\n`, { mode: OWNER_ONLY })
      chmodSync(file, OWNER_ONLY)
    },
    remove: async (name) => {
      // Renamed into place: the file must not be seen, or left by a crash, without its other keys.
      const workshop = join(dirname(file), '.wrangler')
      mkdirSync(workshop, { recursive: true })
      const unfinished = join(workshop, `dev.vars.${process.pid}`)
      const kept = lines().filter((line) => !lineOf(name).test(line))
      writeFileSync(unfinished, kept.join('\n'), { mode: OWNER_ONLY })
      renameSync(unfinished, file)
    },
  }
}

/** The secrets of the deployed Worker. A new one is in secrets.production before the Worker has it. */
export function remoteStore(wrangler: Pick<Deployment, 'start' | 'print' | 'secretsPath'>): KeyStore {
  const quiet = { ...wrangler, print: () => undefined }
  return {
    hint: 'Put secrets.production into the password manager, then delete it. ',
    flag: ' --remote',
    tellDeletion: (name) => `npx wrangler secret delete ${name}`,
    listSpentNames: () => listSpentSecrets(wrangler),
    listNames: () => listSecrets(quiet),
    readIds: async () => new Map(),
    query: async (statements) => readRows(await readWrangler(quiet, executeArgs('remote', statements))),
    add: async (name) => {
      await needWrangler(wrangler, putSecret(name), obtainSecret(wrangler, name))
      markSecretSpent(wrangler, name)
    },
    remove: async (name) => {
      // It asks before it deletes, and takes "yes" where there is no terminal: this has asked already.
      await needWrangler(wrangler, deleteSecret(name))
    },
  }
}
