/** Vehicle identification numbers: 17 characters, of which the ninth checks the others where the maker uses it. */

/** What each letter counts (49 CFR 565.15, table III); digits count themselves. */
const LETTERS: Record<string, number> = Object.fromEntries(
  [...'ABCDEFGH']
    .map((letter, index) => [letter, index + 1] as const)
    .concat(
      [...'JKLMN'].map((letter, index) => [letter, index + 1] as const),
      [
        ['P', 7],
        ['R', 9],
      ],
      [...'STUVWXYZ'].map((letter, index) => [letter, index + 2] as const),
    ),
)

const WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]

/**
 * Whether the check digit of an upper-case VIN is right. Outside North America makers need not use it, so a wrong
 * one is a hint at a slip of the pen and nothing more.
 */
export function hasRightCheckDigit(vin: string): boolean {
  const sum = WEIGHTS.reduce((total, weight, index) => {
    const sign = vin.charAt(index)
    return total + weight * (LETTERS[sign] ?? Number(sign))
  }, 0)
  const rest = sum % 11
  return vin.charAt(8) === (rest === 10 ? 'X' : String(rest))
}
