/**
 * The Worker under test with a bench around it: the bundle is served as it is, and a few routes beside
 * it do bare work to compare with. `x-bench-count` makes a request tell what it asked of D1 and KV.
 */
import { answerBareWork } from './bare-work.ts'
import { countD1, countKv, noCalls, type StorageCalls } from './counting.ts'
import worker from './index.js'

type Bindings = Record<string, unknown>

const handler = worker as Required<Pick<typeof worker, 'fetch'>>

/** The Worker keeps what it derives from an `env` beside that `env`, so each variant is made once. */
const variants = new Map<string, Bindings>()

let calls: StorageCalls = noCalls()

/** The same sign-in with a derivation that nothing interrupts: the pauses between its calls take no time. */
let isUninterrupted = false
const wait = scheduler.wait.bind(scheduler)
scheduler.wait = (ms: number) => (isUninterrupted && ms === 0 ? Promise.resolve() : wait(ms))

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url)
    const bindings = bindingsFor(request.headers, env)
    isUninterrupted = request.headers.has('x-bench-uninterrupted')
    // A bare read passes the app by, whose pauses depend on who comes.
    if (request.headers.has('x-bench-announced')) await handler.fetch(healthOf(request), bindings, ctx)
    if (pathname.startsWith('/bench/')) return answerBareWork(pathname, searchParams, bindings)
    if (!request.headers.has('x-bench-count')) return handler.fetch(request, bindings, ctx)
    return answerCounted(request, bindings, ctx)
  },
} satisfies ExportedHandler<Bindings>

type Incoming = Parameters<typeof handler.fetch>[0]

function healthOf(request: Request): Incoming {
  return new Request(new URL('/health', request.url)) as unknown as Incoming
}

function bindingsFor(headers: Headers, env: Bindings): Bindings {
  const database = headers.get('x-bench-database') ?? 'DB'
  const isCounted = headers.has('x-bench-count')
  const name = `${database} ${isCounted}`
  const known = variants.get(name)
  if (known) return known
  const DB = env[database] as D1Database
  const KV = env['KV'] as KVNamespace
  const made = isCounted
    ? { ...env, DB: countD1(DB, () => calls), KV: countKv(KV, () => calls) }
    : { ...env, DB, KV }
  variants.set(name, made)
  return made
}

/** One counted request at a time: the caller waits for each answer. */
async function answerCounted(request: Incoming, env: Bindings, ctx: ExecutionContext): Promise<Response> {
  calls = noCalls()
  const later: Promise<unknown>[] = []
  const context = new Proxy(ctx, {
    get(target, name) {
      if (name === 'waitUntil') return (promise: Promise<unknown>) => later.push(promise)
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const response = await handler.fetch(request, env, context)
  // What is written after the answer counts as well; it may ask for more to be waited for.
  for (const promise of later) await promise.catch(() => undefined)
  const answer = new Response(response.body, response)
  answer.headers.set('x-bench-calls', JSON.stringify(calls))
  return answer
}
