/** Fields of a person, as they come in and as they are shown. */
import * as z from 'zod'
import { roleSchema } from '../access/schemas.ts'
import { once } from '../platform/once.ts'
import { codePoints, text } from '../platform/validate.ts'
import { canonicalEmail } from './email-address.ts'
import type { Profile } from './queries.ts'

/** One line of text: no control characters, and none that turn the direction of what follows. */
const line = () =>
  text().refine(
    (value) => !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(value),
    'Not a valid string.',
  )

export const nameField = line()
  .refine((value) => codePoints(value) >= 1 && codePoints(value) <= 100, 'Length must be between 1 and 100.')
  .meta({ minLength: 1, maxLength: 100 })

export const emailField = z
  .string()
  .refine((value) => canonicalEmail(value) !== undefined, 'Not a valid email address.')
  .meta({ format: 'email', maxLength: 254 })

export const phoneField = line()
  .refine((value) => codePoints(value) <= 20, 'Longer than maximum length 20.')
  .meta({ maxLength: 20 })

const profileFields = {
  id: z.int(),
  first_name: z.string(),
  last_name: z.string(),
  email: z.string(),
  phone_number: z.string().nullable(),
}

/** A customer as the old service showed one. */
export const customerSchema = once(() => z.object(profileFields).meta({ id: 'Customer' }))

export const accountSchema = once(() =>
  z.object({ ...profileFields, role: roleSchema }).meta({ id: 'Account' }),
)

export const CUSTOMER_EXAMPLE = {
  id: 1,
  first_name: 'John',
  last_name: 'Doe',
  email: 'john@example.com',
  phone_number: '555-0123',
}

export function showCustomer(
  profile: Pick<Profile, 'id' | 'firstName' | 'lastName' | 'email' | 'phoneNumber'>,
): z.infer<ReturnType<typeof customerSchema>> {
  return {
    id: profile.id,
    first_name: profile.firstName,
    last_name: profile.lastName,
    email: profile.email,
    phone_number: profile.phoneNumber,
  }
}

export function showAccount(profile: Profile): z.infer<ReturnType<typeof accountSchema>> {
  return { ...showCustomer(profile), role: profile.role }
}
