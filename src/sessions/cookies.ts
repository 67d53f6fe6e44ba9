/**
 * Tokens of a browser, in cookies that no script can read (RFC 6265bis §4.1.3): `__Host-` binds them to this very
 * origin, SameSite=Strict keeps them from requests that other sites begin.
 */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { DEVICE_KNOWN_SECONDS } from './device-queries.ts'
import { SESSION_IDLE_SECONDS } from './queries.ts'
import type { TokenPair } from './refresh.ts'

type CookieName = 'access_token' | 'refresh_token' | 'device_token'

/**
 * A browser has one cookie of such a name at most. Some let a neighbouring domain plant another that looks the same
 * here; which is which cannot be told, so none counts.
 */
export function readCookie(c: Context, name: CookieName): string | undefined {
  const sameName = new RegExp(`(?:^|;)[ \\t]*__Host-${name}[ \\t]*=`, 'g')
  const found = c.req.header('cookie')?.match(sameName)
  return found?.length === 1 ? getCookie(c, name, 'host') : undefined
}

export function setTokenCookies(c: Context, tokens: TokenPair): void {
  set(c, 'access_token', tokens.token, tokens.expiresIn)
  // The session may end sooner; then the database says so.
  set(c, 'refresh_token', tokens.refreshToken, SESSION_IDLE_SECONDS)
}

export function setDeviceCookie(c: Context, deviceToken: string): void {
  set(c, 'device_token', deviceToken, DEVICE_KNOWN_SECONDS)
}

/** The device stays known: whoever signs in next on it may be the same person. */
export function clearTokenCookies(c: Context): void {
  set(c, 'access_token', '', 0)
  set(c, 'refresh_token', '', 0)
}

function set(c: Context, name: CookieName, value: string, maxAge: number): void {
  setCookie(c, name, value, {
    prefix: 'host',
    httpOnly: true,
    secure: true,
    path: '/',
    sameSite: 'Strict',
    maxAge,
  })
}
