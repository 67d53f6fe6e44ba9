/** Recovery codes: 120 random bits each, so that a plain SHA-256 is enough to store (ASVS 6.5.2). */
import { crockford, readCrockford } from '../crypto/base32.ts'
import { hashToken } from '../crypto/digest.ts'
import { randomBytes } from '../crypto/random.ts'

export const RECOVERY_CODES = 10

/** 120 bits, which are 24 characters. */
const CODE_BYTES = 15
const CODE_CHARACTERS = 24

/** A new set, as it is shown once: `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`. */
export function makeRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () =>
    crockford(randomBytes(CODE_BYTES)).replace(/(.{4})(?=.)/g, '$1-'),
  )
}

/** A code as somebody typed it, in its one spelling; undefined for what cannot be one. */
export function readRecoveryCode(typed: string): string | undefined {
  const code = readCrockford(typed)
  return code?.length === CODE_CHARACTERS ? code : undefined
}

/** The form in which a code is stored. */
export function hashRecoveryCode(code: string): Promise<string> {
  return hashToken(readRecoveryCode(code) ?? '')
}
