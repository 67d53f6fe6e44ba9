/** What an answer with tokens says; in cookie mode it says that the cookies have them. */
import * as z from 'zod'
import type { TokenPair } from '../sessions/refresh.ts'
import type { SignedIn } from './gate.ts'

export const REFRESH_TOKEN_EXAMPLE = 'v1.3f9a0c12.x3Jv1Q0yT9mW2cK8bL5sZg.0.Yb1…'

const expiresIn = z.int().meta({ description: 'Seconds until the access token expires' })

export const tokenMembers = {
  token: z.string().meta({ description: 'HS256 JWT; send it as `Authorization: Bearer <token>`' }),
  token_type: z.literal('Bearer'),
  expires_in: expiresIn,
  refresh_token: z.string().meta({ description: 'For /auth/refresh; works once' }),
}

export const signedInMembers = {
  message: z.string(),
  ...tokenMembers,
  device_token: z.string().meta({
    description: 'Send it as `Device-Token` with the next sign-in of this account; good for 180 days',
  }),
}

/** In cookie mode, where no token is in any body. */
export const cookieMembers = { message: z.string(), expires_in: expiresIn }

export const TOKENS_EXAMPLE = {
  token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjNmOWEwYzEyIn0…',
  token_type: 'Bearer',
  expires_in: 86_400,
  refresh_token: REFRESH_TOKEN_EXAMPLE,
}

export const SIGNED_IN_EXAMPLE = {
  message: 'Login successful',
  ...TOKENS_EXAMPLE,
  device_token: 'Yx3b0nZk1vQ7cT5s…',
}

export function showTokens({ token, expiresIn, refreshToken }: TokenPair) {
  return { token, token_type: 'Bearer' as const, expires_in: expiresIn, refresh_token: refreshToken }
}

export function showSignedIn({ tokens, deviceToken }: SignedIn) {
  return { message: 'Login successful', ...showTokens(tokens), device_token: deviceToken }
}
