/** D1 and KV bindings that count what is asked of them and otherwise do what the real ones do. */

export interface StorageCalls {
  d1RoundTrips: number
  d1Statements: number
  kvReads: number
  kvWrites: number
}

export function noCalls(): StorageCalls {
  return { d1RoundTrips: 0, d1Statements: 0, kvReads: 0, kvWrites: 0 }
}

/** Counts into `current()`, so that one binding serves every request and the Worker sees one `env`. */
type Current = () => StorageCalls

/** A counting statement's real one: `batch` takes statements and must hand on the real ones. */
const realStatements = new WeakMap<object, D1PreparedStatement>()

const RUNNING = new Set(['run', 'all', 'first', 'raw'])

export function countD1(database: D1Database, current: Current): D1Database {
  const count = (statements: number) => {
    current().d1RoundTrips++
    current().d1Statements += statements
  }
  const methods: Record<string, (...args: never[]) => unknown> = {
    prepare: (query: string) => countStatement(database.prepare(query), count),
    batch: (statements: D1PreparedStatement[]) => {
      count(statements.length)
      return database.batch(statements.map((statement) => realStatements.get(statement) ?? statement))
    },
    exec: (query: string) => {
      count(1)
      return database.exec(query)
    },
    // A session is another door to the same database; the calls through it count alike.
    withSession: (constraint: string) =>
      countD1(database.withSession(constraint) as unknown as D1Database, current),
  }
  return intercept(database, methods)
}

function countStatement(real: D1PreparedStatement, count: (statements: number) => void): D1PreparedStatement {
  const methods: Record<string, (...args: never[]) => unknown> = {
    bind: (...values: unknown[]) => countStatement(real.bind(...values), count),
  }
  for (const name of RUNNING) {
    methods[name] = (...args) => {
      count(1)
      return (real[name as 'run'] as (...given: unknown[]) => unknown).apply(real, args)
    }
  }
  const statement = intercept(real, methods)
  realStatements.set(statement, real)
  return statement
}

export function countKv(kv: KVNamespace, current: Current): KVNamespace {
  const counted = (
    name: 'get' | 'getWithMetadata' | 'list' | 'put' | 'delete',
    key: 'kvReads' | 'kvWrites',
  ) =>
    [
      name,
      (...args: unknown[]) => {
        current()[key]++
        return (kv[name] as (...given: unknown[]) => unknown).apply(kv, args)
      },
    ] as const
  return intercept(
    kv,
    Object.fromEntries([
      counted('get', 'kvReads'),
      counted('getWithMetadata', 'kvReads'),
      counted('list', 'kvReads'),
      counted('put', 'kvWrites'),
      counted('delete', 'kvWrites'),
    ]),
  )
}

/** The object with some methods replaced; the rest runs on the real object, which checks its `this`. */
function intercept<T extends object>(real: T, methods: Record<string, (...args: never[]) => unknown>): T {
  return new Proxy(real, {
    get(target, name) {
      const method = typeof name === 'string' && Object.hasOwn(methods, name) ? methods[name] : undefined
      if (method) return method
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
