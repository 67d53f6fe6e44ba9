/** How many requests have come to this isolate: a number that never falls, so no lost request can spoil it. */
let count = 0

export function countArrival(): void {
  count++
}

export function arrivals(): number {
  return count
}
