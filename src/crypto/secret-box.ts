/**
 * AES-256-GCM (NIST SP 800-38D) of short texts: what must be read again, and by nobody else.
 * A box is `<key id>.<base64url of IV ‖ ciphertext ‖ tag>`. Its context is authenticated and not stored, so a box
 * that is moved to another row, or to another use of the same key, does not open.
 */
import { base64url, concatBytes, decodeBase64url, utf8 } from './encoding.ts'
import type { Keyring, PurposeKey } from './keyring.ts'
import { randomBytes } from './random.ts'

/** 96 random bits: good for 2^32 boxes of one key (SP 800-38D §8.3). */
const IV_BYTES = 12
const TAG_BYTES = 16

const FORM = /^([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/

/** Encrypts a text under the newest key. `context` names what the box is of: a table and a row, say. */
export async function sealBox(keyring: Keyring, context: readonly string[], text: string): Promise<string> {
  const { newest } = keyring
  const iv = randomBytes(IV_BYTES)
  const algorithm = gcm(iv, newest, context)
  const sealed = await crypto.subtle.encrypt(algorithm, await importAesKey(newest), utf8(text))
  return `${newest.id}.${base64url(concatBytes(iv, new Uint8Array(sealed)))}`
}

/** The text of a box; undefined if it was changed, belongs elsewhere, or its key has gone. */
export async function openBox(
  keyring: Keyring,
  context: readonly string[],
  box: string,
): Promise<string | undefined> {
  const [, keyId = '', encoded = ''] = FORM.exec(box) ?? []
  const key = keyring.byId.get(keyId)
  const bytes = decodeBase64url(encoded)
  if (!key || !bytes || bytes.length < IV_BYTES + TAG_BYTES) return undefined
  try {
    const algorithm = gcm(bytes.slice(0, IV_BYTES), key, context)
    const opened = await crypto.subtle.decrypt(algorithm, await importAesKey(key), bytes.slice(IV_BYTES))
    return new TextDecoder().decode(opened)
  } catch {
    return undefined
  }
}

function gcm(iv: Uint8Array<ArrayBuffer>, key: PurposeKey, context: readonly string[]) {
  // JSON keeps the parts apart: ['a', 'bc'] is not ['ab', 'c'].
  const additionalData = utf8(JSON.stringify(['box-v1', key.id, ...context]))
  return { name: 'AES-GCM', iv, additionalData, tagLength: 8 * TAG_BYTES }
}

const imported = new WeakMap<PurposeKey, CryptoKey>()

async function importAesKey(key: PurposeKey): Promise<CryptoKey> {
  const known = imported.get(key)
  if (known) return known
  const aes = await crypto.subtle.importKey('raw', key.bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  imported.set(key, aes)
  return aes
}
