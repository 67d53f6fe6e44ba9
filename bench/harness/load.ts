/** Clients: one request, a closed loop of several clients, and an open loop of probes at a fixed rate. */
import { Agent, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

export interface Ask {
  readonly origin: string
  readonly path: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
}

/** Connections stay open, as a browser's do; workerd closes those idle for 5 s, and none may be reused then. */
const agent = new Agent({ keepAlive: true, timeout: 4_000 })

export function send({ origin, path, method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const bodyHeaders =
    payload === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${origin}${path}`,
      { method, agent, headers: { ...bodyHeaders, ...headers } },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('error', reject)
        incoming.on('data', (chunk) => {
          text += chunk
        })
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

/** A request that must succeed: a figure about error answers would be worthless. */
export async function sendOk(ask: Ask): Promise<Answer> {
  const answer = await send(ask)
  if (answer.status >= 200 && answer.status < 300) return answer
  throw new Error(
    `${ask.method ?? 'GET'} ${ask.path} answered ${answer.status}: ${answer.text.slice(0, 300)}`,
  )
}

/** Elapsed milliseconds of one request that must succeed. */
export async function timeMs(ask: Ask): Promise<number> {
  const begun = performance.now()
  await sendOk(ask)
  return performance.now() - begun
}

/** Sends `count` requests, each client its next one when the last was answered; gives the elapsed milliseconds. */
export async function runClosedLoop(
  count: number,
  clients: number,
  next: (index: number) => Ask,
): Promise<number> {
  const begun = performance.now()
  let sent = 0
  const runClient = async () => {
    while (sent < count) await sendOk(next(sent++))
  }
  await Promise.all(Array.from({ length: clients }, runClient))
  return performance.now() - begun
}

/**
 * Sends a probe every `everyMs`, whether or not the last was answered, and gives each one's milliseconds
 * from the moment it was due: a service that stands still must not slow its own probes down.
 */
export async function probe(count: number, everyMs: number, ask: Ask): Promise<number[]> {
  const begun = performance.now()
  const answers: Promise<number>[] = []
  for (let index = 0; index < count; index++) {
    const dueAt = begun + index * everyMs
    const early = dueAt - performance.now()
    if (early > 0) await wait(early)
    answers.push(sendOk(ask).then(() => performance.now() - dueAt))
  }
  return Promise.all(answers)
}
