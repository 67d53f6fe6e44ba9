/** A link of a mail, as somebody presents it: what all of them have in common. */
import { hashToken } from '../crypto/digest.ts'
import {
  admit,
  announceSuccess,
  beginAttempt,
  NOBODY,
  type Place,
  recordAddressFailure,
  takePlace,
} from '../limits/attempt.ts'
import { findMailLink, isLiveMailLink } from '../notices/queries.ts'
import type { LinkPurpose } from '../notices/tables.ts'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'

/**
 * Finds the link and its account. Guesses at tokens count against the address, whatever they are for, as those at a reset do.
 * @throws Problem `too_many_requests`, `link_token_invalid`, `unavailable`
 */
export async function presentLink(scope: RequestScope, purpose: LinkPurpose, token: string) {
  const { db, facts } = scope
  const presented = { tokenHash: await hashToken(token), purpose, now: facts.now }
  const attempt = beginAttempt(scope, 'reset', NOBODY)
  const [tally, taken, [link]] = await answered(
    db.batch([...takePlace(db, attempt), findMailLink(db, presented)]),
  )
  const place = admit(scope, 'reset', attempt, tally, taken)
  if (!link) return refuseLink(scope, place)
  return { place, link, isLive: isLiveMailLink(presented) }
}

/**
 * After the batch of the use: whether this one of many was it.
 * @throws Problem `link_token_invalid`
 */
export async function concludeLink(scope: RequestScope, place: Place, isUsed: boolean): Promise<void> {
  if (!isUsed) await refuseLink(scope, place)
  announceSuccess(scope, place)
}

async function refuseLink(scope: RequestScope, place: Place): Promise<never> {
  await recordAddressFailure(scope, place)
  throw new Problem('link_token_invalid')
}
