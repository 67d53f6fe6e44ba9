/** The Authorization header (RFC 6750 §2.1), the only place a token is taken from. */
import { Problem } from '../platform/problem.ts'

/**
 * The token of a header `Bearer <token>`: scheme in any case, exactly one blank, nothing after.
 * @throws Problem `token_missing`, `authorization_header_malformed`, `invalid_token`
 */
export function readBearerToken(header: string | undefined): string {
  if (header === undefined) throw new Problem('token_missing')
  if (/^(?:bearer)? *$/i.test(header)) throw new Problem('authorization_header_malformed')
  if (/^bearer {2}/i.test(header)) throw new Problem('token_missing')
  const token = /^bearer ([^\s,]+)$/i.exec(header)?.[1]
  if (token === undefined) throw new Problem('invalid_token', { reason: 'header form' })
  return token
}
