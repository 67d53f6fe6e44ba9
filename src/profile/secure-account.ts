/** What is done to an account whose owner says that somebody else is in it. */
import type { SQL } from 'drizzle-orm'
import { deleteApiTokensOf } from '../api-tokens/queries.ts'
import { deleteMailLinks } from '../notices/queries.ts'
import { consumeLinkTokens } from '../passwords/queries.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { forgetDevicesOf } from '../sessions/device-queries.ts'
import { deleteSessionsOf } from '../sessions/queries.ts'

/**
 * Under a condition: every session, API token, known device and link to a password goes. The first statement gives the
 * sessions that end. The second factor stays; trust in devices goes with the password, which the caller removes.
 */
export function secureAccount({ db }: RequestScope, accountId: number, when: SQL) {
  return [
    deleteSessionsOf(db, accountId, when),
    deleteApiTokensOf(db, accountId, when),
    forgetDevicesOf(db, accountId, when),
    consumeLinkTokens(db, accountId, when),
    deleteMailLinks(db, accountId, ['verify', 'not_me'], when),
  ] as const
}
