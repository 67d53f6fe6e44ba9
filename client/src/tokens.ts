/** Where a client keeps its tokens between requests. */

export interface Tokens {
  /** Access token, or an API token; there is none before sign-in and after the session has ended. */
  readonly token?: string
  /** Works once; the client spends it and writes its successor. */
  readonly refreshToken?: string
  /** Stays after sign-out: the account knows this device again at its next sign-in. */
  readonly deviceToken?: string
}

/** `read` comes before every request, so what another tab has written counts at once. */
export interface TokenStore {
  read(): Tokens | Promise<Tokens>
  write(tokens: Tokens): void | Promise<void>
}

/** Tokens that a reload of the page forgets; with an API token, all that a program needs. */
export function tokensInMemory(tokens: Tokens = {}): TokenStore {
  let kept = tokens
  return {
    read: () => kept,
    write: (next) => {
      kept = next
    },
  }
}

/** What of the browser's `Storage` is used. */
type Items = Pick<Storage, 'getItem' | 'setItem'>

/**
 * Tokens in `localStorage` (shared by tabs) or `sessionStorage`. Every script of the page can read them there: a
 * page of the API's own origin is safer in cookie mode.
 */
export function tokensIn(storage: Items, key = 'mechanic-shop-tokens'): TokenStore {
  return {
    read: () => parseTokens(storage.getItem(key)),
    write: (tokens) => storage.setItem(key, JSON.stringify(tokens)),
  }
}

/** What is not ours is no tokens: nobody could sign in over it otherwise. */
function parseTokens(text: string | null): Tokens {
  try {
    const kept: unknown = JSON.parse(text ?? '{}')
    return typeof kept === 'object' && kept !== null ? kept : {}
  } catch {
    return {}
  }
}
