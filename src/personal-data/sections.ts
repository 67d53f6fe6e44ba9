/** The sections of an export, in their order. A table that holds something about people gets one here. */
import type { BatchItem } from 'drizzle-orm/batch'
import { showCustomer } from '../accounts/schemas.ts'
import { showApiToken } from '../api-tokens/schemas.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { listMessages } from '../outbox/queries.ts'
import { showMessage } from '../outbox/schemas.ts'
import type { Database } from '../platform/database.ts'
import { listOwnTicketsAfter } from '../service-tickets/queries.ts'
import { showTicketOf } from '../service-tickets/schemas.ts'
import type { Actor } from '../sessions/guard.ts'
import {
  findOwnMechanic,
  findOwnProfile,
  listOwnApiTokens,
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
import {
  showOwnCountry,
  showOwnDevice,
  showOwnEvent,
  showOwnFactor,
  showOwnFailureCount,
  showOwnLink,
  showOwnMailLink,
  showOwnMechanic,
  showOwnProfile,
  showOwnRecoveryCodes,
  showOwnSession,
} from './show.ts'

/** Each some hundred bytes, a few thousand at most. */
export const PAGE_ROWS = 1_000

/** A ticket with all that it can have takes 36 KB. */
const PAGE_TICKETS = 50

/** The type of the rows is known to the section alone. */
export interface Section {
  readonly name: keyof PersonalData
  /** One object in the place of a list. */
  readonly isSingle: boolean
  /** The statement of the first page, or of the one behind a place. */
  readonly read: (after: number | undefined) => BatchItem<'sqlite'>
  /** Rows that `read` found, as they are shown. */
  readonly show: (rows: unknown) => Promise<unknown[]>
  /** The place of the last row where another page may follow. */
  readonly findPlace: (rows: unknown) => number | undefined
}

type Statement<Row> = BatchItem<'sqlite'> & PromiseLike<Row[]>

type Item<Name extends keyof PersonalData> = PersonalData[Name] extends (infer One)[]
  ? One
  : PersonalData[Name]

/** What is never much: one page holds it. */
function whole<Name extends keyof PersonalData, Row>(
  name: Name,
  statement: Statement<Row>,
  show: (row: Row) => Item<Name> | Promise<Item<Name>>,
): Section {
  return {
    name,
    isSingle: false,
    read: () => statement,
    show: (rows) => Promise.all((rows as Row[]).map(show)),
    findPlace: () => undefined,
  }
}

/** What grows: so many rows at a time. */
function paged<Name extends keyof PersonalData, Row>(
  name: Name,
  pageRows: number,
  read: (after: number | undefined, limit: number) => Statement<Row>,
  placeOf: (row: Row) => number,
  show: (row: Row) => Item<Name> | Promise<Item<Name>>,
): Section {
  return {
    name,
    isSingle: false,
    read: (after) => read(after, pageRows),
    show: (rows) => Promise.all((rows as Row[]).map(show)),
    findPlace: (rows) => {
      const last = (rows as Row[])[pageRows - 1]
      return last && placeOf(last)
    },
  }
}

type Part = (db: Database, actor: Actor, factorKeys: Keyring) => Section

const profile: Part = (db, { account }) => ({
  ...whole('profile', findOwnProfile(db, account.id), showOwnProfile),
  isSingle: true,
})

const mechanic: Part = (db, { account }) => ({
  ...whole('mechanic', findOwnMechanic(db, account.id), showOwnMechanic),
  isSingle: true,
})

const sessions: Part = (db, { account, session }) =>
  whole('sessions', listOwnSessions(db, account.id), (row) => showOwnSession(row, session.id))

const devices: Part = (db, { account }) => whole('devices', listOwnDevices(db, account.id), showOwnDevice)

const countries: Part = (db, { account }) =>
  whole('countries', listOwnCountries(db, account.id), showOwnCountry)

const apiTokens: Part = (db, { account }) =>
  whole('api_tokens', listOwnApiTokens(db, account.id), showApiToken)

const factors: Part = (db, { account }, factorKeys) =>
  whole('factors', listOwnFactors(db, account.id), (row) => showOwnFactor(row, factorKeys))

const recoveryCodes: Part = (db, { account }) =>
  whole('recovery_codes', listOwnRecoveryCodes(db, account.id), showOwnRecoveryCodes)

const links: Part = (db, { account }) => whole('links', listOwnLinks(db, account.id), showOwnLink)

const mailLinks: Part = (db, { account }) =>
  whole('mail_links', listOwnMailLinks(db, account.id), showOwnMailLink)

const failureCounts: Part = (db, { account }) =>
  whole('failure_counts', listOwnFailureCounts(db, account.id), showOwnFailureCount)

const tickets: Part = (db, { account }) =>
  paged(
    'tickets',
    PAGE_TICKETS,
    (after, limit) => listOwnTicketsAfter(db, account.id, after ?? 0).limit(limit),
    ({ id }) => id,
    (row) => showTicketOf(row, showCustomer(account)),
  )

const messages: Part = (db, { account }) =>
  paged(
    'messages',
    PAGE_ROWS,
    (before, limit) => listMessages(db, { status: undefined, accountId: account.id }, before, limit),
    ({ number }) => number,
    showMessage,
  )

/** `throughEventId` is the export's own event: with it the section ends, though the log goes on. */
const events = (db: Database, { account }: Actor, throughEventId: string) =>
  paged(
    'events',
    PAGE_ROWS,
    (after, limit) => listOwnEventsAfter(db, account.id, after ?? 0, throughEventId, limit),
    ({ id }) => id,
    (row) => showOwnEvent(row, account.id),
  )

export function sectionsOf(
  db: Database,
  actor: Actor,
  throughEventId: string,
  factorKeys: Keyring,
): Section[] {
  const parts = [
    profile,
    mechanic,
    sessions,
    devices,
    countries,
    apiTokens,
    factors,
    recoveryCodes,
    links,
    mailLinks,
    failureCounts,
    tickets,
    messages,
  ]
  return [...parts.map((part) => part(db, actor, factorKeys)), events(db, actor, throughEventId)]
}
