/** Made at the first call, and the same at every other: for what most isolates never need. */
export function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined
  return () => {
    made ??= make()
    return made
  }
}
