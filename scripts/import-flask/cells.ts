import { parseServiceDate } from '../../src/service-tickets/service-date.ts'
import type { Cell } from './source.ts'

/** As large as the old service's Integer columns were meant to be; a larger id would leave no room after it. */
const MAX_ID = 2_147_483_647

/** The text in a cell; a number that was stored for one is its digits. Undefined for NULL. */
export function readText(cell: Cell | undefined): string | undefined {
  if (cell === undefined || cell === null) return undefined
  return cell instanceof Uint8Array ? new TextDecoder().decode(cell) : String(cell)
}

export function readId(cell: Cell | undefined): number | undefined {
  const id = readWholeNumber(cell)
  return id !== undefined && id >= 1 && id <= MAX_ID ? id : undefined
}

/** An id as it is told to people, whatever the cell holds. */
export function showId(cell: Cell | undefined): string {
  return (readText(cell) ?? 'NULL').slice(0, 40)
}

export function readWholeNumber(cell: Cell | undefined): number | undefined {
  const number = typeof cell === 'bigint' ? Number(cell) : cell
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

/** Unix seconds; a date without zone is UTC, as it was in the old service. */
export function readInstant(cell: Cell | undefined): number | undefined {
  return typeof cell === 'string' ? parseServiceDate(cell) : undefined
}

export type Amount = { readonly cents: number; readonly isRounded: boolean }

/** How far from a whole cent an amount may be that a computation with doubles has left. */
const TOLERANCE_CENTS = 1e-6

/**
 * An amount of money in whole cents, rounded half-up in its decimal digits: 1.005 is 101. Undefined for what is no
 * amount, or less than nothing.
 */
export function readAmount(cell: Cell | undefined): Amount | undefined {
  const text = typeof cell === 'number' ? decimalDigits(cell) : readText(cell)?.trim()
  const [, minus, whole, fraction = ''] = /^([+-]?)(\d{1,12})(?:\.(\d*))?$/.exec(text ?? '') ?? []
  if (whole === undefined) return undefined
  const rest = Number(`0.${fraction.slice(2) || '0'}`)
  const below = Number(whole) * 100 + Number(fraction.slice(0, 2).padEnd(2, '0'))
  const cents = rest >= 0.5 ? below + 1 : below
  if (minus === '-' && (below > 0 || rest > 0)) return undefined
  return { cents, isRounded: Math.min(rest, 1 - rest) > TOLERANCE_CENTS }
}

/** The digits that a number is written with, without an exponent. */
function decimalDigits(number: number): string {
  const text = String(number)
  return /e-/.test(text) ? number.toFixed(20) : text
}
