/** Adding, changing and deleting items of the inventory, each with its audit row in the same batch. */
import type { BatchItem } from 'drizzle-orm/batch'
import type { AuditFacts } from '../audit/events.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { toCents } from '../platform/money.ts'
import { type FieldErrors, Problem } from '../platform/problem.ts'
import { PROBLEMS } from '../platform/problem-catalogue.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { fieldErrors } from '../platform/validate.ts'
import type { Actor } from '../sessions/guard.ts'
import { deleteItem, findItem, type ItemRow, insertItem, reserveItemIds, updateItem } from './queries.ts'
import { type ItemInput, type NewItemInput, newItemSchema } from './schemas.ts'

type ItemEvent = Pick<
  AuditFacts<'inventory.created' | 'inventory.updated' | 'inventory.deleted'>,
  'event' | 'details'
>

/** @throws Problem `inventory_name_taken`, `unavailable` */
export async function addItem(scope: RequestScope, actor: Actor, input: NewItemInput): Promise<ItemRow> {
  const { created } = await insertItems(scope, actor, [input])
  const [item] = created
  if (!item) throw new Problem('inventory_name_taken')
  return item
}

/** What became of a list of items. */
interface BulkOutcome {
  readonly created: readonly ItemRow[]
  /** By number of the item in the list, from 0, and field. */
  readonly errors: FieldErrors
  readonly errorCount: number
}

/**
 * Adds those of some items that are as they should be, whatever the others are.
 * @throws Problem `unavailable`
 */
export async function addItems(
  scope: RequestScope,
  actor: Actor,
  inputs: readonly unknown[],
): Promise<BulkOutcome> {
  const good: { readonly index: number; readonly input: NewItemInput }[] = []
  const errors: FieldErrors = {}
  for (const [index, sent] of inputs.entries()) {
    const { data: input, error } = newItemSchema.safeParse(sent)
    if (input) good.push({ index, input })
    for (const [field, messages] of Object.entries(fieldErrors(error?.issues ?? []))) {
      errors[`${index}.${field}`] = messages
    }
  }
  const { created, refused } = await insertItems(
    scope,
    actor,
    good.map(({ input }) => input),
  )
  for (const place of refused) {
    errors[`${good[place]?.index}.name`] = [PROBLEMS.inventory_name_taken.title]
  }
  return { created, errors, errorCount: inputs.length - created.length }
}

/** Inserts items in their order; `refused` are the places of those whose name there is already. */
async function insertItems(scope: RequestScope, actor: Actor, inputs: readonly NewItemInput[]) {
  const { db, facts } = scope
  const refused: number[] = []
  if (inputs.length === 0) return { created: [], refused }
  const [reserved] = await answered(reserveItemIds(db, inputs.length))
  if (!reserved) throw new Problem('unavailable', { reason: 'inventory has no sequence' })
  const firstId = reserved.seq - inputs.length + 1
  const items = inputs.map(
    ({ name, price, quantity }, place): ItemRow => ({
      id: firstId + place,
      name,
      priceCents: toCents(price),
      quantity: quantity ?? null,
    }),
  )
  const events = await Promise.all(
    items.map(({ id }) => sign(scope, actor, { event: 'inventory.created', details: { item_id: id } })),
  )
  const [first, ...rest] = items.flatMap((item, place): BatchItem<'sqlite'>[] => {
    const event = events[place]
    const insert = insertItem(db, item, facts.now)
    return event ? [insert, insertAuditEvent(db, event, previousChangedOne)] : []
  })
  if (!first) return { created: [], refused }
  const results = (await answered(db.batch([first, ...rest]))) as D1Result[]
  const created = items.filter((_, place) => {
    // Each item has two statements: its insert and its audit row.
    const isInserted = results[2 * place]?.meta.changes !== 0
    if (!isInserted) refused.push(place)
    return isInserted
  })
  return { created, refused }
}

/**
 * Applies any subset of the fields.
 * @throws Problem `input_missing`, `inventory_name_taken`, `inventory_item_not_found`, `unavailable`
 */
export async function changeItem(
  scope: RequestScope,
  actor: Actor,
  id: number,
  { name, price, quantity }: ItemInput,
): Promise<ItemRow> {
  const { db, facts } = scope
  const changes = {
    ...(name !== undefined && { name }),
    ...(price !== undefined && { priceCents: toCents(price) }),
    ...(quantity !== undefined && { quantity }),
  }
  const fields = Object.entries({ name, price, quantity }).flatMap(([field, value]) =>
    value === undefined ? [] : [field],
  )
  if (fields.length === 0) throw new Problem('input_missing')
  const event = await sign(scope, actor, { event: 'inventory.updated', details: { item_id: id, fields } })
  const [[changed], , [found]] = await answered(
    db.batch([
      updateItem(db, id, changes, facts.now),
      insertAuditEvent(db, event, previousChangedOne),
      findItem(db, id),
    ]),
  )
  if (!changed) throw new Problem(found ? 'inventory_name_taken' : 'inventory_item_not_found')
  return changed
}

/** @throws Problem `inventory_item_not_found`, `unavailable` */
export async function removeItem(scope: RequestScope, actor: Actor, id: number): Promise<void> {
  const { db } = scope
  const event = await sign(scope, actor, { event: 'inventory.deleted', details: { item_id: id } })
  const [deleted] = await answered(
    db.batch([deleteItem(db, id), insertAuditEvent(db, event, previousChangedOne)]),
  )
  if (deleted.meta.changes === 0) throw new Problem('inventory_item_not_found')
}

function sign(scope: RequestScope, actor: Actor, event: ItemEvent) {
  return signAuditEvent(scope.keys.auditMac, scope.facts, {
    ...event,
    outcome: 'success',
    actorId: actor.account.id,
    sessionId: actor.session.id,
  })
}
