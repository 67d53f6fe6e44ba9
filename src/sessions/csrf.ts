/**
 * Requests that another site makes a browser send. SameSite cookies stop most of them; a request that changes
 * something must also come from a page of this origin and carry a token that only such a page can have read.
 */
import { equalInConstantTime, hmacSha256 } from '../crypto/digest.ts'
import { base64url, decodeBase64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring, PurposeKey } from '../crypto/keyring.ts'
import { Problem } from '../platform/problem.ts'

/** What is needed of a request to tell where it comes from. */
interface Asked {
  readonly method: string
  readonly url: string
  readonly header: (name: string) => string | undefined
}

/** What changes nothing needs no proof of where it comes from: only a page of this origin can read the answer. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses what does not come from a page of the origin that it was sent to.
 * @throws Problem `csrf_failed`
 */
export function requireSameOrigin(request: Asked): void {
  const origin = request.header('origin')
  const site = request.header('sec-fetch-site')
  const isFromHere = origin === undefined ? site === 'same-origin' : origin === new URL(request.url).origin
  if (!isFromHere || (site !== undefined && site !== 'same-origin')) throw refused('origin')
}

/**
 * Refuses a change that another site may have made the browser send with this session's cookies.
 * @throws Problem `csrf_failed`
 */
export async function requireOwnPage(request: Asked, keyring: Keyring, sessionId: string): Promise<void> {
  if (SAFE_METHODS.has(request.method)) return
  requireSameOrigin(request)
  const token = request.header('x-csrf-token')
  if (token === undefined || !(await isCsrfToken(keyring, token, sessionId))) throw refused('token')
}

/** `<key id>.<mac>`: good as long as the session and the key. */
export async function issueCsrfToken({ newest }: Keyring, sessionId: string): Promise<string> {
  return `${newest.id}.${base64url(await macOf(newest, sessionId))}`
}

async function isCsrfToken(keyring: Keyring, token: string, sessionId: string): Promise<boolean> {
  const [keyId = '', mac = '', ...rest] = token.split('.')
  const key = keyring.byId.get(keyId)
  const given = decodeBase64url(mac)
  return (
    key !== undefined &&
    given !== undefined &&
    rest.length === 0 &&
    equalInConstantTime(given, await macOf(key, sessionId))
  )
}

const macOf = (key: PurposeKey, sessionId: string) => hmacSha256(key.hmac, utf8(sessionId))

function refused(reason: string): Problem {
  return new Problem('csrf_failed', { reason })
}
