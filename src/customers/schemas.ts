import * as z from 'zod'
import { CUSTOMER_SORT_FIELDS } from '../accounts/queries.ts'
import { customerSchema, emailField, nameField, phoneField } from '../accounts/schemas.ts'
import { newPassword } from '../passwords/schemas.ts'
import { once } from '../platform/once.ts'
import { pageFields, pageSchema } from '../platform/pagination.ts'
import { codePoints, text } from '../platform/validate.ts'

export const registrationSchema = z
  .strictObject({
    first_name: nameField,
    last_name: nameField,
    email: emailField,
    phone_number: phoneField.nullable().optional(),
    password: newPassword,
  })
  .meta({ id: 'Registration' })

export const customerListQuery = z.object({
  ...pageFields,
  search: text()
    .refine((value) => codePoints(value) <= 100, 'Longer than maximum length 100.')
    .optional()
    .meta({
      description: 'Literal text in the name or e-mail address, at most 100 characters',
      maxLength: 100,
    }),
  email: emailField.optional().meta({ description: 'The whole e-mail address, in any spelling' }),
  sort_by: z.enum(CUSTOMER_SORT_FIELDS).default('id'),
  order: z.enum(['asc', 'desc']).default('asc'),
})

export const customerListSchema = once(() =>
  z
    .object({
      customers: z.array(customerSchema()),
      pagination: pageSchema(),
      filters_applied: z.object({
        search: z.string().nullable(),
        email: z.string().nullable(),
        sort_by: z.enum(CUSTOMER_SORT_FIELDS),
        order: z.enum(['asc', 'desc']),
      }),
    })
    .meta({ id: 'CustomerList' }),
)
