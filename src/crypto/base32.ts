/** Base32: of RFC 4648 §6 for secrets that apps read, of Crockford for codes that people read and type. */
const RFC_4648 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Without padding, as `otpauth://` addresses have it. */
export function base32(bytes: Uint8Array): string {
  return encode(bytes, RFC_4648)
}

export function crockford(bytes: Uint8Array): string {
  return encode(bytes, CROCKFORD)
}

/**
 * What somebody typed, in the spelling that `crockford` gives: letters of either case, the look-alikes I, L and O
 * for 1, 1 and 0, dashes and blanks for nothing. Undefined for anything else.
 */
export function readCrockford(typed: string): string | undefined {
  const text = typed.toUpperCase().replace(/[- ]/g, '').replace(/[IL]/g, '1').replaceAll('O', '0')
  return /^[0-9A-HJKMNP-TV-Z]+$/.test(text) ? text : undefined
}

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  let bits = 0
  let pending = 0
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(pending >> (bits - 5)) & 31]
  }
  return bits > 0 ? text + alphabet[(pending << (5 - bits)) & 31] : text
}
