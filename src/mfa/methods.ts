/** By what a person can prove the second factor, and whether a sign-in asks for one. Pure. */

/** What a request can name as `method`. */
export const MFA_METHODS = ['totp', 'sms', 'recovery_code'] as const
export type MfaMethod = (typeof MFA_METHODS)[number]

/** What is known of an account's second factor when its first one is right. */
export interface SecondFactors {
  /** The methods of its confirmed factors, with commas between; null if it has none. */
  readonly factorMethods: string | null
  readonly recoveryCodesLeft: number
  /** The device of this sign-in, if it is trusted. */
  readonly trustedDeviceId: string | null
}

/** The methods that an account can use, in the order in which they are offered, the better one first; none without a factor. */
export function offeredMethods(account: Omit<SecondFactors, 'trustedDeviceId'>): string[] {
  if (account.factorMethods === null) return []
  const own = account.factorMethods.split(',')
  if (account.recoveryCodesLeft > 0) own.push('recovery_code')
  return MFA_METHODS.filter((method) => own.includes(method))
}

export type GateDecision = 'no_factor' | 'trusted_device' | 'challenge'

/** Whether a right first factor is enough. Trust counts only on the device that the sign-in came from. */
export function decideGate(account: SecondFactors, deviceId: string | undefined): GateDecision {
  if (account.factorMethods === null) return 'no_factor'
  const isTrusted = deviceId !== undefined && account.trustedDeviceId === deviceId
  return isTrusted ? 'trusted_device' : 'challenge'
}
