/** When a message is tried again. Pure. */

/** The wait after the first failed attempt, the second, and so on, in seconds: a provider is back soon, or in hours. */
const WAITS = [60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600]

/** Then it is given up. */
export const MAX_ATTEMPTS = WAITS.length + 1

/** How long to wait after so many attempts, in seconds; undefined if that was the last. */
export function waitAfter(attempts: number): number | undefined {
  return WAITS[attempts - 1]
}
