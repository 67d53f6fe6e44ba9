/**
 * Keys by purpose. Each secret is 32 random bytes; HKDF (RFC 5869) with a label makes one key per
 * purpose from it, so that a value made for one purpose can never pass for another. A key's id is
 * derived from the secret too, so nothing but the secret has to be configured.
 */
import { importHmacKey } from './digest.ts'
import { deriveKeyId, hkdf } from './hkdf.ts'

export type KeyPurpose =
  | 'access-token'
  | 'cursor'
  | 'csrf'
  | 'sms'
  | 'password-pepper'
  | 'audit-mac'
  | 'audit-seal'
  | 'refresh-token'
  | 'throttle-email'
  | 'outbox'
  | 'factor'

export interface PurposeKey {
  readonly id: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly hmac: CryptoKey
}

export interface Keyring {
  /** The key that makes new values. */
  readonly newest: PurposeKey
  /** Every key that may check old ones, by its id. */
  readonly byId: ReadonlyMap<string, PurposeKey>
}

/** Derives the keys of one purpose. `secrets` come oldest first; the last one makes new values. */
export async function deriveKeyring(
  secrets: readonly Uint8Array<ArrayBuffer>[],
  purpose: KeyPurpose,
): Promise<Keyring> {
  const keys = await Promise.all(secrets.map((secret) => derivePurposeKey(secret, purpose)))
  const newest = keys.at(-1)
  if (!newest) throw new TypeError('a keyring needs a secret')
  return { newest, byId: new Map(keys.map((key) => [key.id, key])) }
}

async function derivePurposeKey(secret: Uint8Array<ArrayBuffer>, purpose: KeyPurpose): Promise<PurposeKey> {
  const bytes = await hkdf(secret, purpose, 32)
  return { id: await deriveKeyId(secret), bytes, hmac: await importHmacKey(bytes) }
}
