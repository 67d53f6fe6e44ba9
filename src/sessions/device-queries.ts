/** Devices: where somebody has signed in to one account. */
import { and, desc, eq, gt, isNotNull, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { endedColumns } from './queries.ts'
import { accountCountries, devices, sessions } from './tables.ts'
import type { AgentNames } from './user-agent.ts'

/** A device that nobody signs in from for so long is forgotten: 180 days. */
export const DEVICE_KNOWN_SECONDS = 15_552_000

/** How long a device is not asked for the second factor, since the person said so: 30 days. */
export const DEVICE_TRUSTED_SECONDS = 2_592_000

/** Of one account. Clients that keep no device token are a new device at each sign-in. */
export const MAX_DEVICES = 50

interface SeenDevice extends AgentNames {
  readonly id: string
  readonly accountId: number
  readonly tokenHash: string
}

/**
 * Notes a sign-in from a device, under a condition; its token is a new one. A device that was forgotten
 * meanwhile comes back: whoever signs in has the password.
 */
export function saveDevice(db: Database, device: SeenDevice, origin: RequestFacts, when: SQL) {
  const { now } = origin
  const place = {
    browser: device.browser ?? null,
    os: device.os ?? null,
    address: origin.address ?? null,
    country: origin.country ?? null,
    city: origin.city ?? null,
    network: origin.network ?? null,
  }
  // Every column of the table, in its order.
  return db
    .insert(devices)
    .select(sql`
      SELECT ${device.id}, ${device.accountId}, ${device.tokenHash}, NULL, NULL, ${place.browser}, ${place.os},
        ${place.address}, ${place.country}, ${place.city}, ${place.network}, ${now}, ${now}, NULL
      WHERE ${when}`)
    .onConflictDoUpdate({
      target: devices.id,
      set: {
        ...place,
        tokenHash: device.tokenHash,
        previousTokenHash: sql`${devices.tokenHash}`,
        lastSeenAt: now,
      },
    })
}

/** There is no device with this id. */
export function isNoDevice(id: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${devices} AS noted WHERE noted.id = ${id})`
}

/** A sign-in from the device need not prove the second factor. */
export function isTrustedDevice(accountId: number, id: string, now: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${devices} AS trusted WHERE trusted.id = ${id}
    AND trusted.account_id = ${accountId} AND trusted.trusted_until > ${now})`
}

/** Trusts a device from now on, under a condition. */
export function trustDevice(db: Database, accountId: number, id: string, now: number, when: SQL) {
  return db
    .update(devices)
    .set({ trustedUntil: now + DEVICE_TRUSTED_SECONDS })
    .where(and(eq(devices.id, id), eq(devices.accountId, accountId), when))
}

/** Ends the trust in a device, under a condition. */
export function distrustDevice(db: Database, accountId: number, id: string, now: number, when: SQL) {
  return db
    .update(devices)
    .set({ trustedUntil: null })
    .where(and(eq(devices.id, id), eq(devices.accountId, accountId), gt(devices.trustedUntil, now), when))
    .returning({ id: devices.id })
}

/** Ends the trust in every device of an account, under a condition. */
export function distrustDevicesOf(db: Database, accountId: number, when: SQL) {
  return db
    .update(devices)
    .set({ trustedUntil: null })
    .where(and(eq(devices.accountId, accountId), isNotNull(devices.trustedUntil), when))
}

/** The trusted devices of an account, last seen first. */
export function listTrustedDevices(db: Database, accountId: number, now: number) {
  const { id, name, browser, os, trustedUntil, lastSeenAt } = devices
  return db
    .select({ id, name, browser, os, trustedUntil, lastSeenAt })
    .from(devices)
    .where(and(eq(devices.accountId, accountId), gt(devices.trustedUntil, now)))
    .orderBy(desc(lastSeenAt))
    .limit(MAX_LISTED)
}

/** Removes, under a condition, what an account has too many of, longest unseen first; never a device with a session. */
export function deleteSurplusDevices(db: Database, accountId: number, when: SQL) {
  return db.delete(devices).where(sql`${devices.id} IN (
    SELECT id FROM ${devices} AS held WHERE held.account_id = ${accountId}
    ORDER BY held.last_seen_at DESC, held.id LIMIT -1 OFFSET ${MAX_DEVICES})
    AND NOT EXISTS (SELECT 1 FROM ${sessions} WHERE ${sessions.deviceId} = ${devices.id})
    AND ${when}`)
}

/** Notes that an account has been signed in to from a country, under a condition; changes one row if it is new. */
export function insertCountry(db: Database, accountId: number, country: string, now: number, when: SQL) {
  return db
    .insert(accountCountries)
    .select(sql`SELECT ${accountId}, ${country}, ${now} WHERE ${when}`)
    .onConflictDoNothing()
}

/** The devices of an account, last seen first. */
export function listDevices(db: Database, accountId: number, now: number) {
  const { id, name, browser, os, address, country, city, network, firstSeenAt } = devices
  const live = sql`FROM ${sessions} AS held WHERE held.device_id = ${devices.id} AND held.expires_at > ${now}`
  const lastSeenAt = sql<number>`max(${devices.lastSeenAt}, coalesce((SELECT max(held.last_seen_at) ${live}), 0))`
  return (
    db
      .select({
        ...{ id, name, browser, os, address, country, city, network, firstSeenAt },
        lastSeenAt: lastSeenAt.as('seen_at'),
        isKnown:
          sql<number>`${and(isNotNull(devices.tokenHash), gt(devices.lastSeenAt, now - DEVICE_KNOWN_SECONDS))}`.as(
            'is_known',
          ),
        sessions: sql<number>`(SELECT count(*) ${live})`.as('session_count'),
      })
      .from(devices)
      .where(eq(devices.accountId, accountId))
      // Within a second, in the order in which they came.
      .orderBy(desc(sql`seen_at`), desc(sql`${devices}.rowid`))
      .limit(MAX_LISTED)
  )
}

/** An account may have some more than `MAX_DEVICES`, with live sessions. */
const MAX_LISTED = 100

export type ListedDevice = Awaited<ReturnType<typeof listDevices>>[number]

export function updateDeviceName(db: Database, accountId: number, id: string, name: string, when: SQL) {
  return db
    .update(devices)
    .set({ name })
    .where(and(eq(devices.id, id), eq(devices.accountId, accountId), when))
    .returning({ id: devices.id })
}

export function deleteDevice(db: Database, accountId: number, id: string, when: SQL) {
  return db
    .delete(devices)
    .where(and(eq(devices.id, id), eq(devices.accountId, accountId), when))
    .returning({ id: devices.id })
}

export function deleteSessionsOfDevice(db: Database, accountId: number, deviceId: string, when: SQL) {
  return db
    .delete(sessions)
    .where(and(eq(sessions.deviceId, deviceId), eq(sessions.accountId, accountId), when))
    .returning(endedColumns)
}

/** No device of an account is known any more, under a condition: the next sign-in from anywhere is told to its owner. */
export function forgetDevicesOf(db: Database, accountId: number, when: SQL) {
  return db
    .update(devices)
    .set({ tokenHash: null, previousTokenHash: null })
    .where(and(eq(devices.accountId, accountId), when))
}

/** Devices that are known no more and have no session left. */
export function deleteUnseenDevices(db: Database, now: number, limit: number) {
  return db.delete(devices).where(sql`${devices.id} IN (
    SELECT id FROM ${devices} AS old WHERE old.last_seen_at <= ${now - DEVICE_KNOWN_SECONDS}
      AND NOT EXISTS (SELECT 1 FROM ${sessions} AS held WHERE held.device_id = old.id)
    LIMIT ${limit})`)
}
