/**
 * The refresh token: `v1.<key id>.<session>.<counter>.<mac>`. The MAC is HMAC-SHA-256 under a data key
 * over all before it, so that nothing secret is stored; the session's row says which counter counts.
 */
import { equalInConstantTime, hmacSha256 } from '../crypto/digest.ts'
import { base64url, decodeBase64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring, PurposeKey } from '../crypto/keyring.ts'

export interface RefreshToken {
  readonly sessionId: string
  /** How often the session had been refreshed when the token was made. */
  readonly counter: number
  readonly keyId: string
}

const FORM = /^(v1\.([0-9a-f]{8})\.([\w-]{22})\.(0|[1-9]\d{0,8}))\.([\w-]{43})$/

/** The one token of this session and counter under this key: made twice, it is the same. */
export async function issueRefreshToken(
  key: PurposeKey,
  sessionId: string,
  counter: number,
): Promise<string> {
  const content = `v1.${key.id}.${sessionId}.${counter}`
  return `${content}.${base64url(await hmacSha256(key.hmac, utf8(content)))}`
}

/** What a genuine token says; undefined for any other text. Whether it still counts, its session knows. */
export async function verifyRefreshToken(token: string, keyring: Keyring): Promise<RefreshToken | undefined> {
  const [, content, keyId = '', sessionId = '', counter, mac = ''] = FORM.exec(token) ?? []
  const key = keyring.byId.get(keyId)
  const given = decodeBase64url(mac)
  if (content === undefined || !key || !given) return undefined
  if (!equalInConstantTime(given, await hmacSha256(key.hmac, utf8(content)))) return undefined
  return { sessionId, counter: Number(counter), keyId }
}
