/**
 * What a token is good for at this moment (RFC 7662), for other services of the shop. Whatever is wrong with a token, the
 * answer is the same, so that nobody learns from it why.
 */
import { permissionsOf, type Rights } from '../access/decide.ts'
import { findApiToken } from '../api-tokens/queries.ts'
import { isApiToken, parseApiToken } from '../api-tokens/token.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { ACCESS_TOKEN_SECONDS, verifyAccessToken } from '../sessions/access-token.ts'
import { findSession } from '../sessions/queries.ts'

interface ActiveToken {
  readonly accountId: number
  readonly rights: Rights
  /** Unix seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/**
 * An access token or an API token that would be let in now; undefined for any other text. The database decides, as
 * for a request.
 * @throws Problem `unavailable`
 */
export async function introspectToken(scope: RequestScope, text: string): Promise<ActiveToken | undefined> {
  return isApiToken(text) ? readApiToken(scope, text) : readAccessToken(scope, text)
}

async function readApiToken({ db, facts }: RequestScope, text: string): Promise<ActiveToken | undefined> {
  const key = await parseApiToken(text)
  if (!key) return undefined
  const [row] = await findApiToken(db, { ...key, now: facts.now })
  if (row?.status !== 'active' || row.tokenExpiresAt <= facts.now) return undefined
  return {
    accountId: row.id,
    rights: { role: row.role, scopes: JSON.parse(row.scopes) },
    issuedAt: row.tokenCreatedAt,
    expiresAt: row.tokenExpiresAt,
  }
}

async function readAccessToken(scope: RequestScope, text: string): Promise<ActiveToken | undefined> {
  const { db, keys, settings, facts } = scope
  const token = await verifyAccessToken(text, keys.accessToken, settings, facts.now)
  if (typeof token === 'string') return undefined
  const [row] = await findSession(db, { ...token, now: facts.now })
  if (!row || row.sessionId === null || row.status !== 'active') return undefined
  return {
    accountId: row.id,
    rights: { role: row.role, scopes: undefined },
    issuedAt: token.expiresAt - ACCESS_TOKEN_SECONDS,
    // A session may end before its newest token would.
    expiresAt: Math.min(token.expiresAt, row.sessionExpiresAt),
  }
}

/** The members of RFC 7662 §2.2. */
export function describeToken(
  token: ActiveToken,
  settings: { readonly tokenIssuer: string; readonly tokenAudience: string },
) {
  return {
    active: true,
    scope: permissionsOf(token.rights).join(' '),
    token_type: 'Bearer',
    sub: String(token.accountId),
    iat: token.issuedAt,
    exp: token.expiresAt,
    iss: settings.tokenIssuer,
    aud: settings.tokenAudience,
  }
}
