import * as z from 'zod'
import { type Rights, reachBy } from '../access/decide.ts'
import { emailField, nameField, phoneField } from '../accounts/schemas.ts'
import { amountField, showCents } from '../platform/money.ts'
import { once } from '../platform/once.ts'
import { cursorFields, queryInteger } from '../platform/pagination.ts'
import type { MechanicRow } from './queries.ts'

const MAX_SALARY = 10_000_000

const mechanicFields = {
  id: z.int(),
  name: z.string(),
  email: z.string(),
  phone: z.string().nullable(),
  salary: z.number().nullable().optional().meta({ description: 'Only for who may change mechanics: admins' }),
}

export const mechanicSchema = once(() => z.object(mechanicFields).meta({ id: 'Mechanic' }))

export const MECHANIC_EXAMPLE = {
  id: 1,
  name: 'Maria Keller',
  email: 'maria@example.com',
  phone: '555-0145',
  salary: 52000,
}

const fields = {
  name: nameField,
  email: emailField,
  phone: phoneField.nullable().optional(),
  salary: amountField(MAX_SALARY).nullable().optional(),
}

export const newMechanicSchema = z.strictObject(fields).meta({ id: 'NewMechanic' })

export const mechanicChangeSchema = z
  .strictObject({ ...fields, name: nameField.optional(), email: emailField.optional() })
  .meta({ id: 'MechanicChange', minProperties: 1 })

export type NewMechanicInput = z.output<typeof newMechanicSchema>

export type MechanicInput = z.output<typeof mechanicChangeSchema>

/** A mechanic as one may see them: the salary only with the permission to change it. */
export function showMechanic(row: MechanicRow, reader: Rights): z.infer<ReturnType<typeof mechanicSchema>> {
  const { id, name, email, phone, salaryCents } = row
  const shown = { id, name, email, phone }
  if (reachBy(reader, 'mechanics:write') !== 'any') return shown
  return { ...shown, salary: salaryCents === null ? null : showCents(salaryCents) }
}

export const mechanicListQuery = z.object({
  ...cursorFields,
})

export const mechanicListSchema = once(() =>
  z
    .object({ items: z.array(mechanicSchema()), next_cursor: z.string().nullable() })
    .meta({ id: 'MechanicList' }),
)

export const workloadQuery = z.object({
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By tickets; most of them first' }),
  limit: queryInteger(1, 100).default(100),
})

export const workloadSchema = once(() =>
  z
    .object({
      mechanics: z.array(
        z.object({
          ...mechanicFields,
          ticket_count: z
            .int()
            .meta({ description: 'Tickets in whatever status that the mechanic is assigned to' }),
        }),
      ),
      total_mechanics: z.int().meta({ description: 'How many there are, listed or not' }),
      sort_order: z.enum(['asc', 'desc']),
      message: z.string(),
      limit_applied: z.int(),
    })
    .meta({ id: 'MechanicsByWorkload' }),
)
