/**
 * Whether a configured secret was drawn at random. HS256 needs 256 bits of entropy (RFC 7518 §3.2);
 * a phrase, a pattern or a value printed in a standard can be guessed offline from one token.
 */
import { decodeBase64url } from './encoding.ts'

/** Length of a secret in bytes, at least. */
export const SECRET_BYTES = 32

/** Of 32 random bytes fewer than 20 differ about once in 10^12 draws. */
const DISTINCT_BYTES = 20

/** Of 43 random characters as many neighbours are of one class about once in 10^9 draws; of typed ones, most. */
const ONE_CLASS_SHARE = 0.85
const NEIGHBOURS_OF_ONE_CLASS = /[a-z](?=[a-z])|[A-Z](?=[A-Z])|[0-9](?=[0-9])/g

// HMAC keys printed in RFC 7515 A.1, RFC 7520 §3.5, RFC 7517 A.3 and RFC 7516 A.
const PUBLISHED_SECRETS = new Set([
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg',
  'FdFYFzERwC2uCBB46pZQi4GG85LujR8obt-KWRBICVQ',
])

export type SecretFault = 'missing' | 'not base64url' | 'too short' | 'a well-known example' | 'not random'

/** The bytes of a secret in canonical base64url, or why it is refused. */
export function decodeSecret(text: unknown): { bytes: Uint8Array<ArrayBuffer> } | { fault: SecretFault } {
  if (typeof text !== 'string' || text === '') return { fault: 'missing' }
  if (PUBLISHED_SECRETS.has(text)) return { fault: 'a well-known example' }
  if (text.length < SECRET_BYTES) return { fault: 'too short' }
  const bytes = decodeBase64url(text)
  if (!bytes) return { fault: 'not base64url' }
  if (bytes.length < SECRET_BYTES) return { fault: 'too short' }
  if (looksTyped(text, bytes)) return { fault: 'not random' }
  return { bytes }
}

function looksTyped(text: string, bytes: Uint8Array): boolean {
  const wordsWithSeparators =
    /^[a-z0-9]+(?:[-_][a-z0-9]+)+$/.test(text) || /^[A-Z0-9]+(?:[-_][A-Z0-9]+)+$/.test(text)
  const encodedPhrase = bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
  const stride = (bytes[1] ?? 0) - (bytes[0] ?? 0)
  const sequence = bytes.every((byte, i) => i === 0 || byte === (((bytes[i - 1] ?? 0) + stride) & 0xff))
  const ofOneClass = text.match(NEIGHBOURS_OF_ONE_CLASS)?.length ?? 0
  const longRuns = ofOneClass > ONE_CLASS_SHARE * (text.length - 1)
  return wordsWithSeparators || encodedPhrase || sequence || longRuns || new Set(bytes).size < DISTINCT_BYTES
}
