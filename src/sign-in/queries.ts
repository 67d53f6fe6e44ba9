/** What a sign-in reads: whose attempt it is, and what it is checked against. */
import { eq, type SQL, sql } from 'drizzle-orm'
import { profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { hasFailures } from '../limits/queries.ts'
import { throttles } from '../limits/tables.ts'
import { secondFactorColumns } from '../mfa/queries.ts'
import type { Database } from '../platform/database.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { DEVICE_KNOWN_SECONDS } from '../sessions/device-queries.ts'
import { historyColumns } from '../sessions/queries.ts'
import { devices } from '../sessions/tables.ts'

/** When and from where somebody comes. */
type Arrival = Pick<RequestFacts, 'now' | 'country'>

/**
 * Who has this canonical e-mail address, the password hash to check, what a right password would meet (second factors,
 * and whether the device of this token is trusted), what the account has of sessions and devices, and whether it has been
 * signed in to from this country.
 */
export function findSigner(
  db: Database,
  emailCanonical: string,
  deviceTokenHash: string | undefined,
  arrival: Arrival,
) {
  const trusted = sql<string | null>`(SELECT known.id FROM ${devices} AS known
    WHERE known.account_id = ${accounts}.id AND known.trusted_until > ${arrival.now}
      AND ${deviceTokenHash ?? null} IN (known.token_hash, known.previous_token_hash) LIMIT 1)`
  return db
    .select({
      ...profileColumns,
      passwordHash: accounts.passwordHash,
      ...secondFactorColumns,
      trustedDeviceId: trusted.as('trusted_device_id'),
      ...historyColumns(arrival),
    })
    .from(accounts)
    .where(eq(accounts.emailCanonical, emailCanonical))
}

export type Signer = Awaited<ReturnType<typeof findSigner>>[number]

interface SignInSubject {
  readonly emailCanonical: string
  /** The keys under which an address may be counted that belongs to no account; the last one is for a new count. */
  readonly emailKeys: readonly string[]
  readonly deviceTokenHash: string | undefined
  /** With so many failures in a row a device is not known. */
  readonly deviceMaxFailures: number
  /** Unix seconds. */
  readonly now: number
}

/**
 * The throttle that a sign-in counts on: that of a device known for this very account, else the account's, else
 * the address's. It is found where the place is taken, so that the three cost the same.
 */
export function signInSubject(asked: SignInSubject): SQL {
  const { emailCanonical, emailKeys, deviceTokenHash, deviceMaxFailures, now } = asked
  // Its tokens go with the last failure; but the setting may have been lowered since, and no attempt would be left.
  const isSpent = hasFailures(sql`'device:' || known.id`, '>=', deviceMaxFailures)
  return sql`
    SELECT CASE WHEN known.id IS NOT NULL THEN 'device:' || known.id
        WHEN holder.id IS NOT NULL THEN 'account:' || holder.id
        ELSE ${chooseEmailKey(emailKeys)} END AS key,
      holder.id AS account_id, known.id AS device_id
    FROM (SELECT 1) AS asked
      LEFT JOIN ${accounts} AS holder ON holder.email_canonical = ${emailCanonical}
      LEFT JOIN ${devices} AS known ON known.account_id = holder.id
        AND known.last_seen_at > ${now - DEVICE_KNOWN_SECONDS}
        AND ${deviceTokenHash ?? null} IN (known.token_hash, known.previous_token_hash)
        AND NOT ${isSpent}
    LIMIT 1`
}

/** What proves the current password of an account, and whether a second factor is to be proved instead. */
export function findOwnProofs(db: Database, accountId: number) {
  return db
    .select({ passwordHash: accounts.passwordHash, factorMethods: secondFactorColumns.factorMethods })
    .from(accounts)
    .where(eq(accounts.id, accountId))
}

/** A count that was begun under an older key goes on: it must not start anew when that of an account does not. */
function chooseEmailKey(emailKeys: readonly string[]): SQL {
  const counted = sql`SELECT past.key FROM ${throttles} AS past WHERE past.key IN ${emailKeys} ORDER BY past.failures DESC LIMIT 1`
  return sql`coalesce((${counted}), ${emailKeys.at(-1)})`
}

/** Forgets the tokens of a device whose throttle has reached a count; whoever makes it known anew has to ask for trust anew. */
export function forgetDeviceTokens(db: Database, deviceId: string, throttleKey: string, failures: number) {
  return db
    .update(devices)
    .set({ tokenHash: null, previousTokenHash: null, trustedUntil: null })
    .where(sql`${devices.id} = ${deviceId} AND ${hasFailures(throttleKey, '>=', failures)}`)
}
