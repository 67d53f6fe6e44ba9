/**
 * SELECTs that nearly every request runs. drizzle builds their text once and not per request, and their
 * columns carry the names of the row's members, so that D1's rows are used as they come. Building and
 * mapping anew costs half as much as the read itself.
 */
import { type Column, fillPlaceholders, type GetColumnData, type Query, type SQL, sql } from 'drizzle-orm'
import { QueryBuilder } from 'drizzle-orm/sqlite-core'
import { answered, type Database } from './database.ts'

type Selection = Record<string, Column | SQL>

type RowOf<Columns extends Selection> = {
  [Name in keyof Columns]: Columns[Name] extends Column
    ? GetColumnData<Columns[Name]>
    : Columns[Name] extends SQL<infer Value>
      ? Value
      : never
}

type Named<Columns extends Selection> = { [Name in keyof Columns]: SQL.Aliased<RowOf<Columns>[Name]> }

/** The columns under the names of the row's members; of those of a LEFT JOIN say `sql<… | null>`. */
export function named<Columns extends Selection>(columns: Columns): Named<Columns> {
  const aliased = Object.entries(columns).map(([name, column]) => [name, sql`${column}`.as(name)])
  return Object.fromEntries(aliased)
}

interface Select<Row> {
  toSQL(): Query
  readonly _: { readonly result: Row[] }
}

/**
 * Compiles a SELECT at its first use and runs it; its values are `sql.placeholder(name)` in it. Only for columns
 * that SQLite stores as the row has them: nothing is decoded.
 * @throws Problem `unavailable`
 */
export function compileSelect<Values extends Record<string, string | number>, Row>(
  build: (select: QueryBuilder['select']) => Select<Row>,
): (db: Database, values: Values) => Promise<Row[]> {
  let compiled: Query | undefined
  const read = async (db: Database, values: Values) => {
    const builder = new QueryBuilder()
    compiled ??= build(builder.select.bind(builder)).toSQL()
    const params = fillPlaceholders(compiled.params, values)
    return db.$client
      .prepare(compiled.sql)
      .bind(...params)
      .all<Row>()
  }
  // A database that is not there fails as early as in `prepare`.
  return async (db, values) => (await answered(read(db, values))).results
}
