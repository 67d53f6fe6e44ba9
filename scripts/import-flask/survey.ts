/** What an import will do, counted before anything is written, and afterwards what is there. */
import { type Line, type Remark, walk } from './plan.ts'
import { OLD_TABLES, type OldTable, type Source } from './source.ts'
import { isGiven, NEW_TABLES, type NewTable, type Target } from './target.ts'

/** Where the rows of an old table go. */
const INTO: Record<OldTable, NewTable> = {
  customers: 'accounts',
  mechanics: 'mechanics',
  inventory: 'inventory',
  service_tickets: 'service_tickets',
  service_mechanics: 'service_mechanics',
  service_inventory: 'service_inventory',
}

type Counts = { fresh: number; known: number; lost: number }

export type Survey = {
  readonly tables: ReadonlyMap<NewTable, Counts>
  readonly remarks: readonly Remark[]
  /** How many customers have a hash of which kind. */
  readonly schemes: ReadonlyMap<string, number>
  /** Ids that the new service has given to something else. */
  readonly given: ReadonlyMap<NewTable, readonly number[]>
  /** The highest id of each table, of rows that stay out as well: they may be mended and imported later. */
  readonly highest: ReadonlyMap<NewTable, number>
  readonly fresh: number
  /** The first keys of what is not there yet. */
  readonly missing: readonly string[]
}

const MISSING_SHOWN = 20

/** Goes through the whole file once. */
export function survey(source: Source, target: Target, now: number): Survey {
  const tables = new Map(NEW_TABLES.map((table) => [table, { fresh: 0, known: 0, lost: 0 }]))
  const remarks: Remark[] = []
  const schemes = new Map<string, number>()
  const given = new Map<NewTable, number[]>()
  const highest = new Map<NewTable, number>()
  const missing: string[] = []
  const see = (table: NewTable, id: number) => highest.set(table, Math.max(highest.get(table) ?? 0, id))
  const take = ({ table, id, otherId }: Line) => {
    if (missing.length < MISSING_SHOWN) missing.push(`${table} ${otherId === 0 ? id : `${id}/${otherId}`}`)
    if (otherId !== 0 || !isGiven(target, table, id)) return
    const ids = given.get(table)
    if (ids) ids.push(id)
    else given.set(table, [id])
  }
  for (const step of walk(source, target, now)) {
    if ('remark' in step) {
      const { table, id, isLost } = step.remark
      const counts = tables.get(INTO[table])
      if (isLost && counts) counts.lost += 1
      remarks.push(step.remark)
      if (id !== undefined) see(INTO[table], id)
      continue
    }
    const { line, isKnown, scheme } = step
    const counts = tables.get(line.table)
    if (counts) counts[isKnown ? 'known' : 'fresh'] += 1
    see(line.table, line.id)
    if (scheme !== undefined) schemes.set(scheme, (schemes.get(scheme) ?? 0) + 1)
    if (!isKnown) take(line)
  }
  const fresh = [...tables.values()].reduce((sum, counts) => sum + counts.fresh, 0)
  return { tables, remarks, schemes, given, highest, fresh, missing }
}

/** Only what is not there yet. */
export function* freshLines(source: Source, target: Target, now: number): Generator<Line> {
  for (const step of walk(source, target, now)) {
    if ('line' in step && !step.isKnown) yield step.line
  }
}

/** The plan, for whoever decides whether to go on. */
export function describePlan(source: Source, plan: Survey): string[] {
  const lines = [['table', 'in the file', 'to import', 'imported before', 'left out']]
  for (const table of OLD_TABLES) {
    const counts = plan.tables.get(INTO[table])
    const numbers = [source.counts.get(table) ?? 0, counts?.fresh ?? 0, counts?.known ?? 0, counts?.lost ?? 0]
    lines.push([table, ...numbers.map(String)])
  }
  const schemes = [...plan.schemes].map(([scheme, count]) => [`  ${scheme}`, String(count)])
  return [
    ...alignColumns(lines),
    ...(schemes.length > 0 ? ['', 'Password hashes:', ...alignColumns(schemes)] : []),
    ...(source.remarks.length > 0 ? ['', 'The file:', ...source.remarks.map((remark) => `  ${remark}`)] : []),
    ...describeRemarks(
      'Left out:',
      plan.remarks.filter(({ isLost }) => isLost),
    ),
    ...describeRemarks(
      'Imported, with a change:',
      plan.remarks.filter(({ isLost }) => !isLost),
    ),
    '',
  ]
}

function describeRemarks(title: string, remarks: readonly Remark[]): string[] {
  if (remarks.length === 0) return []
  return ['', title, ...remarks.map(({ table, label, says }) => `  ${table} ${label}: ${says}`)]
}

/** Whether every row of the file is accounted for: imported, or left out and told. */
export function isComplete(source: Source, after: Survey): boolean {
  return OLD_TABLES.every((table) => {
    const { known = 0, lost = 0 } = after.tables.get(INTO[table]) ?? {}
    return known + lost === (source.counts.get(table) ?? 0)
  })
}

/** What came of it, held against the file. */
export function describeOutcome(
  source: Source,
  after: Survey,
  deleted: ReadonlyMap<NewTable, number>,
): string[] {
  const lines = [['table', 'in the file', 'imported', 'left out', 'missing', 'deleted since']]
  for (const table of OLD_TABLES) {
    const counts = after.tables.get(INTO[table])
    const numbers = [source.counts.get(table) ?? 0, counts?.known ?? 0, counts?.lost ?? 0, counts?.fresh ?? 0]
    lines.push([table, ...numbers.map(String), String(deleted.get(INTO[table]) ?? 0)])
  }
  return alignColumns(lines)
}

/** The refusal that names the ids, or undefined. */
export function describeGiven(given: Survey['given']): string | undefined {
  if (given.size === 0) return undefined
  const lines = [...given].map(([table, ids]) => `  ${table}: ${describeIds(ids)}`)
  return `The new service has given these ids already, so nothing was imported. An import comes first, into an empty database:
${lines.join('\n')}`
}

/** Ascending ids, with 4-7 for four in a row. */
export function describeIds(ids: readonly number[]): string {
  const runs: [number, number][] = []
  for (const id of ids) {
    const last = runs.at(-1)
    if (last?.[1] === id - 1) last[1] = id
    else runs.push([id, id])
  }
  return runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ')
}

function alignColumns(rows: string[][]): string[] {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((text, index) =>
        index === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart((widths[index] ?? 0) + 2),
      )
      .join(''),
  )
}
