/** Amounts of money: numbers with two decimals on the wire, whole cents inside. */
import * as z from 'zod'

/** How far a number may lie from a whole cent: the error of a product of two doubles of this size is far below. */
const TOLERANCE_CENTS = 1e-6

/** An amount from 0 to `max`. A fraction of a cent is refused, not rounded. */
export const amountField = (max: number) =>
  z
    .number()
    .min(0)
    .max(max)
    .refine(isWholeCents, { error: 'At most two decimals.', abort: false })
    .meta({ minimum: 0, maximum: max })

/** The same in a query. */
export const queryAmount = (max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}(?:\.\d{1,15})?$/, 'Not a valid number.')
    .transform(Number)
    .pipe(amountField(max))
    .meta({ type: 'number', minimum: 0, maximum: max })

export function toCents(amount: number): number {
  // Adding zero makes 0 of -0.
  return Math.round(amount * 100) + 0
}

export function showCents(cents: number): number {
  return cents / 100
}

function isWholeCents(amount: number): boolean {
  const cents = amount * 100
  return Math.abs(cents - Math.round(cents)) < TOLERANCE_CENTS
}
