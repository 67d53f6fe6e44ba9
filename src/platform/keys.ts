/** The keyrings of this isolate, derived once from the secrets of the settings. */
import { deriveKeyId } from '../crypto/hkdf.ts'
import { deriveKeyring, type Keyring } from '../crypto/keyring.ts'
import type { NamedSecret, Settings } from './settings.ts'

export interface Keys {
  readonly accessToken: Keyring
  readonly cursor: Keyring
  readonly csrf: Keyring
  readonly sms: Keyring
  readonly pepper: Keyring
  readonly auditMac: Keyring
  readonly auditSeal: Keyring
  readonly refreshToken: Keyring
  readonly throttleEmail: Keyring
  readonly outbox: Keyring
  readonly factor: Keyring
}

const derived = new WeakMap<Settings, Keys>()

export async function loadKeys(settings: Settings): Promise<Keys> {
  const known = derived.get(settings)
  if (known) return known
  const signing = bytesOf(settings.secretKeys)
  const data = bytesOf(settings.dataKeys)
  const [
    accessToken,
    cursor,
    csrf,
    sms,
    pepper,
    auditMac,
    auditSeal,
    refreshToken,
    throttleEmail,
    outbox,
    factor,
  ] = await Promise.all([
    deriveKeyring(signing, 'access-token'),
    deriveKeyring(signing, 'cursor'),
    deriveKeyring(signing, 'csrf'),
    deriveKeyring(signing, 'sms'),
    deriveKeyring(data, 'password-pepper'),
    deriveKeyring(data, 'audit-mac'),
    deriveKeyring(data, 'audit-seal'),
    deriveKeyring(data, 'refresh-token'),
    deriveKeyring(data, 'throttle-email'),
    deriveKeyring(data, 'outbox'),
    deriveKeyring(data, 'factor'),
  ])
  const keys = {
    accessToken,
    cursor,
    csrf,
    sms,
    pepper,
    auditMac,
    auditSeal,
    refreshToken,
    throttleEmail,
    outbox,
    factor,
  }
  // Two first requests may both derive; the values are equal, so either may stay.
  derived.set(settings, keys)
  return keys
}

/** A configured key as it is spoken of: nothing here is secret. */
export interface ConfiguredKey {
  readonly ring: 'secret' | 'data'
  /** The variable. */
  readonly name: string
  readonly id: string
  /** It makes what is new; the others only check. */
  readonly isNewest: boolean
}

export async function describeKeys(settings: Settings): Promise<ConfiguredKey[]> {
  const describe = (ring: ConfiguredKey['ring'], secrets: readonly NamedSecret[]) =>
    secrets.map(async ({ name, bytes }, index) => {
      const isNewest = index === secrets.length - 1
      return { ring, name, id: await deriveKeyId(bytes), isNewest }
    })
  return Promise.all([...describe('secret', settings.secretKeys), ...describe('data', settings.dataKeys)])
}

function bytesOf(secrets: readonly NamedSecret[]) {
  return secrets.map(({ bytes }) => bytes)
}
