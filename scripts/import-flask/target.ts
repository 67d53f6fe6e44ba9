/** What the new service's database says about an import: what is there, what was imported before, and which ids are free. */
import { type Row, sqlText } from '../database.ts'

export const NEW_TABLES = [
  'accounts',
  'mechanics',
  'inventory',
  'service_tickets',
  'service_mechanics',
  'service_inventory',
] as const
export type NewTable = (typeof NEW_TABLES)[number]

/** The tables whose rows have an id of their own. */
const NUMBERED = ['accounts', 'mechanics', 'inventory', 'service_tickets'] as const
export type NumberedTable = (typeof NUMBERED)[number]

/** What no two rows of a table may share. */
const UNIQUE = { accounts: 'email_canonical', mechanics: 'email_canonical', inventory: 'name' } as const
export type UniqueTable = keyof typeof UNIQUE

/** Runs statements as one batch and returns the rows of each. */
export type Run = (statements: string[]) => Promise<Row[][]>

export type Range = { readonly after: number; readonly through: number }

export type Target = {
  /** The last id given. */
  readonly sequences: ReadonlyMap<string, number>
  /** Ids that are kept for the import. */
  readonly ranges: ReadonlyMap<string, readonly Range[]>
  /** The keys of rows that were imported before, by table; see `keyOf`. */
  readonly imported: ReadonlyMap<NewTable, ReadonlySet<string>>
  /** Addresses and names that are in use, by table. */
  readonly taken: ReadonlyMap<UniqueTable, ReadonlySet<string>>
  /** How many rows that were imported are not there any more, by table. */
  readonly deleted: ReadonlyMap<NewTable, number>
}

export function keyOf(id: number, otherId: number): string {
  return `${id}:${otherId}`
}

export const EMPTY_TARGET: Target = {
  sequences: new Map(),
  ranges: new Map(),
  imported: new Map(NEW_TABLES.map((table) => [table, new Set()])),
  taken: new Map(),
  deleted: new Map(),
}

/** So many keys are some 500 kB, and so many addresses 1.3 MB at most: D1 answers no value above 2 MB. */
const KEYS_PER_PAGE = 30_000
const TEXTS_PER_PAGE = 5_000

/** A list that is read in pages: each is a query of the column `text`, after what the page before ended with. */
type List = { readonly pageSize: number; readonly query: (last: string | undefined) => string }

/** wrangler takes seconds to start, so everything is asked at once. */
export async function readTarget(run: Run): Promise<Target> {
  const unique = Object.keys(UNIQUE) as UniqueTable[]
  const [rows, lists] = await readAll(
    run,
    [
      'SELECT name, seq FROM sqlite_sequence',
      'SELECT table_name, after_id, through_id FROM flask_ranges ORDER BY table_name, through_id',
      countDeletedQuery(),
    ],
    [...NEW_TABLES.map(listKeys), ...unique.map(listTexts)],
  )
  const [sequences = [], ranges = [], [deleted] = []] = rows
  return {
    sequences: new Map(sequences.map((row) => [String(row['name']), Number(row['seq'])])),
    ranges: groupRanges(ranges),
    imported: new Map(NEW_TABLES.map((table, index) => [table, lists[index] ?? new Set()])),
    taken: new Map(unique.map((table, index) => [table, lists[NEW_TABLES.length + index] ?? new Set()])),
    deleted: new Map(NEW_TABLES.map((table) => [table, Number(deleted?.[table] ?? 0)])),
  }
}

function listKeys(table: NewTable): List {
  const query = (last = '0:0') => `SELECT id || ':' || other_id AS text FROM flask_rows
    WHERE table_name = ${sqlText(table)} AND (id, other_id) > (${last.replace(':', ', ')})
    ORDER BY id, other_id LIMIT ${KEYS_PER_PAGE}`
  return { pageSize: KEYS_PER_PAGE, query }
}

function listTexts(table: UniqueTable): List {
  const column = UNIQUE[table]
  const query = (last = '') => `SELECT ${column} AS text FROM ${table}
    WHERE ${column} > ${sqlText(last)} ORDER BY ${column} LIMIT ${TEXTS_PER_PAGE}`
  return { pageSize: TEXTS_PER_PAGE, query }
}

/** The rows of the queries, and all of each list. A page is one value: wrangler prints each row on several lines. */
async function readAll(
  run: Run,
  queries: string[],
  lists: readonly List[],
): Promise<[Row[][], Set<string>[]]> {
  const read = lists.map(() => new Set<string>())
  let first: Row[][] | undefined
  let open = lists.map((list, index) => ({ list, index, last: undefined as string | undefined }))
  while (first === undefined || open.length > 0) {
    const asked = first === undefined ? queries : []
    const pages = open.map(
      ({ list, last }) => `SELECT json_group_array(text) AS list FROM (${list.query(last)})`,
    )
    const answers = await run([...asked, ...pages])
    first ??= answers.slice(0, queries.length)
    open = open.flatMap(({ list, index }, place) => {
      const page: string[] = JSON.parse(String(answers[asked.length + place]?.[0]?.['list'] ?? '[]'))
      for (const text of page) read[index]?.add(text)
      return page.length < list.pageSize ? [] : [{ list, index, last: page.at(-1) }]
    })
  }
  return [first, read]
}

/** Of each table, how many imported rows are not there any more. */
function countDeletedQuery(): string {
  const present: Record<NewTable, string> = {
    accounts: 'x.id = f.id',
    mechanics: 'x.id = f.id',
    inventory: 'x.id = f.id',
    service_tickets: 'x.id = f.id',
    service_mechanics: 'x.ticket_id = f.id AND x.mechanic_id = f.other_id',
    service_inventory: 'x.ticket_id = f.id AND x.inventory_id = f.other_id',
  }
  const counts = NEW_TABLES.map(
    (table) => `(SELECT count(*) FROM flask_rows AS f WHERE f.table_name = ${sqlText(table)}
      AND NOT EXISTS (SELECT 1 FROM ${table} AS x WHERE ${present[table]})) AS ${table}`,
  )
  return `SELECT ${counts.join(', ')}`
}

function groupRanges(rows: Row[]): Map<string, Range[]> {
  const ranges = new Map<string, Range[]>()
  for (const row of rows) {
    const table = String(row['table_name'])
    const range = { after: Number(row['after_id']), through: Number(row['through_id']) }
    ranges.set(table, [...(ranges.get(table) ?? []), range])
  }
  return ranges
}

/** Whether an id is, or ever was, somebody else's: what was given, and not to the import. */
export function isGiven(target: Target, table: NewTable, id: number): boolean {
  const ranges = target.ranges.get(table) ?? []
  if (ranges.some(({ after, through }) => id > after && id <= through)) return false
  return id <= (target.sequences.get(table) ?? 0)
}

/**
 * Takes the ids up to the highest of each table for the import, so that the service gives none of them to anybody
 * while it loads.
 * @throws Error when the service has given an id since the target was read
 */
export async function reserveIds(
  run: Run,
  target: Target,
  highest: ReadonlyMap<string, number>,
): Promise<void> {
  const wanted = NUMBERED.flatMap((table) => {
    const after = target.sequences.get(table) ?? 0
    const through = highest.get(table) ?? 0
    return through > after ? [{ table, after, through }] : []
  })
  if (wanted.length === 0) return
  const answers = await run([
    ...wanted.flatMap(({ table, after, through }) => [
      `INSERT INTO flask_ranges SELECT name, ${after}, ${through} FROM sqlite_sequence
       WHERE name = ${sqlText(table)} AND seq = ${after} ON CONFLICT DO NOTHING`,
      `UPDATE sqlite_sequence SET seq = ${through} WHERE name = ${sqlText(table)} AND seq = ${after}`,
    ]),
    'SELECT table_name, after_id, through_id FROM flask_ranges',
  ])
  const ranges = groupRanges(answers.at(-1) ?? [])
  for (const { table, after, through } of wanted) {
    if (ranges.get(table)?.some((range) => range.after === after && range.through === through)) continue
    throw new Error(`Somebody was given an id of ${table} just now. No row was imported; run it again.`)
  }
}
