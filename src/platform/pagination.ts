/** Pages as the old service had them: lenient input, a `pagination` object in the answer. And the query of newer lists. */
import * as z from 'zod'
import { once } from './once.ts'

const DEFAULT_PER_PAGE = 10
const MAX_PER_PAGE = 100

/** Keeps the offset an exact integer, however large a page is asked for. */
const MAX_PAGE = 1_000_000

/** Not a whole number: the default. Out of range: the nearest bound. */
const clamped = (max: number, fallback: number) =>
  z
    .string()
    .optional()
    .transform((value) => {
      const isInteger = value !== undefined && /^\s*[+-]?\d+(?:e\d+)?\s*$/i.test(value)
      return isInteger ? Math.min(Math.max(Number(value), 1), max) : fallback
    })

/** A whole number in a query, refused when it is anything else or out of range. */
export const queryInteger = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'Not a valid integer.')
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .meta({ type: 'integer', format: 'int64', minimum: min, maximum: max })

export const pageFields = {
  page: clamped(MAX_PAGE, 1).meta({
    type: 'integer',
    format: 'int64',
    minimum: 1,
    maximum: MAX_PAGE,
    description: 'From 1; out of range is clamped',
    example: 1,
  }),
  per_page: clamped(MAX_PER_PAGE, DEFAULT_PER_PAGE).meta({
    type: 'integer',
    format: 'int64',
    minimum: 1,
    maximum: MAX_PER_PAGE,
    description: '1 to 100; out of range is clamped',
    example: 10,
  }),
}

/** Of a list whose pages follow a cursor. Unlike those of the old pages a limit out of range is refused, not clamped. */
export const cursorFields = {
  cursor: z.string().optional().meta({ description: '`next_cursor` of the page before', maxLength: 128 }),
  limit: queryInteger(1, 100).default(20),
}

export const pageSchema = once(() =>
  z
    .object({
      page: z.int(),
      per_page: z.int(),
      total: z.int(),
      pages: z.int(),
      has_next: z.boolean(),
      has_prev: z.boolean(),
      next_page: z.int().nullable(),
      prev_page: z.int().nullable(),
    })
    .meta({ id: 'Pagination' }),
)

export function describePage(
  page: number,
  perPage: number,
  total: number,
): z.infer<ReturnType<typeof pageSchema>> {
  const pages = Math.ceil(total / perPage)
  const hasNext = page < pages
  const hasPrev = page > 1
  return {
    page,
    per_page: perPage,
    total,
    pages,
    has_next: hasNext,
    has_prev: hasPrev,
    next_page: hasNext ? page + 1 : null,
    prev_page: hasPrev ? page - 1 : null,
  }
}
