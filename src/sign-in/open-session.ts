/**
 * Opening a session once the person is known: one batch with the session, its device, and what follows from
 * both. Everything hangs on the session's insert, which holds only if the account still is what was checked.
 */
import { and, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { updateRehashedPassword } from '../accounts/queries.ts'
import type { AuditEventName, AuditFacts } from '../audit/events.ts'
import { insertAuditEvent, isRecorded, type SignedAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { base64url } from '../crypto/encoding.ts'
import { randomBytes, randomId } from '../crypto/random.ts'
import { prepareNotice } from '../notices/notice.ts'
import { answered, previousChangedOne, previousChangedSome } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { type EndedSession, markEnded } from '../sessions/blacklist.ts'
import {
  deleteSurplusDevices,
  insertCountry,
  isNoDevice,
  MAX_DEVICES,
  saveDevice,
} from '../sessions/device-queries.ts'
import {
  deleteSessionsOf,
  deleteSurplusSessions,
  insertSession,
  isLiveSession,
  MAX_SESSIONS,
} from '../sessions/queries.ts'
import { nameAgent } from '../sessions/user-agent.ts'

/** What was checked before, and must still be so. */
export interface Checked {
  readonly accountId: number
  readonly methods: readonly string[]
  /** About the row of `accounts`: what was proved still holds. */
  readonly stillProved: SQL
  /** Whether all factors of the account were proved just now. */
  readonly isFresh: boolean
  readonly rehash: Rehash | undefined
  /** The device that the request's device token belongs to. */
  readonly deviceId: string | undefined
  /** The session that this browser came with; nothing of its holder is left to end it later. */
  readonly replaces: string | undefined
  /** What of this sign-in its owner hears by mail, and where. */
  readonly news: 'country.added' | 'device.added' | undefined
  readonly contact: string
  /** What the account had when it was read. */
  readonly held: { readonly sessions: number; readonly devices: number }
  /** What a success ends, under the condition that the session was opened. */
  readonly clear: (isOpened: SQL) => readonly BatchItem<'sqlite'>[]
}

/** A password's new form, and the one that was checked. */
export interface Rehash {
  readonly old: string
  readonly hash: string
  readonly from: 'imported' | 'native'
}

export interface Opened {
  readonly sessionId: string
  /** For the next sign-in from this device. */
  readonly deviceToken: string
}

/**
 * Opens a session; undefined if the account has changed since it was checked, and nothing is written then.
 * @throws Problem `unavailable`
 */
export async function openSession(scope: RequestScope, checked: Checked): Promise<Opened | undefined> {
  const { db, facts, keys } = scope
  const opened = { sessionId: randomId(), deviceToken: base64url(randomBytes(32)) }
  const session = {
    id: opened.sessionId,
    accountId: checked.accountId,
    stillProved: checked.stillProved,
    methods: checked.methods,
    isFresh: checked.isFresh,
    refreshKeyId: keys.refreshToken.newest.id,
    deviceId: checked.deviceId ?? randomId(),
  }
  const sign = signFor(scope, checked.accountId, opened.sessionId)
  const succeeded = await sign('sign_in.succeeded', { methods: checked.methods })
  const isOpened = isRecorded(succeeded)
  const ending = [
    ...(await replacing(scope, checked, sign, isOpened)),
    // Counted ahead, for a sign-in that ends nothing should not pay for asking.
    ...(checked.held.sessions >= MAX_SESSIONS ? await endingSurplus(scope, session, sign, isOpened) : []),
  ]
  const { news, accountId: id, contact } = checked
  const notice = news && (await prepareNotice(scope, news, { id, contact }))
  const [[inserted], , ...rest] = await answered(
    db.batch([
      insertSession(db, session, facts),
      insertAuditEvent(db, succeeded, isLiveSession(session.id, facts.now)),
      ...ending,
      ...(await rehashing(scope, checked, isOpened, opened.sessionId)),
      ...(await notingDevice(scope, { session, checked, token: opened.deviceToken }, sign, isOpened)),
      ...(await notingCountry(scope, checked.accountId, sign, isOpened)),
      ...(notice?.insert(isOpened) ?? []),
      ...checked.clear(isOpened),
    ]),
  )
  if (!inserted) return undefined
  notice?.sendSoon()
  markEndedBy(scope, rest.slice(0, ending.length))
  // Others signed in since they were counted.
  if (checked.held.sessions < MAX_SESSIONS && inserted.held > MAX_SESSIONS) {
    markEndedBy(scope, await endSurplus(scope, session, sign))
  }
  return opened
}

type Opening = { readonly id: string; readonly accountId: number; readonly deviceId: string }

async function endSurplus(scope: RequestScope, session: Opening, sign: Sign) {
  const [first, ...others] = await endingSurplus(scope, session, sign, sql`true`)
  return answered(scope.db.batch([first, ...others]))
}

/** Each second one of these results is of an audit event. */
function markEndedBy(scope: RequestScope, results: readonly unknown[]): void {
  const ended = results.filter((_, i) => i % 2 === 0) as EndedSession[][]
  scope.waitUntil(markEnded(scope.kv, ended.flat(), 'session_ended', scope.facts.now))
}

/** Ends what the account has too many of. */
async function endingSurplus(
  { db, facts }: RequestScope,
  session: Opening,
  sign: Sign,
  when: SQL,
): Promise<[BatchItem<'sqlite'>, BatchItem<'sqlite'>]> {
  const event = await sign('session.ended', { by: 'limit' })
  return [
    deleteSurplusSessions(db, session, facts.now, when),
    insertAuditEvent(db, event, previousChangedSome),
  ]
}

type Sign = <Name extends AuditEventName>(
  event: Name,
  details: AuditFacts<Name>['details'],
) => Promise<SignedAuditEvent>

function signFor({ keys, facts }: RequestScope, accountId: number, sessionId: string | undefined): Sign {
  const whom = { outcome: 'success', actorId: accountId, subjectId: accountId } as const
  const who = sessionId === undefined ? whom : { ...whom, sessionId }
  return (event, details) => signAuditEvent(keys.auditMac, facts, { ...who, event, details })
}

type Statements = BatchItem<'sqlite'>[]

/** Ends the session that the browser had, if it was of the same account. */
async function replacing(
  { db }: RequestScope,
  { accountId, replaces }: Checked,
  sign: Sign,
  when: SQL,
): Promise<Statements> {
  if (replaces === undefined) return []
  const event = await sign('session.ended', { by: 'replacement', ended: replaces })
  return [
    deleteSessionsOf(db, accountId, when, { only: replaces }),
    insertAuditEvent(db, event, previousChangedOne),
  ]
}

/** What was proved is compared with the old hash, so the new one is stored after that. */
export async function rehashing(
  scope: RequestScope,
  { accountId, rehash }: Pick<Checked, 'accountId' | 'rehash'>,
  when: SQL,
  sessionId?: string,
): Promise<Statements> {
  if (!rehash) return []
  const { db } = scope
  const event = await signFor(scope, accountId, sessionId)('password.rehashed', { from: rehash.from })
  return [
    updateRehashedPassword(db, accountId, rehash.old, rehash.hash, when),
    insertAuditEvent(db, event, previousChangedOne),
  ]
}

async function notingDevice(
  { db, facts }: RequestScope,
  noted: { readonly session: Opening; readonly checked: Checked; readonly token: string },
  sign: Sign,
  when: SQL,
): Promise<Statements> {
  const { accountId, deviceId } = noted.session
  const tokenHash = await hashToken(noted.token)
  const device = { id: deviceId, accountId, tokenHash, ...nameAgent(facts.userAgent) }
  const event = await sign('device.added', { device_id: deviceId })
  return [
    // Ahead of the device. One that was looked up is new as well if it has been forgotten since.
    insertAuditEvent(db, event, and(when, isNoDevice(deviceId))),
    saveDevice(db, device, facts, when),
    // What sign-ins at the same moment add is for the next one to remove.
    ...(noted.checked.held.devices >= MAX_DEVICES ? [deleteSurplusDevices(db, accountId, when)] : []),
  ]
}

async function notingCountry(
  { db, facts }: RequestScope,
  accountId: number,
  sign: Sign,
  when: SQL,
): Promise<Statements> {
  if (facts.country === undefined) return []
  const event = await sign('country.added', { country: facts.country })
  return [
    insertCountry(db, accountId, facts.country, facts.now, when),
    insertAuditEvent(db, event, previousChangedOne),
  ]
}
