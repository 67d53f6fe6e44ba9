import * as z from 'zod'
import { codePoints, text } from '../platform/validate.ts'

/**
 * A new password as far as its shape goes. Length and content depend on settings and on the person, so
 * `findPasswordFaults` judges them.
 */
export const newPassword = z.string().meta({
  description:
    'At least 6 code points (or PASSWORD_MIN_LENGTH), at most 256; not a common password, not your own name or e-mail.',
  minLength: 6,
  maxLength: 256,
})

/** A one-time token as it is sent; anything of a sane length is looked up. */
export const linkToken = text()
  .refine((value) => codePoints(value) <= 1_024, 'Longer than maximum length 1024.')
  .meta({ maxLength: 1024 })

/** A password as it is tried: any text, bounded, because old rules may have allowed it. */
export const triedPassword = z
  .string()
  .refine((value) => value !== '', 'Shorter than minimum length 1.')
  .refine((value) => codePoints(value) <= 1_024, 'Longer than maximum length 1024.')
  // U+0000 and lone surrogates change on the way to the hash: one hash, several passwords (RFC 8259 §8.2).
  .refine((value) => value.isWellFormed() && !value.includes('\0'), 'Not a valid string.')
  .meta({ minLength: 1, maxLength: 1024 })
