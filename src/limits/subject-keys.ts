/** What somebody is counted under in `throttles`. */

const SESSION_PREFIX = 'session:'

export const accountKey = (id: number) => `account:${id}`
export const sessionKey = (id: string) => SESSION_PREFIX + id

export function isSessionKey(key: string): boolean {
  return key.startsWith(SESSION_PREFIX)
}
