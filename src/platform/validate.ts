/**
 * From zod's issues to the field messages that the old service's clients know (marshmallow's texts).
 * The messages are set for all of zod at once, because routes are validated through a library that
 * takes no message map; a schema's own message still wins.
 */
import * as z from 'zod'
import { type FieldErrors, Problem } from './problem.ts'

z.config({ customError: fieldMessage })

type RawIssue = z.core.$ZodRawIssue

function fieldMessage(issue: RawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') return 'Unknown field.'
  if (issue.code === 'invalid_value') return `Must be one of: ${issue.values.join(', ')}.`
  if (issue.code === 'too_small')
    return `Must be greater than ${issue.inclusive ? 'or equal to ' : ''}${issue.minimum}.`
  if (issue.code === 'too_big' && issue.origin === 'array')
    return `Longer than maximum length ${issue.maximum}.`
  if (issue.code === 'too_big') return `Must be less than or equal to ${issue.maximum}.`
  if (issue.code !== 'invalid_type') return undefined
  if (issue.input === undefined) return 'Missing data for required field.'
  if (issue.input === null) return 'Field may not be null.'
  return NOT_VALID[issue.expected] ?? 'Invalid input type.'
}

const NOT_VALID: Record<string, string> = {
  string: 'Not a valid string.',
  number: 'Not a valid number.',
  int: 'Not a valid integer.',
  boolean: 'Not a valid boolean.',
  array: 'Not a valid list.',
}

/** A body of 64 KiB can name thousands of unknown fields; nobody reads so many complaints. */
const MAX_ERRORS = 100

/** Field names with dots for nesting; `_schema` for the body as a whole; one entry per unknown field. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[]): FieldErrors {
  const errors: FieldErrors = Object.create(null)
  for (const issue of issues) {
    const path = issue.path.map(String)
    const names =
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => [...path, key].join('.'))
        : [path.join('.') || '_schema']
    // A body of null is no field that may not be null.
    const message = path.length === 0 && issue.code === 'invalid_type' ? 'Invalid input type.' : issue.message
    for (const name of names.slice(0, MAX_ERRORS)) {
      errors[name] ??= []
      if (!errors[name].includes(message)) errors[name].push(message)
    }
  }
  return errors
}

export interface ValidationResult {
  readonly target: string
  readonly success: boolean
  readonly data?: unknown
  readonly error?: { readonly issues: readonly z.core.$ZodIssue[] }
}

/** What happens after each validator: nothing when all is well, else the problem that says why. */
export function refuseInvalid(result: ValidationResult): undefined {
  if (result.success) return undefined
  // A path that names nothing is not a fault of a field.
  if (result.target === 'param') throw new Problem('not_found')
  if (result.target === 'json' && isEmptyObject(result.data)) throw new Problem('input_missing')
  throw new Problem('validation_failed', { errors: fieldErrors(result.error?.issues ?? []) })
}

/** As `refuseInvalid`, for the query of a list: a wrong order or field has the title that old clients know. */
export function refuseInvalidList(result: ValidationResult): undefined {
  const errors = fieldErrors(result.error?.issues ?? [])
  if (errors['sort_by']) throw new Problem('sort_field_invalid', { errors })
  if (errors['order'] || errors['sort_order']) throw new Problem('order_invalid', { errors })
  return refuseInvalid(result)
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  )
}

/** A string without U+0000 and lone surrogates: neither survives storage as it was sent. */
export const text = () => storableText

const storableText = z
  .string()
  .refine((value) => value.isWellFormed() && !value.includes('\0'), 'Not a valid string.')

/** A whole number of a body, of which a text or a fraction is told as that. */
export const integer = () =>
  z.int({
    error: ({ code, input }) =>
      code === 'invalid_type' && input !== undefined && input !== null ? 'Not a valid integer.' : undefined,
  })

export function codePoints(value: string): number {
  return [...value].length
}
