import * as z from 'zod'
import { emailField, nameField, phoneField } from '../accounts/schemas.ts'
import { newPassword, triedPassword } from '../passwords/schemas.ts'

const currentPassword = triedPassword.meta({
  description: 'The password in use; needed for password, e-mail and deletion unless the sign-in is recent.',
})

const profileFields = {
  first_name: nameField.optional(),
  last_name: nameField.optional(),
  email: emailField.optional(),
  phone_number: phoneField.nullable().optional(),
  password: newPassword.optional(),
}

/** Any subset of the own fields. `current_password` alone changes nothing, so it counts as no input. */
export const profileChangeSchema = z
  .strictObject({ ...profileFields, current_password: currentPassword.optional() })
  .meta({ id: 'ProfileChange', minProperties: 1 })

export type ProfileInput = z.infer<typeof profileChangeSchema>

export const PROFILE_FIELDS = Object.keys(profileFields) as (keyof typeof profileFields)[]

export const passwordChangeSchema = z
  .strictObject({ current_password: triedPassword, password: newPassword })
  .meta({ id: 'PasswordChange' })

/** The body of a deletion: nothing, or the current password. */
export const confirmationSchema = z
  .strictObject({ current_password: currentPassword.optional() })
  .meta({ id: 'DeletionConfirmation' })
