/** Tokens in cookies that no script can read: for pages of the API's own origin. */
import { codeOf, type Send } from './answers.ts'
import { ANSWER_WITHIN_MS, type Api, askForRenewal, createTurn, needsRenewal, postOf } from './renewal.ts'

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/** There is no session yet to protect, or another takes its place. */
const DOOR = '/auth/login'

/** Sends the CSRF token with each change, and renews the cookies once for all requests that find them spent. */
export function sendWithCookies(api: Api, send: Send): Send {
  const csrf = createCsrfMemory(api, send)
  const inTurn = createTurn<Response | undefined>(api)
  let renewals = 0

  /** New cookies; or else the answer of a refresh that says neither yes nor no. */
  async function renew(): Promise<Response | undefined> {
    const token = await csrf.find()
    if (token === undefined) return undefined
    const headers = { 'X-Auth-Mode': 'cookie', 'X-CSRF-Token': token }
    const answer = await askForRenewal(send, () => postOf(api.urlOf('/auth/refresh'), {}, headers))
    if (answer.ok) renewals++
    // Perhaps the cookies are of another session than the token.
    else csrf.forget()
    return answer.status === 429 || answer.status >= 500 ? answer : undefined
  }

  async function sendMarked(request: Request): Promise<Response> {
    request.headers.set('X-Auth-Mode', 'cookie')
    const token = SAFE_METHODS.includes(request.method) ? undefined : await csrf.find()
    if (token !== undefined) request.headers.set('X-CSRF-Token', token)
    return send(request)
  }

  async function sendRenewing(request: Request): Promise<Response> {
    const again = request.clone()
    const before = renewals
    const answer = await sendMarked(request)
    if ((await codeOf(answer)) === 'csrf_failed') {
      // Another tab has signed in, perhaps as somebody else: the cookies are of that session now.
      csrf.forget()
      return sendMarked(again)
    }
    if (!(await needsRenewal(answer))) return answer
    const failure = renewals === before ? await inTurn(renew) : undefined
    if (failure) return failure.clone()
    return renewals === before ? answer : sendMarked(again)
  }

  return async (request) => {
    const path = api.pathOf(request)
    const { method } = request
    if (path === DOOR) request.headers.set('X-Auth-Mode', 'cookie')
    const answer = await (path === DOOR ? send(request) : sendRenewing(request))
    // A session may have begun or ended, and its CSRF token with it.
    if (method === 'POST' && path.startsWith('/auth/') && answer.ok) csrf.forget()
    return answer
  }
}

/** The CSRF token of the session, asked for once. */
function createCsrfMemory(api: Api, send: Send) {
  let known: Promise<string | undefined> | undefined

  async function ask(): Promise<string | undefined> {
    // A renewal may wait for it, and other tabs for that.
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const answer = await send(new Request(api.urlOf('/auth/csrf'), { signal }))
    if (!answer.ok) return undefined
    const body: { csrf_token: string } = await answer.json()
    return body.csrf_token
  }

  return {
    /** Undefined if there is no session to protect. */
    find: async (): Promise<string | undefined> => {
      known ??= ask()
      const asked = known
      const token = await asked.catch((error: unknown) => {
        if (known === asked) known = undefined
        throw error
      })
      if (token === undefined && known === asked) known = undefined
      return token
    },
    forget: (): void => {
      known = undefined
    },
  }
}
