/** What both modes need to renew a session: when, where, once, and without losing the answer. */
import { codeOf, type ProblemCode, type Send, secondsToWait } from './answers.ts'

/** An access token that does not count any more; a refresh token may bring another. */
const TOKEN_PROBLEMS: readonly (ProblemCode | undefined)[] = [
  'token_missing',
  'token_expired',
  'invalid_token',
  'invalid_customer',
]

/** The API gives the same successor again for 10 seconds: the second attempt must come sooner. */
export const ANSWER_WITHIN_MS = 8_000
const LONGEST_WAIT_SECONDS = 5

export async function needsRenewal(response: Response): Promise<boolean> {
  return response.status === 401 && TOKEN_PROBLEMS.includes(await codeOf(response))
}

/** The URLs of the API, and the path that a request asks for. */
export interface Api {
  readonly urlOf: (path: string) => string
  readonly pathOf: (request: Request) => string
  /** Whether a request is for it; openapi-fetch takes another `baseUrl` with each call. */
  readonly isAskedBy: (request: Request) => boolean
}

export function createApi(baseUrl: string): Api {
  // A browser resolves a relative one against its page, as it does in the request.
  const root = new Request(`${baseUrl.replace(/\/+$/, '')}/`).url
  return {
    urlOf: (path) => root + path.slice(1),
    isAskedBy: (request) => request.url.startsWith(root),
    pathOf: (request) => `/${request.url.slice(root.length).replace(/[?#].*$/, '')}`,
  }
}

/** What of the Web Locks API is used. */
interface Locking {
  readonly navigator?: { readonly locks?: { request<T>(name: string, task: () => Promise<T>): Promise<T> } }
}

/** Runs a task once for all who ask while it runs, and alone among the tabs of this origin where there are locks. */
export function createTurn<T>(api: Api): (task: () => Promise<T>) => Promise<T> {
  let running: Promise<T> | undefined
  const alone = async (task: () => Promise<T>): Promise<T> => {
    // Some browsers, and Node before 24, have none.
    const { navigator } = globalThis as Locking
    return navigator?.locks ? navigator.locks.request(`mechanic-shop ${api.urlOf('/')}`, task) : task()
  }
  return (task) => {
    running ??= alone(task).finally(() => {
      running = undefined
    })
    return running
  }
}

/**
 * Asks for new tokens. The old refresh token is spent even if the answer is lost, so that is asked for again, and
 * no caller can abort it; the answer has arrived as a whole.
 * @throws what `send` throws, at the second time
 */
export async function askForRenewal(send: Send, createRequest: () => Request): Promise<Response> {
  const first = await askOnce(send, createRequest()).catch(() => undefined)
  if (first?.status === 503) {
    const seconds = secondsToWait(first) ?? 0
    if (seconds > LONGEST_WAIT_SECONDS) return first
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  } else if (first) return first
  return askOnce(send, createRequest())
}

async function askOnce(send: Send, request: Request): Promise<Response> {
  const answer = await send(new Request(request, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }))
  return new Response(await answer.text(), answer)
}

/** A JSON POST of the client's own. */
export function postOf(url: string, body: unknown, headers: Record<string, string> = {}): Request {
  return new Request(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}
