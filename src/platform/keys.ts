/** The keyrings of this isolate, derived once from the secrets of the settings. */
import { deriveKeyring, type Keyring } from '../crypto/keyring.ts'
import type { Settings } from './settings.ts'

export interface Keys {
  readonly accessToken: Keyring
  readonly cursor: Keyring
  readonly csrf: Keyring
  readonly pepper: Keyring
  readonly auditMac: Keyring
  readonly auditSeal: Keyring
  readonly refreshToken: Keyring
}

const derived = new WeakMap<Settings, Keys>()

export async function loadKeys(settings: Settings): Promise<Keys> {
  const known = derived.get(settings)
  if (known) return known
  const [accessToken, cursor, csrf, pepper, auditMac, auditSeal, refreshToken] = await Promise.all([
    deriveKeyring(settings.secretKeys, 'access-token'),
    deriveKeyring(settings.secretKeys, 'cursor'),
    deriveKeyring(settings.secretKeys, 'csrf'),
    deriveKeyring(settings.dataKeys, 'password-pepper'),
    deriveKeyring(settings.dataKeys, 'audit-mac'),
    deriveKeyring(settings.dataKeys, 'audit-seal'),
    deriveKeyring(settings.dataKeys, 'refresh-token'),
  ])
  const keys = { accessToken, cursor, csrf, pepper, auditMac, auditSeal, refreshToken }
  // Two first requests may both derive; the values are equal, so either may stay.
  derived.set(settings, keys)
  return keys
}
