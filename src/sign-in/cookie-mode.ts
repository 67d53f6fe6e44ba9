/** Cookie mode of whatever ends a sign-in: the tokens go into cookies, and into no body. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import { accountSchema, CUSTOMER_EXAMPLE, showAccount } from '../accounts/schemas.ts'
import { once } from '../platform/once.ts'
import { json, limited } from '../platform/openapi.ts'
import type { AppEnv, RequestScope } from '../platform/request-scope.ts'
import { readCookie, setDeviceCookie, setTokenCookies } from '../sessions/cookies.ts'
import { requireSameOrigin } from '../sessions/csrf.ts'
import { verifyRefreshToken } from '../sessions/refresh-token.ts'
import type { SignedIn } from './gate.ts'
import { cookieMembers, SIGNED_IN_EXAMPLE, showSignedIn, signedInMembers } from './schemas.ts'

/** The header that asks for it. */
export const authMode = {
  'x-auth-mode': z
    .enum(['bearer', 'cookie'])
    .optional()
    .meta({ description: 'Where the tokens go: into the body, by default, or into cookies' }),
}

/** Another site must not sign a browser in as somebody else (login CSRF). */
export const requireOwnPageForCookies = createMiddleware<AppEnv>(
  async function requireOwnPageForCookies(c, next) {
    if (c.req.header('x-auth-mode') === 'cookie') requireSameOrigin(c.req)
    await next()
  },
)

/** The session that the browser comes with. The refresh cookie outlives the other, and is never read by a script. */
export async function findSessionOfCookies(c: Context, { keys }: RequestScope): Promise<string | undefined> {
  const token = readCookie(c, 'refresh_token')
  return token === undefined ? undefined : (await verifyRefreshToken(token, keys.refreshToken))?.sessionId
}

/** The success of a sign-in of either mode, as the document has it. */
export const signedInAnswer = once(() =>
  limited(
    json(
      z.union([
        z.object({ ...signedInMembers, account: accountSchema() }),
        z.object({ ...cookieMembers, account: accountSchema() }),
      ]),
      'Signed in',
      { ...SIGNED_IN_EXAMPLE, account: { ...CUSTOMER_EXAMPLE, role: 'customer' } },
    ),
  ),
)

/** The body of that answer; in cookie mode the cookies are set. */
export function showSignedInByMode(c: Context, signedIn: SignedIn, inCookies: boolean) {
  const account = showAccount(signedIn.account)
  if (!inCookies) return { ...showSignedIn(signedIn), account }
  setTokenCookies(c, signedIn.tokens)
  setDeviceCookie(c, signedIn.deviceToken)
  return { message: 'Login successful', expires_in: signedIn.tokens.expiresIn, account }
}
