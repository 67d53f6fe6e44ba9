/** What the shop sells. */
import { and, asc, desc, eq, gte, lte, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import { inventory } from './tables.ts'

export const itemColumns = {
  id: inventory.id,
  name: inventory.name,
  priceCents: inventory.priceCents,
  quantity: inventory.quantity,
}

export interface ItemRow {
  readonly id: number
  readonly name: string
  readonly priceCents: number
  /** Null where it is not counted. */
  readonly quantity: number | null
}

export function findItem(db: Database, id: number) {
  return db.select(itemColumns).from(inventory).where(eq(inventory.id, id))
}

export const ITEM_SORT_FIELDS = ['id', 'name', 'price', 'quantity'] as const

export interface ItemFilter {
  /** Literal text in the name. */
  readonly name: string | undefined
  readonly minCents: number | undefined
  readonly maxCents: number | undefined
  readonly sortBy: (typeof ITEM_SORT_FIELDS)[number]
  readonly order: 'asc' | 'desc'
}

const sortColumns = {
  id: sql`${inventory.id}`,
  name: sql`${inventory.name} COLLATE NOCASE`,
  price: sql`${inventory.priceCents}`,
  quantity: sql`${inventory.quantity}`,
} as const satisfies Record<ItemFilter['sortBy'], SQL>

export function listItems(db: Database, filter: ItemFilter, limit: number, offset: number) {
  const direction = filter.order === 'asc' ? asc : desc
  const column = sortColumns[filter.sortBy]
  const tieBreak = column === sortColumns.id ? [] : [direction(inventory.id)]
  return db
    .select(itemColumns)
    .from(inventory)
    .where(itemsMatching(filter))
    .orderBy(direction(column), ...tieBreak)
    .limit(limit)
    .offset(offset)
}

export function countItems(db: Database, filter: ItemFilter) {
  return db.select({ total: sql<number>`count(*)` }).from(inventory).where(itemsMatching(filter))
}

/** `instr` takes the text literally; LIKE would give `%` and `_` a meaning and cap its length. */
function itemsMatching({ name, minCents, maxCents }: ItemFilter) {
  // SQLite's lower() folds A–Z only; the text must be folded alike or "É" would never be found.
  const needle = name?.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  return and(
    needle === undefined ? undefined : sql`instr(lower(${inventory.name}), ${needle}) > 0`,
    minCents === undefined ? undefined : gte(inventory.priceCents, minCents),
    maxCents === undefined ? undefined : lte(inventory.priceCents, maxCents),
  )
}

/** Takes the next `count` ids and gives the last of them. */
export function reserveItemIds(db: Database, count: number) {
  return db.all<{ seq: number }>(sql`
    UPDATE sqlite_sequence SET seq = seq + ${count} WHERE name = 'inventory' RETURNING seq`)
}

/** Inserts an item under a reserved id, unless there is one with its name. */
export function insertItem(db: Database, item: ItemRow, now: number) {
  // Every column of the table, in its order.
  return db.insert(inventory).select(sql`
    SELECT ${item.id}, ${item.name}, ${item.priceCents}, ${item.quantity}, ${now}, ${now}
    WHERE ${isNameFree(item.name)}`)
}

export type ItemChanges = Partial<Omit<ItemRow, 'id'>>

/**
 * Changes an item; no row when another one has the new name. A quantity is the whole stock: it counts over what is
 * taken or given back at the same time.
 */
export function updateItem(db: Database, id: number, changes: ItemChanges, now: number) {
  return db
    .update(inventory)
    .set({ ...changes, updatedAt: now })
    .where(
      and(
        eq(inventory.id, id),
        changes.name === undefined ? undefined : isNameFree(changes.name, sql`AND other.id <> ${id}`),
      ),
    )
    .returning(itemColumns)
}

/** Deletes an item; the tickets keep what they have of it. */
export function deleteItem(db: Database, id: number) {
  return db.delete(inventory).where(eq(inventory.id, id))
}

function isNameFree(name: string, butFor: SQL = sql``): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${inventory} AS other WHERE other.name = ${name} ${butFor})`
}
