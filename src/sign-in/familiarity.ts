/** Whether a sign-in is news to the owner of the account, and so worth a mail. Pure. */

/** What is known of an account's sign-ins so far. */
export interface SignInHistory {
  readonly sessionCount: number
  readonly deviceCount: number
  /** First seen within a day. */
  readonly newDeviceCount: number
  readonly countryCount: number
  /** 0 or 1. */
  readonly isCountryKnown: number
}

/**
 * So many new devices a day are told. Clients that keep no device token are a new device at each sign-in, and a mail for
 * each would be read by nobody.
 */
export const MAX_NOTICED_DEVICES = 5

/** The event that the owner hears of; undefined for none, as for the very first sign-in, which is the owner's own. */
export function judgeFamiliarity(
  history: SignInHistory,
  isDeviceKnown: boolean,
  country: string | undefined,
): 'country.added' | 'device.added' | undefined {
  const { sessionCount, deviceCount, countryCount, newDeviceCount, isCountryKnown } = history
  if (sessionCount + deviceCount + countryCount === 0) return undefined
  // Where no country has been seen, as before this deployment knew them, the first one is no news.
  if (country !== undefined && countryCount > 0 && isCountryKnown === 0) return 'country.added'
  return isDeviceKnown || newDeviceCount >= MAX_NOTICED_DEVICES ? undefined : 'device.added'
}
