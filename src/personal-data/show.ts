/** Rows as they are shown to whom they are about. */
import { showAuditEvent } from '../audit/schemas.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { TOTP_STEP_SECONDS } from '../crypto/totp.ts'
import { openNumber } from '../mfa/factor-secret.ts'
import { isoTime } from '../platform/iso-time.ts'
import { showCents } from '../platform/money.ts'
import type {
  findOwnMechanic,
  findOwnProfile,
  listOwnCountries,
  listOwnDevices,
  listOwnEventsAfter,
  listOwnFactors,
  listOwnFailureCounts,
  listOwnLinks,
  listOwnMailLinks,
  listOwnRecoveryCodes,
  listOwnSessions,
} from './queries.ts'
import type { PersonalData } from './schemas.ts'

type Row<List extends (...args: never[]) => PromiseLike<unknown[]>> = Awaited<ReturnType<List>>[number]

const timeOf = (seconds: number | null) => (seconds === null ? null : isoTime(seconds))

export function showOwnProfile(row: Row<typeof findOwnProfile>): PersonalData['profile'] {
  const { id, role, status, email } = row
  return {
    ...{ id, role, status, email },
    email_verified_at: timeOf(row.emailVerifiedAt),
    verified_email: row.verifiedEmail,
    first_name: row.firstName,
    last_name: row.lastName,
    phone_number: row.phoneNumber,
    password_changed_at: timeOf(row.passwordChangedAt),
    created_at: isoTime(row.createdAt),
    updated_at: isoTime(row.updatedAt),
  }
}

/** With the salary, which no route shows a mechanic: it is the person's own. */
export function showOwnMechanic(row: Row<typeof findOwnMechanic>): Exclude<PersonalData['mechanic'], null> {
  const { id, name, email, phone, salaryCents } = row
  return {
    ...{ id, name, email, phone },
    salary: salaryCents === null ? null : showCents(salaryCents),
    created_at: isoTime(row.createdAt),
    updated_at: isoTime(row.updatedAt),
  }
}

export function showOwnSession(
  row: Row<typeof listOwnSessions>,
  currentId: string,
): PersonalData['sessions'][number] {
  return {
    id: row.id,
    current: row.id === currentId,
    created_at: isoTime(row.createdAt),
    authenticated_at: row.authenticatedAt === 0 ? null : isoTime(row.authenticatedAt),
    expires_at: isoTime(row.expiresAt),
    refreshed: row.refreshCounter,
    refreshed_at: timeOf(row.rotatedAt),
    last_seen_at: timeOf(row.lastSeenAt),
    ip: row.address,
    country: row.country,
    city: row.city,
    user_agent: row.userAgent,
    methods: JSON.parse(row.methods),
    device_id: row.deviceId,
  }
}

export function showOwnDevice(row: Row<typeof listOwnDevices>): PersonalData['devices'][number] {
  const { id, name, browser, os, country, city, network } = row
  return {
    ...{ id, name, browser, os, ip: row.address, country, city, network },
    known: row.isKnown === 1,
    trusted_until: timeOf(row.trustedUntil),
    first_seen_at: isoTime(row.firstSeenAt),
    last_seen_at: isoTime(row.lastSeenAt),
  }
}

export function showOwnCountry(row: Row<typeof listOwnCountries>): PersonalData['countries'][number] {
  return { country: row.country, first_seen_at: isoTime(row.firstSeenAt) }
}

/** Of what is encrypted, the number alone: it is the person's own, and the secret of an app proves who one is. */
export async function showOwnFactor(
  row: Row<typeof listOwnFactors>,
  keyring: Keyring,
): Promise<PersonalData['factors'][number]> {
  const number = row.method === 'sms' ? await openNumber(keyring, row) : undefined
  return {
    id: row.id,
    method: row.method,
    offered_at: isoTime(row.createdAt),
    confirmed_at: timeOf(row.confirmedAt),
    phone_number: number ?? null,
    last_code_of: row.lastStep === null ? null : isoTime(row.lastStep * TOTP_STEP_SECONDS),
  }
}

export function showOwnRecoveryCodes(
  row: Row<typeof listOwnRecoveryCodes>,
): PersonalData['recovery_codes'][number] {
  return { created_at: isoTime(row.createdAt), left: row.left }
}

export function showOwnLink(row: Row<typeof listOwnLinks>): PersonalData['links'][number] {
  const times = { created_at: isoTime(row.createdAt), expires_at: isoTime(row.expiresAt) }
  return { purpose: row.purpose, email: row.emailCanonical, ...times }
}

export function showOwnMailLink(row: Row<typeof listOwnMailLinks>): PersonalData['mail_links'][number] {
  const times = { created_at: isoTime(row.createdAt), expires_at: isoTime(row.expiresAt) }
  return { purpose: row.purpose, email: row.email, verified_at: timeOf(row.verifiedAt), ...times }
}

export function showOwnFailureCount(
  row: Row<typeof listOwnFailureCounts>,
): PersonalData['failure_counts'][number] {
  return { counted_on: row.key, failures: row.failures, last_failed_at: isoTime(row.failedAt) }
}

/**
 * An event without anything of other people: neither their numbers, nor from where an admin or a stranger acted, nor
 * what happened to somebody whom the person acted on.
 */
export function showOwnEvent(
  row: Row<typeof listOwnEventsAfter>,
  ownId: number,
): PersonalData['events'][number] {
  const { actor_id: actorId, subject_id: subjectId, ...shown } = showAuditEvent(row)
  const by = whoIs(actorId, ownId)
  const about = whoIs(subjectId, ownId)
  return {
    ...shown,
    id: row.eventId,
    ...{ by, about },
    // Nobody is known who acts through a session of somebody else: without an actor it is the person's own.
    session_id: by === 'somebody' ? null : shown.session_id,
    ...(by !== 'you' && { address: null, user_agent: null, request_id: null }),
    ...(about === 'somebody' && { details: null }),
  }
}

function whoIs(id: number | null, ownId: number) {
  if (id === null) return null
  return id === ownId ? 'you' : 'somebody'
}
