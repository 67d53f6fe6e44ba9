/**
 * What production does and a local runtime does not; every suite runs under it.
 * - PBKDF2 above 100,000 iterations in one call throws.
 * - The clock stands still between I/O.
 * - A second KV write to one key within a second throws.
 * - KV serves a read, also of a key that was absent, for up to 60 s after it was cached.
 */
import { testEnv } from './test-env.ts'

const MAX_ITERATIONS = 100_000
const KV_CACHE_MS = 60_000

const realNow = Date.now
let frozenAt = realNow()
let offsetMs = 0

Date.now = () => frozenAt + offsetMs

/** Lets the clock catch up, as I/O does. */
export function tick(): void {
  frozenAt = realNow()
}

/** Moves the clock on; the rest of the file's tests live later. */
export function passTime(seconds: number): void {
  offsetMs += seconds * 1000
  tick()
}

/** Wraps a method on its prototype: the Worker under test runs in this isolate and uses the same one. */
function wrap(target: object, name: string, around: (original: Method) => Method): void {
  const original = Reflect.get(target, name) as Method
  Reflect.set(target, name, around(original))
}

type Method = (this: unknown, ...args: never[]) => unknown

function ticking(original: Method): Method {
  return async function ticks(this: unknown, ...args) {
    try {
      return await original.apply(this, args)
    } finally {
      tick()
    }
  }
}

wrap(scheduler, 'wait', ticking)

/**
 * D1: its round trips, and what comes ahead of each: nothing, a fault (throws), a stall (never ends). Those that send a mail come after
 * the answer, at any time, and are none of these unless `seesSending`.
 */
export const d1: { calls: number; before: (() => unknown) | undefined; seesSending: boolean } = {
  calls: 0,
  before: undefined,
  seesSending: false,
}

/** Does something once, ahead of the nth round trip to D1 from now on: a rival's change, a fault. */
export function beforeRoundTrip(nth: number, act: () => unknown): void {
  const last = d1.calls + nth
  d1.before = () => {
    if (d1.calls < last) return undefined
    d1.before = undefined
    return act()
  }
}

function roundTrip(original: Method): Method {
  const ticks = ticking(original)
  return async function asks(this: unknown, ...args) {
    if (!d1.seesSending && isSending(this)) return ticks.apply(this, args)
    d1.calls++
    await d1.before?.()
    return ticks.apply(this, args)
  }
}

function isSending(statement: unknown): boolean {
  const { statement: text } = statement as { statement?: unknown }
  return typeof text === 'string' && text.startsWith('update "outbox_messages"')
}

/** The statements that were given their values while something happened. */
export async function bindingsOf(act: () => Promise<unknown>): Promise<D1PreparedStatement[]> {
  const bound: D1PreparedStatement[] = []
  boundStatements = bound
  await act()
  boundStatements = undefined
  return bound
}

let boundStatements: D1PreparedStatement[] | undefined

/** The text of every statement that has been prepared. */
export const statements = new Set<string>()

wrap(
  Object.getPrototypeOf(testEnv.DB),
  'prepare',
  (original) =>
    function prepare(this: unknown, ...args) {
      statements.add(String(args[0]))
      return original.apply(this, args)
    },
)
wrap(Object.getPrototypeOf(testEnv.DB), 'batch', roundTrip)
const statement = Object.getPrototypeOf(testEnv.DB.prepare('SELECT 1'))
wrap(
  statement,
  'bind',
  (original) =>
    function bind(this: unknown, ...args) {
      const bound = original.apply(this, args)
      boundStatements?.push(bound as D1PreparedStatement)
      return bound
    },
)
for (const name of ['run', 'all', 'raw', 'first']) wrap(statement, name, roundTrip)

interface Derivation {
  readonly name: string
  readonly iterations: number
  readonly length: number
}

/** Every native key derivation since the last `forgetDerivations`; HKDF, which makes keys, is not one. */
export const derivations: Derivation[] = []

export function forgetDerivations(): void {
  derivations.length = 0
}

wrap(
  Object.getPrototypeOf(crypto.subtle),
  'deriveBits',
  (original) =>
    async function deriveBits(this: unknown, ...args) {
      const [params, , length] = args as unknown as [{ name: string; iterations: number }, unknown, number]
      if (params.name === 'PBKDF2') {
        if (params.iterations > MAX_ITERATIONS)
          throw new DOMException('too many iterations', 'NotSupportedError')
        derivations.push({ name: params.name, iterations: params.iterations, length })
      }
      return original.apply(this, args)
    },
)

/** How KV behaves: as in production with a warm cache, with faults, or without answering as long as `hanging`. */
export const kv = { down: false, hanging: false, reads: 0, writes: 0 }

async function stall(): Promise<never> {
  while (kv.hanging) await scheduler.wait(20)
  throw new Error('KV timed out')
}

const lastWrites = new Map<string, number>()
const cachedReads = new Map<string, { value: unknown; at: number }>()

/** As if the next request came from another location, which has cached nothing. */
export function dropKvCache(): void {
  cachedReads.clear()
}

const kvPrototype = Object.getPrototypeOf(testEnv.KV)
wrap(
  kvPrototype,
  'put',
  (original) =>
    async function put(this: unknown, ...args) {
      const [key] = args as unknown as [string]
      kv.writes++
      if (kv.hanging) return stall()
      if (kv.down) throw new Error('KV PUT failed: 503')
      const last = lastWrites.get(key)
      if (last !== undefined && Date.now() - last < 1000)
        throw new Error('KV PUT failed: 429 Too Many Requests')
      lastWrites.set(key, Date.now())
      const result = await original.apply(this, args)
      tick()
      return result
    },
)
wrap(
  kvPrototype,
  'get',
  (original) =>
    async function get(this: unknown, ...args) {
      const [key] = args as unknown as [string]
      kv.reads++
      if (kv.hanging) return stall()
      if (kv.down) throw new Error('KV GET failed: 503')
      const cached = cachedReads.get(key)
      if (cached && Date.now() - cached.at < KV_CACHE_MS) return cached.value
      const value = await original.apply(this, args)
      tick()
      cachedReads.set(key, { value, at: Date.now() })
      return value
    },
)

/** Every line the Worker has logged since the file began. */
export const logLines: string[] = []
const print = console.log
console.log = (...args: unknown[]) => {
  logLines.push(args.map(String).join(' '))
  print(...args)
}
