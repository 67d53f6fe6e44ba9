/** A storage or binding that stalls must not hold a request: it can take seconds in production. */

/**
 * The promise's value; rejects when it takes longer than `limitMs` milliseconds. The timer is left to end
 * with its request, which does not wait for timers: clearing one costs more than setting it.
 */
export async function within<T>(limitMs: number, promise: PromiseLike<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  setTimeout(() => reject(new Error('no answer in time')), limitMs)
  return Promise.race([promise, tooLate])
}
