import { base64url } from './encoding.ts'

/** `count` bytes from the platform's cryptographic generator. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count))
}

/** 128 random bits as 22 base64url characters: an identifier nobody can guess. */
export function randomId(): string {
  return base64url(randomBytes(16))
}
