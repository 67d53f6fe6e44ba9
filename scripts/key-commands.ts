// What `npm run keys` does. A key is only ever added with a higher number, and only removed when nothing needs it.
import type { KeyStore } from './key-stores.ts'
import {
  findStrangers,
  forceResetStatements,
  judgeKeys,
  type KeyStatus,
  moment,
  nextKeyName,
  type Ring,
  ringOf,
  statusStatements,
} from './key-usage.ts'

export interface Session {
  readonly store: KeyStore
  /** Unix seconds. */
  readonly now: number
  readonly print: (line: string) => void
  /** Whether a question is answered with yes. */
  readonly confirm: (question: string) => Promise<boolean>
}

async function readStatus({ store, now }: Session) {
  const names = (await store.listNames()).filter((name) => ringOf(name) !== undefined)
  const found = await store.query(statusStatements(now))
  const keys = judgeKeys(names, await store.readIds(names), found, now)
  return { keys, strangers: findStrangers(keys, found) }
}

/** Adds a key to each of the rings. Whoever is signed in stays so: older keys go on checking. */
export async function rotate({ store, print }: Session, rings: readonly Ring[]): Promise<void> {
  const present = [...(await store.listNames()), ...store.listSpentNames()]
  for (const name of rings.map((ring) => nextKeyName(ring, present))) {
    await store.add(name)
    print(`${name} makes what is new from now on; the older keys go on checking what is there.`)
  }
  print(`${store.hint}npm run keys -- status${store.flag} shows from when on an older one may go.`)
}

export async function showStatus(session: Session): Promise<void> {
  const { print, now } = session
  const { keys, strangers } = await readStatus(session)
  if (keys.length === 0) print('There are no keys yet: npm start or npm run deploy makes them.')
  for (const key of keys) {
    const since =
      key.firstSeenAt === undefined
        ? 'not seen by the cron'
        : `${Math.floor((now - key.firstSeenAt) / 86_400)} day(s)`
    const standing = key.isNewest ? 'newest' : key.obstacles.length === 0 ? 'may go' : 'stays'
    print(`${key.name.padEnd(14)} ${(key.id ?? 'unknown').padEnd(8)}  ${since.padEnd(20)} ${standing}`)
    if (key.id !== undefined && key.uses.size > 0) print(`    named by: ${showUses(key.uses)}`)
    if (!key.isNewest) for (const { text } of key.obstacles) print(`    ${text}`)
  }
  for (const { id, uses } of strangers) {
    print(`A DATA_KEY that is not there, ${id}, is named by: ${showUses(uses)}`)
    print('    bring it back from where its value is kept, or: docs/deploy.md, "When a key is lost"')
  }
}

function showUses(uses: ReadonlyMap<string, number>): string {
  return [...uses].map(([table, count]) => `${table} ${count}`).join(', ')
}

interface Retirement {
  readonly forceReset: boolean
}

/**
 * Removes a key that nothing needs any more. With `forceReset` passwords, sessions and messages that need it go first: should
 * it end between the two, the key is still there and the next run goes on.
 */
export async function retire(session: Session, name: string, { forceReset }: Retirement): Promise<void> {
  const { store, print } = session
  let key = await findKey(session, name)
  const firm = key.obstacles.filter(({ isForceable }) => !isForceable)
  if (forceReset && key.ring === 'secret') {
    throw new Error('--force-reset is for a DATA_KEY: nothing that is stored needs a SECRET_KEY.')
  }
  if (forceReset && firm.length === 0) {
    if (!(await resetPasswords(session, key))) return
    key = await findKey(session, name)
  }
  if (key.obstacles.length > 0) throw new Error(explainObstacles(key, store))
  await store.remove(name)
  print(
    `${name} is gone. Keep its value as long as a backup or an earlier moment of the database may come back (30 days).`,
  )
}

async function findKey(session: Session, name: string): Promise<KeyStatus> {
  const { keys } = await readStatus(session)
  const key = keys.find((other) => other.name === name)
  if (key) return key
  throw new Error(`There is no key ${name}; there are ${keys.map((other) => other.name).join(', ')}.`)
}

function explainObstacles({ name, ring, obstacles }: KeyStatus, store: KeyStore): string {
  const advice =
    ring === 'secret'
      ? `\nIf it has leaked, do not wait: ${store.tellDeletion(name)}. Who holds a token of it has to refresh or to sign in again.`
      : ''
  return `${name} stays:\n${obstacles.map(({ text }) => `  ${text}`).join('\n')}${advice}\nThe key was not removed.`
}

/** Whether it was done, or had nothing to do. */
async function resetPasswords({ store, now, print, confirm }: Session, key: KeyStatus): Promise<boolean> {
  const passwords = key.uses.get('accounts') ?? 0
  const sessions = key.uses.get('sessions') ?? 0
  const messages = key.uses.get('outbox_messages') ?? 0
  if (key.id === undefined || passwords + sessions + messages === 0) return true
  const question =
    `${passwords} password(s) that only ${key.name} can check will be removed, with all sessions of their owners, ` +
    `and ${sessions} session(s) that it refreshes will end. ${messages} message(s) that wait will not be sent. ` +
    'This cannot be undone. Go on?'
  if (!(await confirm(question))) {
    print('Nothing was changed.')
    return false
  }
  await store.query(forceResetStatements(key.id, now))
  print(
    `Removed ${passwords} password(s) at ${moment(now)}. Their owners choose new ones by a one-time token:`,
  )
  print(`  npm run account -- reset --email ADDRESS${store.flag}`)
  return true
}
