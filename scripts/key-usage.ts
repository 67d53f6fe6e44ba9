// What can be said of the keys of a Worker: by how many rows each is named, and whether it may go.
import { KEY_RINGS, listKeyNames, readKeyNumber } from '../src/platform/settings.ts'

export type Ring = keyof typeof KEY_RINGS

type Row = Record<string, string | number | null>

const PASSWORD_FORM = '$pbkdf2-sha256-chain$%'

/** For each table that names keys of the data ring: key id and number of rows. `now` is in unix seconds. */
const USES: Record<string, (now: number) => string> = {
  accounts: () =>
    "SELECT substr(rest, 1, instr(rest, '$') - 1) AS key_id, count(*) AS uses FROM (" +
    "SELECT substr(password_hash, instr(password_hash, ',k=') + 3) AS rest FROM accounts " +
    `WHERE password_hash LIKE '${PASSWORD_FORM}') GROUP BY 1`,
  sessions: (now) =>
    'SELECT refresh_key_id AS key_id, count(*) AS uses FROM sessions ' +
    `WHERE refresh_key_id IS NOT NULL AND expires_at > ${now} GROUP BY 1`,
  factors: () => 'SELECT substr(secret, 1, 8) AS key_id, count(*) AS uses FROM factors GROUP BY 1',
  // A row that lies under a seal is vouched for by the seal: its own key may go.
  audit_events: () =>
    'SELECT key_id, count(*) AS uses FROM audit_events WHERE id > max(' +
    '(SELECT coalesce(max(through_id), 0) FROM audit_seals), ' +
    '(SELECT coalesce(max(through_id), 0) FROM audit_stubs)) GROUP BY 1',
  audit_seals: () => 'SELECT key_id, count(*) AS uses FROM audit_seals GROUP BY 1',
  audit_stubs: () => 'SELECT key_id, count(*) AS uses FROM audit_stubs GROUP BY 1',
  outbox_messages: () =>
    'SELECT key_id, count(*) AS uses FROM outbox_messages WHERE key_id IS NOT NULL GROUP BY 1',
}

/** What becomes of the rows that name an old key. */
const FATES: Record<string, { what: string; fate: string; isForceable: boolean }> = {
  accounts: {
    what: 'password(s)',
    fate: 'each moves to the newest key when its owner signs in; --force-reset removes them',
    isForceable: true,
  },
  sessions: {
    what: 'session(s)',
    fate: 'each moves when it is refreshed, and ends after 30 days if it is not; --force-reset ends them',
    isForceable: true,
  },
  factors: { what: 'second factor(s)', fate: 'the cron encrypts them anew', isForceable: false },
  audit_events: { what: 'unsealed audit event(s)', fate: 'the cron seals them', isForceable: false },
  audit_seals: { what: 'audit seal(s)', fate: 'the cron signs them anew', isForceable: false },
  audit_stubs: { what: 'audit stub(s)', fate: 'the cron signs them anew', isForceable: false },
  outbox_messages: {
    what: 'message(s)',
    fate: 'each is wiped when it is sent or expires, within 7 days; --force-reset gives them up',
    isForceable: true,
  },
}

/** Its rows: the keys that the Worker's cron has seen, then the uses, table by table. */
export function statusStatements(now: number): string[] {
  const seen = 'SELECT ring, id, name, first_seen_at, last_seen_at FROM keys ORDER BY first_seen_at'
  return [seen, ...Object.values(USES).map((statement) => statement(now))]
}

interface Obstacle {
  readonly text: string
  /** `--force-reset` takes it away. */
  readonly isForceable: boolean
}

export interface KeyStatus {
  readonly ring: Ring
  readonly name: string
  /** Unknown until the cron has seen the key: a deployed secret cannot be read. */
  readonly id: string | undefined
  readonly firstSeenAt: number | undefined
  readonly lastSeenAt: number | undefined
  readonly isNewest: boolean
  /** Rows that name it, by table; none for the ring that signs tokens, which nothing stores. */
  readonly uses: ReadonlyMap<string, number>
  /** Why it may not go; empty when it may. */
  readonly obstacles: readonly Obstacle[]
}

/** An access token lives for a day; until every isolate has the newer key, older ones may still sign. */
export const TOKEN_SECONDS = 86_400
export const SPREAD_SECONDS = 600

/** The cron runs every five minutes. */
const CRON_SILENT_SECONDS = 900

export function ringOf(name: string): Ring | undefined {
  const rings = Object.keys(KEY_RINGS) as Ring[]
  return rings.find((ring) => readKeyNumber(KEY_RINGS[ring], name) !== undefined)
}

/** The name of the key that comes after all of these. */
export function nextKeyName(ring: Ring, present: readonly string[]): string {
  const newest = listKeyNames(KEY_RINGS[ring], present).at(-1)
  if (newest === undefined)
    throw new Error(`There is no ${KEY_RINGS[ring]} yet: npm start or npm run deploy makes it.`)
  return `${KEY_RINGS[ring]}_${(readKeyNumber(KEY_RINGS[ring], newest) ?? 0) + 1}`
}

/**
 * The status of every key, ring by ring, oldest first. `present` are the names of the configured secrets, `ids` what
 * is known of their ids beyond what the cron has seen, `found` what `statusStatements` found.
 */
export function judgeKeys(
  present: readonly string[],
  ids: ReadonlyMap<string, string>,
  found: readonly (readonly Row[])[],
  now: number,
): KeyStatus[] {
  const [seen = [], ...counted] = found
  return (Object.keys(KEY_RINGS) as Ring[]).flatMap((ring) => {
    const names = listKeyNames(KEY_RINGS[ring], present)
    const keys = names.map((name, index): KeyStatus => {
      const ofName = seen.filter((row) => row['ring'] === ring && row['name'] === name)
      const row = ids.has(name) ? ofName.find(({ id }) => id === ids.get(name)) : ofName.at(-1)
      const id = ids.get(name) ?? (row && String(row['id']))
      return {
        ring,
        name,
        id,
        firstSeenAt: row && Number(row['first_seen_at']),
        lastSeenAt: row && Number(row['last_seen_at']),
        isNewest: index === names.length - 1,
        uses: ring === 'data' ? countUses(id, counted) : new Map(),
        obstacles: [],
      }
    })
    return keys.map((key, index) => ({ ...key, obstacles: findObstacles(key, keys.slice(index + 1), now) }))
  })
}

/** Rows that name a key which is not there: its id, and the tables with their numbers. Nobody can use what they hold. */
export function findStrangers(
  keys: readonly KeyStatus[],
  found: readonly (readonly Row[])[],
): { id: string; uses: Map<string, number> }[] {
  const data = keys.filter(({ ring }) => ring === 'data')
  // A key that the cron has not seen yet may be the one that is named.
  if (data.some(({ id }) => id === undefined)) return []
  const named = new Set(found.slice(1).flatMap((rows) => rows.map((row) => String(row['key_id']))))
  const strangers = [...named].filter((id) => data.every((key) => key.id !== id))
  return strangers.sort().map((id) => ({ id, uses: countUses(id, found.slice(1)) }))
}

function countUses(id: string | undefined, counted: readonly (readonly Row[])[]): Map<string, number> {
  const tables = Object.keys(USES)
  const of = (rows: readonly Row[]) => Number(rows.find((row) => row['key_id'] === id)?.['uses'] ?? 0)
  return new Map(tables.map((table, index) => [table, of(counted[index] ?? [])]))
}

function findObstacles(key: KeyStatus, newer: readonly KeyStatus[], now: number): Obstacle[] {
  const firm = (text: string): Obstacle[] => [{ text, isForceable: false }]
  if (key.isNewest) return firm('it makes what is new: npm run keys -- rotate makes a newer one')
  for (const { name, lastSeenAt } of [key, ...newer]) {
    if (lastSeenAt === undefined)
      return firm(`the Worker's cron, which runs every five minutes, has not seen ${name} yet`)
    if (now - lastSeenAt > CRON_SILENT_SECONDS) {
      return firm(`the Worker's cron has not seen ${name} since ${moment(lastSeenAt)}`)
    }
  }
  const succeededAt = Math.min(...newer.map(({ firstSeenAt }) => firstSeenAt ?? now))
  const mayGoAt = succeededAt + SPREAD_SECONDS + (key.ring === 'secret' ? TOKEN_SECONDS : 0)
  const waiting =
    now < mayGoAt ? firm(`something may still be made or checked with it until ${moment(mayGoAt)}`) : []
  const named = [...key.uses].flatMap(([table, count]) => {
    const fate = FATES[table]
    if (count === 0 || !fate) return []
    return [{ text: `${count} ${fate.what} in ${table}: ${fate.fate}`, isForceable: fate.isForceable }]
  })
  return [...waiting, ...named]
}

export function moment(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace('.000', '')
}

/**
 * Passwords that only this key can check go, and so do the sessions of their owners and those that it refreshes, and
 * what the messages say that it has sealed.
 */
export function forceResetStatements(keyId: string, now: number): string[] {
  if (!/^[0-9a-f]{8}$/.test(keyId)) throw new Error(`Not the id of a key: ${keyId}`)
  const lose = `SELECT id FROM accounts WHERE password_hash LIKE '${PASSWORD_FORM},k=${keyId}$%'`
  const insert = 'INSERT INTO operator_actions (event, account_id, created_at)'
  return [
    `${insert} SELECT 'account.password_removed', id, ${now} FROM accounts WHERE id IN (${lose})`,
    `${insert} SELECT DISTINCT 'account.signed_out', account_id, ${now} FROM sessions ` +
      `WHERE refresh_key_id = '${keyId}' AND expires_at > ${now} AND account_id NOT IN (${lose})`,
    `UPDATE outbox_messages SET status = 'failed', sealed = NULL, key_id = NULL WHERE key_id = '${keyId}'`,
    `DELETE FROM sessions WHERE refresh_key_id = '${keyId}' OR account_id IN (${lose})`,
    `UPDATE accounts SET password_hash = NULL, password_changed_at = ${now}, updated_at = ${now} WHERE id IN (${lose})`,
  ]
}
