/** The second factor, which an account that has one asks for where a changed address is undone: who reads an old mailbox alone takes no account over. */
import { type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { admit, announceSuccess, type Place, takePlace } from '../limits/attempt.ts'
import { deleteAttempt } from '../limits/queries.ts'
import { beginFactorAttempt, clearWrongCodes, factorSubject, recordWrongCode } from '../mfa/budget.ts'
import { type CodeFailure, judgeCode, type PresentedCode, readCodeEvidence } from '../mfa/code.ts'
import { offeredMethods } from '../mfa/methods.ts'
import { findSecondFactors, hasFactor } from '../mfa/queries.ts'
import type { Owner } from '../notices/notice.ts'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { concludeLink } from './present-link.ts'

/** Nobody is sent a code by SMS for a link: who has such a factor has recovery codes beside it. */
export const UNDO_METHODS = ['totp', 'recovery_code'] as const

/** What is presented beside the link, and what follows from it. */
export interface FactorProof {
  /** It still is enough. */
  readonly condition: SQL
  /** For the batch of the use, under a condition: uses the code up. */
  readonly spend: (when: SQL) => readonly BatchItem<'sqlite'>[]
  /** After that batch, which used the link or did not. */
  readonly conclude: (isUsed: boolean) => Promise<void>
}

/**
 * Judges what is presented beside a link that counts; `linkPlace` is the place that was taken for it. Wrong codes count
 * in the one budget of the account, and use no link up.
 * @throws Problem `factor_code_invalid`, `too_many_requests`, `unavailable`; `conclude` throws `factor_code_invalid` (the
 *   code was used meanwhile), `factor_code_missing`, `link_token_invalid`, `unavailable`
 */
export function judgeProof(
  scope: RequestScope,
  linkPlace: Place,
  owner: Owner,
  presented: PresentedCode | undefined,
): FactorProof | Promise<FactorProof> {
  return presented ? judgePresented(scope, linkPlace, owner, presented) : withoutCode(scope, linkPlace, owner)
}

/** Enough where there is no second factor, which the batch of the use decides: so it costs no round trip. */
function withoutCode(scope: RequestScope, linkPlace: Place, { id }: Owner): FactorProof {
  const { db } = scope
  return {
    condition: sql`NOT ${hasFactor(id)}`,
    spend: () => [],
    conclude: async (isUsed) => {
      if (isUsed) return concludeLink(scope, linkPlace, isUsed)
      const [[factors]] = await answered(
        db.batch([findSecondFactors(db, id), deleteAttempt(db, linkPlace.attempt.id, hasFactor(id))]),
      )
      const offered = factors ? offeredMethods(factors) : []
      const methods = UNDO_METHODS.filter((method) => offered.includes(method))
      if (offered.length > 0) throw new Problem('factor_code_missing', { members: { methods } })
      return concludeLink(scope, linkPlace, isUsed)
    },
  }
}

async function judgePresented(
  scope: RequestScope,
  linkPlace: Place,
  owner: Owner,
  presented: PresentedCode,
): Promise<FactorProof> {
  const { db } = scope
  const attempt = beginFactorAttempt(scope, factorSubject(owner.id))
  const [tally, taken, [factor], [recoveryCode], [smsCode]] = await answered(
    db.batch([
      ...takePlace(db, attempt),
      ...(await readCodeEvidence(scope, owner.id, presented, 'undo')),
      // The token was right: from here on it is the code that is guessed at.
      deleteAttempt(db, linkPlace.attempt.id, sql`true`),
    ]),
  )
  const place = admit(scope, 'mfa', attempt, tally, taken)
  const { failures } = place.tally
  const fail = async (reason: CodeFailure): Promise<never> => {
    await recordWrongCode(scope, place, { accountId: owner.id, method: presented.method, reason })
    throw new Problem('factor_code_invalid', { reason })
  }
  const verdict = await judgeCode(scope, owner, presented, { factor, recoveryCode, smsCode, failures })
  if (!verdict.isRight) return fail(verdict.reason)
  return {
    condition: verdict.isUnused,
    spend: (when) => [...verdict.spend(when), ...clearWrongCodes(scope, place, owner.id, when)],
    conclude: async (isUsed) => {
      // Somebody else was quicker with this code or this link.
      if (!isUsed) await fail('code_used')
      announceSuccess(scope, place)
      verdict.sendSoon()
    },
  }
}
