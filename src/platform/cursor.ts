/** Cursors of keyset pagination: opaque and tamper-proof, each good for the list that issued it only. */
import { equalInConstantTime, hmacSha256 } from '../crypto/digest.ts'
import { base64url, decodeBase64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring, PurposeKey } from '../crypto/keyring.ts'

/** 128 bits: a cursor grants nothing, it only must not be made up. */
const MAC_BYTES = 16

const FORM = /^([1-9]\d{0,14})\.([0-9a-f]{8})\.([A-Za-z0-9_-]{22})$/

/** A cursor that continues `list` after the row with this id. */
export async function issueCursor(keyring: Keyring, list: string, id: number): Promise<string> {
  return base64url(utf8(`${id}.${keyring.newest.id}.${base64url(await macOf(keyring.newest, list, id))}`))
}

/** The row's id; undefined for anything that this service did not issue for this list. */
export async function verifyCursor(
  keyring: Keyring,
  list: string,
  cursor: string,
): Promise<number | undefined> {
  const bytes = cursor.length <= 128 ? decodeBase64url(cursor) : undefined
  const [, id, keyId = '', mac = ''] = FORM.exec(bytes ? new TextDecoder().decode(bytes) : '') ?? []
  const key = keyring.byId.get(keyId)
  const given = decodeBase64url(mac)
  if (id === undefined || !key || !given) return undefined
  return equalInConstantTime(given, await macOf(key, list, Number(id))) ? Number(id) : undefined
}

async function macOf(key: PurposeKey, list: string, id: number): Promise<Uint8Array> {
  return (await hmacSha256(key.hmac, utf8(JSON.stringify([list, id])))).slice(0, MAC_BYTES)
}
