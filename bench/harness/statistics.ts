/** What is said of a list of figures. */

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** Nearest rank; NaN of nothing, which no budget takes for met. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(Math.ceil((percent / 100) * sorted.length), 1)
  return sorted[rank - 1] ?? Number.NaN
}

/** A figure over several rounds: the median, and between what the middle half of the rounds lay. */
export interface Figure {
  readonly value: number
  readonly low: number
  readonly high: number
}

export function summarize(rounds: readonly number[]): Figure {
  return { value: median(rounds), low: percentile(rounds, 25), high: percentile(rounds, 75) }
}
