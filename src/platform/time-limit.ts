/** A storage or binding that stalls must not hold a request: it can take seconds in production. */

/** The promise's value; rejects when it takes longer than `limitMs` milliseconds. */
export async function within<T>(limitMs: number, promise: PromiseLike<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), limitMs)
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
