/**
 * What a new password must be (NIST SP 800-63B-4 §3.1.1): long enough, not commonly used, not made of
 * the account's own words. No rules of composition, no expiry.
 */
import { isCommonPassword } from './common-passwords.ts'

/** Bounds the work before hashing; in code points. */
export const PASSWORD_MAX_LENGTH = 256

/** Words that belong to this kind of service, in any letter case, with digits or signs around them. */
const SERVICE_WORDS = ['mechanic', 'mechanicshop', 'customer', 'admin', 'administrator', 'password']

export interface PasswordContext {
  readonly minLength: number
  readonly shopName: string
  readonly email?: string | undefined
  readonly firstName?: string | undefined
  readonly lastName?: string | undefined
}

/** Everything that is wrong with a new password, as messages for the person; empty if it is fine. */
export function findPasswordFaults(password: string, context: PasswordContext): string[] {
  if (!password.isWellFormed() || password.includes('\0')) return ['Not a valid string.']
  const length = [...password].length
  if (length < context.minLength) return [`Shorter than minimum length ${context.minLength}.`]
  if (length > PASSWORD_MAX_LENGTH) return [`Longer than maximum length ${PASSWORD_MAX_LENGTH}.`]
  if (isCommonPassword(password)) return ['This password is too common.']
  if (isContextWord(password, context))
    return ['This password is too easy to guess from your name, e-mail or this shop.']
  return []
}

/** The password is one of the account's or the service's own words, perhaps with digits or signs around it. */
function isContextWord(password: string, context: PasswordContext): boolean {
  const [localPart = ''] = (context.email ?? '').split('@')
  const { email = '', firstName = '', lastName = '', shopName } = context
  const names = [firstName, lastName, firstName + lastName, lastName + firstName]
  const guess = formsOf(password)
  return [...SERVICE_WORDS, shopName, email, localPart, ...names].some((word) =>
    formsOf(word).some((form) => guess.includes(form)),
  )
}

/** A text as it may be disguised: whole, without what is not a letter around it, without separators. */
function formsOf(text: string): string[] {
  const whole = fold(text)
  const core = whole.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  const joined = [whole, core].map((form) => form.replace(/[\s._-]+/g, ''))
  return [whole, core, ...joined].filter((form) => form !== '')
}

function fold(text: string): string {
  return text.normalize('NFC').trim().toLowerCase()
}
