/**
 * The form of an API token: `msk_<id>_<secret>_<checksum>`, all in lower-case hex. Its prefix and checksum are public, so
 * that secret scanners recognise one that has leaked, and a mistyped one is refused without asking the database.
 */
import { hashToken, sha256 } from '../crypto/digest.ts'
import { hex, utf8 } from '../crypto/encoding.ts'
import { randomBytes } from '../crypto/random.ts'

export const API_TOKEN_PREFIX = 'msk_'

const ID_BYTES = 12
/** 160 bits: nobody finds it from its SHA-256. */
const SECRET_BYTES = 20
const CHECKSUM_CHARACTERS = 8

const FORM = /^(msk_([0-9a-f]{24})_[0-9a-f]{40})_([0-9a-f]{8})$/

/** What finds a token in the database. */
export interface ApiTokenKey {
  readonly id: string
  readonly tokenHash: string
}

/** A new token, which is shown once, and what is stored of it. */
export async function issueApiToken(): Promise<ApiTokenKey & { readonly token: string }> {
  const id = hex(randomBytes(ID_BYTES))
  const body = `${API_TOKEN_PREFIX}${id}_${hex(randomBytes(SECRET_BYTES))}`
  return { id, tokenHash: await hashToken(body), token: `${body}_${await checksumOf(body)}` }
}

/** No JWT begins like this. */
export function isApiToken(text: string): boolean {
  return text.startsWith(API_TOKEN_PREFIX)
}

/** What to look for in the database; undefined for what this service cannot have issued. */
export async function parseApiToken(text: string): Promise<ApiTokenKey | undefined> {
  const [, body, id, checksum] = FORM.exec(text) ?? []
  if (body === undefined || id === undefined) return undefined
  // No secret: whoever has the token can compute it.
  if ((await checksumOf(body)) !== checksum) return undefined
  return { id, tokenHash: await hashToken(body) }
}

async function checksumOf(body: string): Promise<string> {
  return hex(await sha256(utf8(body))).slice(0, CHECKSUM_CHARACTERS)
}
