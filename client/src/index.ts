/** A typed client of the Mechanic Shop API: paths, bodies and answers are those of its OpenAPI document. */
import createClient, { type Client } from 'openapi-fetch'
import { requireOwnAnswer, type Send } from './answers.ts'
import { sendWithBearer } from './bearer-mode.ts'
import { sendWithCookies } from './cookie-mode.ts'
import { createApi } from './renewal.ts'
import type { components, paths } from './schema.ts'
import { type TokenStore, tokensInMemory } from './tokens.ts'

export { type Problem, type ProblemCode, secondsToWait, UnexpectedAnswer } from './answers.ts'
export { type TokenStore, type Tokens, tokensIn, tokensInMemory } from './tokens.ts'
export type { paths }

/** The named schemas of the document: `Schemas['ServiceTicket']`. */
export type Schemas = components['schemas']

export type MechanicShopClient = Client<paths>

interface Options {
  /** Where the API is: `https://api.your-shop.example`. */
  readonly baseUrl: string
  /** Takes the place of the global fetch. */
  readonly fetch?: Send
}

/** Tokens in headers, kept in a store; in memory if none is given. */
export interface BearerOptions extends Options {
  readonly mode?: 'bearer'
  readonly tokens?: TokenStore
}

/** Tokens in cookies; for pages of the API's own origin, which sign in at /auth/login. */
export interface CookieOptions extends Options {
  readonly mode: 'cookie'
}

export type MechanicShopClientOptions = BearerOptions | CookieOptions

/**
 * `GET`, `POST`, … of openapi-fetch, each resolving to `{ data, error, response }`, where `error` is a Problem.
 * Signing in keeps the tokens, signing out drops them, and a spent access token is renewed on the way. What is no
 * answer of the API is thrown: a failed connection as `fetch` throws it, else `UnexpectedAnswer`.
 */
export function createMechanicShopClient(options: MechanicShopClientOptions): MechanicShopClient {
  const { baseUrl, fetch: sendAnywhere = (request: Request) => globalThis.fetch(request) } = options
  const api = createApi(baseUrl)
  const send: Send = async (request) => requireOwnAnswer(await sendAnywhere(request))
  const sendOwn =
    options.mode === 'cookie'
      ? sendWithCookies(api, send)
      : sendWithBearer(api, options.tokens ?? tokensInMemory(), send)
  // Whoever else is asked gets no tokens.
  return createClient<paths>({
    baseUrl,
    fetch: (request) => (api.isAskedBy(request) ? sendOwn : send)(request),
  })
}
