import * as z from 'zod'
import { roleSchema } from '../access/schemas.ts'
import { accountSchema, emailField, nameField, phoneField, showAccount } from '../accounts/schemas.ts'
import { ACCOUNT_STATUSES } from '../accounts/tables.ts'
import { isoTime } from '../platform/iso-time.ts'
import { once } from '../platform/once.ts'
import { cursorFields } from '../platform/pagination.ts'
import { codePoints, integer, text } from '../platform/validate.ts'
import { ACCOUNT_SORT_FIELDS, type AccountRow } from './queries.ts'

export const managedAccountSchema = once(() =>
  accountSchema()
    .extend({
      status: z.enum(ACCOUNT_STATUSES),
      email_verified: z.boolean(),
      invited: z.boolean().meta({ description: 'Has not chosen a password yet, and cannot sign in' }),
      mechanic_id: z.int().nullable().meta({ description: 'Whom of the shop’s mechanics it belongs to' }),
      created_at: z.iso.datetime(),
    })
    .meta({ id: 'ManagedAccount' }),
)

export const ACCOUNT_EXAMPLE = {
  id: 3,
  first_name: 'Maria',
  last_name: 'Keller',
  email: 'maria@example.com',
  phone_number: null,
  role: 'mechanic',
  status: 'active',
  email_verified: false,
  invited: true,
  mechanic_id: 1,
  created_at: '2026-01-15T10:00:00.000Z',
} satisfies z.infer<ReturnType<typeof managedAccountSchema>>

export function showManagedAccount(row: AccountRow): z.infer<ReturnType<typeof managedAccountSchema>> {
  return {
    ...showAccount(row),
    status: row.status,
    email_verified: row.emailVerifiedAt !== null,
    invited: row.hasPassword === 0,
    mechanic_id: row.mechanicId,
    created_at: isoTime(row.createdAt),
  }
}

const STAFF_ROLES = ['mechanic', 'admin'] as const

export const invitationSchema = z
  .strictObject({
    email: emailField,
    role: z.enum(STAFF_ROLES),
    first_name: nameField.optional(),
    last_name: nameField.optional(),
    phone_number: phoneField.nullable().optional(),
    mechanic_id: integer().min(1).max(Number.MAX_SAFE_INTEGER).optional().meta({
      description:
        'For a mechanic: whom of the shop’s mechanics the account belongs to. Left out, it is who has this address, or somebody new.',
    }),
  })
  .refine(({ role, mechanic_id }) => role === 'mechanic' || mechanic_id === undefined, {
    path: ['mechanic_id'],
    message: 'Only for the role mechanic.',
  })
  .meta({ id: 'StaffInvitation' })

export const standingSchema = z
  .strictObject({ role: roleSchema.optional(), status: z.enum(ACCOUNT_STATUSES).optional() })
  .meta({ id: 'AccountStanding', minProperties: 1 })

export const accountListQuery = z.object({
  ...cursorFields,
  role: roleSchema.optional(),
  status: z.enum(ACCOUNT_STATUSES).optional(),
  search: text()
    .refine((value) => codePoints(value) <= 100, 'Longer than maximum length 100.')
    .optional()
    .meta({
      description: 'Literal text in the name or e-mail address, at most 100 characters',
      maxLength: 100,
    }),
  sort_by: z.enum(ACCOUNT_SORT_FIELDS).default('id'),
  order: z.enum(['asc', 'desc']).default('asc'),
})

export const accountListSchema = once(() =>
  z
    .object({ items: z.array(managedAccountSchema()), next_cursor: z.string().nullable() })
    .meta({ id: 'ManagedAccountList' }),
)
