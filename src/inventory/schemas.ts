import * as z from 'zod'
import { type Rights, reachBy } from '../access/decide.ts'
import { nameField } from '../accounts/schemas.ts'
import { amountField, queryAmount, showCents } from '../platform/money.ts'
import { once } from '../platform/once.ts'
import { pageFields } from '../platform/pagination.ts'
import { codePoints, integer, text } from '../platform/validate.ts'
import { ITEM_SORT_FIELDS, type ItemRow } from './queries.ts'

const MAX_PRICE = 1_000_000
export const MAX_QUANTITY = 1_000_000
export const MAX_BULK_ITEMS = 100

export const itemSchema = once(() =>
  z
    .object({
      id: z.int(),
      name: z.string(),
      price: z.number(),
      quantity: z.int().nullable().optional().meta({
        description: 'How many are there, null where it is not counted; only for who may change items: staff',
      }),
    })
    .meta({ id: 'InventoryItem' }),
)

export const ITEM_EXAMPLE = { id: 1, name: 'Brake pads, front', price: 49.9, quantity: 12 }

const quantity = integer().min(0).max(MAX_QUANTITY).nullable().optional().meta({
  description: 'null: not counted',
})

export const newItemSchema = z
  .strictObject({ name: nameField, price: amountField(MAX_PRICE), quantity })
  .meta({ id: 'NewInventoryItem' })

export const itemChangeSchema = z
  .strictObject({ name: nameField.optional(), price: amountField(MAX_PRICE).optional(), quantity })
  .meta({ id: 'InventoryItemChange', minProperties: 1 })

export type NewItemInput = z.output<typeof newItemSchema>
export type ItemInput = z.output<typeof itemChangeSchema>

/** Whether somebody sees how many there are: that is the shop's business. */
export function seesQuantities(reader: Rights): boolean {
  return reachBy(reader, 'inventory:write') === 'any'
}

export function showItem(row: ItemRow, reader: Rights): z.infer<ReturnType<typeof itemSchema>> {
  const shown = { id: row.id, name: row.name, price: showCents(row.priceCents) }
  return seesQuantities(reader) ? { ...shown, quantity: row.quantity } : shown
}

export const itemListQuery = z.object({
  ...pageFields,
  name: text()
    .refine((value) => codePoints(value) <= 100, 'Longer than maximum length 100.')
    .optional()
    .meta({ description: 'Literal text in the name, at most 100 characters', maxLength: 100 }),
  min_price: queryAmount(MAX_PRICE).optional(),
  max_price: queryAmount(MAX_PRICE).optional(),
  sort_by: z
    .enum(ITEM_SORT_FIELDS)
    .default('id')
    .meta({ description: '`quantity` only for who sees quantities: staff' }),
  sort_order: z.enum(['asc', 'desc']).default('asc'),
})

export const itemListSchema = once(() =>
  z
    .object({
      inventory: z.array(itemSchema()),
      pagination: z.object({
        total: z.int(),
        pages: z.int(),
        current_page: z.int(),
        per_page: z.int(),
        has_next: z.boolean(),
        has_prev: z.boolean(),
      }),
    })
    .meta({ id: 'InventoryList' }),
)

const bulkObject = z
  .strictObject({
    // Each item is judged by itself, so that the good ones can be added.
    items: z
      .array(z.unknown())
      .min(1, 'Shorter than minimum length 1.')
      .max(MAX_BULK_ITEMS)
      .meta({
        type: 'array',
        maxItems: MAX_BULK_ITEMS,
        items: { $ref: '#/components/schemas/NewInventoryItem' },
      }),
  })
  .meta({ id: 'InventoryBulk' })

/** The list may also be the body itself. */
export const bulkSchema = z.preprocess((sent) => (Array.isArray(sent) ? { items: sent } : sent), bulkObject)

export const bulkResultSchema = once(() =>
  z
    .object({
      created: z.array(itemSchema()),
      created_count: z.int(),
      errors: z.record(z.string(), z.array(z.string())).meta({
        description: 'What is wrong with the others, by number of the item from 0 and field: `1.price`',
      }),
      error_count: z.int().meta({ description: 'How many items were not created' }),
    })
    .meta({ id: 'InventoryBulkResult' }),
)
