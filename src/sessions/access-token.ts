/**
 * The access token: who signed in (`sub`), in which session (`sid`), until when. Role and permissions
 * are not in it; they are read from the database on every request.
 */
import * as z from 'zod'
import { signJwt, verifyJwt } from '../crypto/jwt.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { randomId } from '../crypto/random.ts'
import type { Settings } from '../platform/settings.ts'

/** 24 hours, as the old service's clients expect. */
export const ACCESS_TOKEN_SECONDS = 86_400

/** Clocks of two locations may differ by so much: a token may seem to come from the near future. */
const CLOCK_SKEW_SECONDS = 60

export interface AccessToken {
  readonly accountId: number
  readonly sessionId: string
  /** Unix seconds. */
  readonly expiresAt: number
}

/** Issues a token that lives for `ACCESS_TOKEN_SECONDS` from `now`. */
export function issueAccessToken(
  keyring: Keyring,
  settings: Settings,
  subject: { readonly accountId: number; readonly sessionId: string },
  now: number,
): Promise<string> {
  return signJwt(
    {
      iss: settings.tokenIssuer,
      aud: settings.tokenAudience,
      sub: String(subject.accountId),
      sid: subject.sessionId,
      jti: randomId(),
      iat: now,
      exp: now + ACCESS_TOKEN_SECONDS,
    },
    keyring.newest,
  )
}

const randomIdForm = z.string().regex(/^[A-Za-z0-9_-]{22}$/)

/** All claims and no others (RFC 8725 §3.8): a token of another kind cannot pass as this one. */
const claimsSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  sub: z.string().regex(/^[1-9]\d{0,14}$/),
  sid: randomIdForm,
  jti: randomIdForm,
  iat: z.int().positive(),
  exp: z.int().positive(),
})

type Claims = z.infer<typeof claimsSchema>

/**
 * Tokens whose MAC this isolate has found right, by the keyring that said so: the same text needs no
 * second MAC. Nothing else is remembered; time, session and account are asked every time.
 */
const genuine = new WeakMap<Keyring, Map<string, Claims>>()

const MAX_REMEMBERED = 1_000

/** What a token says, or why it is refused. The MAC is checked before any claim is looked at. */
export async function verifyAccessToken(
  token: string,
  keyring: Keyring,
  settings: Settings,
  now: number,
): Promise<AccessToken | 'invalid' | 'expired'> {
  const claims = genuine.get(keyring)?.get(token) ?? (await readClaims(token, keyring))
  if (!claims) return 'invalid'
  if (claims.iss !== settings.tokenIssuer || claims.aud !== settings.tokenAudience) return 'invalid'
  if (claims.exp - claims.iat !== ACCESS_TOKEN_SECONDS) return 'invalid'
  if (claims.iat > now + CLOCK_SKEW_SECONDS) return 'invalid'
  if (claims.exp <= now) return 'expired'
  return { accountId: Number(claims.sub), sessionId: claims.sid, expiresAt: claims.exp }
}

/** The claims of a token with a right MAC, kept for its next request. */
async function readClaims(token: string, keyring: Keyring): Promise<Claims | undefined> {
  const claims = claimsSchema.safeParse(await verifyJwt(token, keyring)).data
  if (!claims) return undefined
  const remembered = genuine.get(keyring) ?? new Map<string, Claims>()
  genuine.set(keyring, remembered.set(token, claims))
  const [oldest] = remembered.keys()
  if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  return claims
}
