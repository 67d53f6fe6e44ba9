/** Tokens in the Authorization header: for programs, and for pages of other origins (ALLOWED_ORIGINS). */
import type { Send } from './answers.ts'
import { type Api, askForRenewal, createTurn, needsRenewal, postOf } from './renewal.ts'
import type { components } from './schema.ts'
import type { TokenStore, Tokens } from './tokens.ts'

type SignedIn = components['schemas']['Tokens'] & { readonly device_token?: string }

/** It is no refresh token at all, or does not count any more. */
const REFUSED = [400, 401]

const DOORS = ['/auth/login', '/customers/login']

/** Sends each request with the token in the store, and renews that once for all requests that find it spent. */
export function sendWithBearer(api: Api, store: TokenStore, send: Send): Send {
  const inTurn = createTurn<Response | undefined>(api)

  /** New tokens into the store; or else the answer of a refresh that says neither yes nor no. */
  async function renew(used: string | undefined): Promise<Response | undefined> {
    const { token, refreshToken } = await store.read()
    // Another tab has renewed it, or somebody has signed out.
    if (token !== used || refreshToken === undefined) return undefined
    const createRequest = () => postOf(api.urlOf('/auth/refresh'), { refresh_token: refreshToken })
    const answer = await askForRenewal(send, createRequest)
    if (!answer.ok && !REFUSED.includes(answer.status)) return answer
    const kept = await store.read()
    // Who has signed in or out meanwhile keeps what that has brought.
    if (kept.refreshToken === refreshToken)
      await store.write(answer.ok ? tokensOf(await answer.json(), kept) : signedOut(kept))
    return undefined
  }

  async function sendRenewing(request: Request): Promise<Response> {
    const again = request.clone()
    const { token: used } = await store.read()
    const answer = await send(authorized(request, used))
    if (used === undefined || !(await needsRenewal(answer))) return answer
    // Behind the turn of a request with an older token nothing would be renewed.
    const failure = (await store.read()).token === used ? await inTurn(() => renew(used)) : undefined
    if (failure) return failure.clone()
    const { token } = await store.read()
    return token === undefined || token === used ? answer : send(authorized(again, token))
  }

  return async (request) => {
    const path = api.pathOf(request)
    if (request.headers.has('authorization')) return send(request)
    if (DOORS.includes(path)) {
      const { deviceToken } = await store.read()
      if (deviceToken !== undefined) request.headers.set('Device-Token', deviceToken)
      return keepTokens(store, await send(request))
    }
    const { method } = request
    const answer = await sendRenewing(request)
    if (path === '/auth/logout' && answer.ok) await store.write(signedOut(await store.read()))
    return method === 'POST' && path.startsWith('/auth/') ? keepTokens(store, answer) : answer
  }
}

function authorized(request: Request, token: string | undefined): Request {
  if (token !== undefined) request.headers.set('Authorization', `Bearer ${token}`)
  return request
}

/** Whatever begins a session answers with a refresh token; an API token that is made comes without one. */
async function keepTokens(store: TokenStore, answer: Response): Promise<Response> {
  if (!answer.ok) return answer
  const body: Partial<SignedIn> = await answer.clone().json()
  if (body.token !== undefined && body.refresh_token !== undefined)
    await store.write(
      tokensOf({ ...body, token: body.token, refresh_token: body.refresh_token }, await store.read()),
    )
  return answer
}

function tokensOf(
  body: Pick<SignedIn, 'token' | 'refresh_token' | 'device_token'>,
  { deviceToken: earlier }: Tokens,
): Tokens {
  const deviceToken = body.device_token ?? earlier
  return {
    token: body.token,
    refreshToken: body.refresh_token,
    ...(deviceToken !== undefined && { deviceToken }),
  }
}

const signedOut = ({ deviceToken }: Tokens): Tokens => (deviceToken === undefined ? {} : { deviceToken })
