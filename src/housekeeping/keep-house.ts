/**
 * The cron's work: audit what the operator did from the command line, watch the keys, remove what has expired, seal
 * the audit log, sign it anew after a rotation, cut off what is older than its retention, and send what waits in the outbox.
 * Bounded and repeatable: whatever is left over waits for the next run.
 */
import { deleteExpiredApiTokens } from '../api-tokens/queries.ts'
import { describeOperatorAction } from '../audit/operator-action.ts'
import {
  deleteOldAuditRepeats,
  deleteOperatorAction,
  insertAuditEvent,
  listOperatorActions,
  signAuditEvent,
} from '../audit/queries.ts'
import { resealAuditLog } from '../audit/reseal.ts'
import { sealAuditEvents } from '../audit/seal-rows.ts'
import { trimAuditLog } from '../audit/trim.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { watchKeys } from '../keys/watch-keys.ts'
import { deleteOldAttempts, deleteOldThrottles } from '../limits/queries.ts'
import { deleteExpiredChallenges } from '../mfa/challenge-queries.ts'
import { deleteOldOffers } from '../mfa/queries.ts'
import { resealFactors } from '../mfa/reseal.ts'
import { deleteExpiredSmsCodes, deleteOldSends } from '../mfa/sms-queries.ts'
import { deleteExpiredMailLinks } from '../notices/queries.ts'
import { deliverOutbox } from '../outbox/deliver.ts'
import { deleteOldMessages, wipeExpiredMessages } from '../outbox/queries.ts'
import { deleteExpiredLinkTokens } from '../passwords/queries.ts'
import { answered, type Database, openDatabase, previousChangedOne } from '../platform/database.ts'
import { describeKeys, loadKeys } from '../platform/keys.ts'
import { logAlert, logInfo } from '../platform/log.ts'
import { type Env, readSettings, type Settings } from '../platform/settings.ts'
import { deleteUnseenDevices } from '../sessions/device-queries.ts'
import { deleteExpiredSessions } from '../sessions/queries.ts'

/** Two statements each, of the thousand that D1 takes from one run. */
const MAX_ACTIONS_PER_RUN = 200

/** Counts of refusals are of interest for a month; no longer than the rows that they count. */
const REPEATS_KEPT_DAYS = 30
/** Whoever wonders why a program is refused still finds its token in the list. */
const EXPIRED_TOKENS_KEPT_DAYS = 30
/** Whoever asks where a mail has gone asks within a month. */
const MESSAGES_KEPT_DAYS = 30
const DAY_SECONDS = 86_400
/** Counts that are not an account's: longer than any session lives, and as long as a device is known. */
const STRAY_THROTTLES_KEPT_DAYS = 180
const MAX_ROWS_PER_RUN = 1_000
/** Every failed sign-in leaves an attempt, and under a new address a count; they come in floods. */
const MAX_ATTEMPTS_PER_RUN = 10_000

export async function keepHouse(env: Env): Promise<void> {
  const outcome = readSettings(env)
  if ('faults' in outcome) {
    for (const fault of outcome.faults) logAlert('misconfigured', { setting: fault })
    return
  }
  const { settings } = outcome
  const db = openDatabase(env.DB)
  const now = Math.floor(Date.now() / 1000)
  const keys = await loadKeys(settings)
  const recorded = await recordOperatorActions(db, keys.auditMac, now)
  await watchKeys(db, keys.auditMac, await describeKeys(settings), settings.keyMaxAgeDays, now)
  const removed = await removeOld(db, settings, now)
  const factorsResealed = await resealFactors(db, keys.factor)
  const { sealed, isMarked } = await sealAuditEvents(db, env.KV, keys, now)
  // No seal leaves an old key before the mark has: `npm run keys` can see the seals, and not the mark.
  const resealed = isMarked ? await resealAuditLog(db, keys.auditSeal) : 0
  // And none goes while the mark may name it: it would then pass for one that was cut off.
  const trimmed = isMarked ? await trimAuditLog(db, keys, settings.auditRetentionDays, now) : 0
  // Last: a provider that is slow must not keep the log from being sealed.
  const messages = await deliverOutbox({ db, keys, settings, email: env.EMAIL }, now)
  logInfo('housekeeping', {
    operator_actions: recorded,
    ...removed,
    messages_sent: messages,
    factors_renewed: factorsResealed,
    audit_events_sealed: sealed,
    audit_seals_renewed: resealed,
    audit_events_removed: trimmed,
  })
}

/** Removes what is of no use any more; how many rows of each kind, or of messages how many were wiped. */
async function removeOld(db: Database, settings: Settings, now: number): Promise<Record<string, number>> {
  const daysAgo = (days: number) => now - days * DAY_SECONDS
  const statements = {
    sessions: deleteExpiredSessions(db, now, MAX_ROWS_PER_RUN),
    link_tokens: deleteExpiredLinkTokens(db, now, MAX_ROWS_PER_RUN),
    mail_links: deleteExpiredMailLinks(db, now, MAX_ROWS_PER_RUN),
    audit_repeats: deleteOldAuditRepeats(db, daysAgo(REPEATS_KEPT_DAYS), MAX_ROWS_PER_RUN),
    devices: deleteUnseenDevices(db, now, MAX_ROWS_PER_RUN),
    throttle_attempts: deleteOldAttempts(db, now - settings.signInAddressSeconds, MAX_ATTEMPTS_PER_RUN),
    throttles: deleteOldThrottles(db, daysAgo(STRAY_THROTTLES_KEPT_DAYS), MAX_ATTEMPTS_PER_RUN),
    api_tokens: deleteExpiredApiTokens(db, daysAgo(EXPIRED_TOKENS_KEPT_DAYS), MAX_ROWS_PER_RUN),
    messages_expired: wipeExpiredMessages(db, now, MAX_ROWS_PER_RUN),
    messages: deleteOldMessages(db, daysAgo(MESSAGES_KEPT_DAYS), MAX_ROWS_PER_RUN),
    mfa_challenges: deleteExpiredChallenges(db, now, MAX_ROWS_PER_RUN),
    factor_offers: deleteOldOffers(db, now, MAX_ROWS_PER_RUN),
    sms_codes: deleteExpiredSmsCodes(db, now, MAX_ROWS_PER_RUN),
    sms_sends: deleteOldSends(db, now, MAX_ROWS_PER_RUN),
  }
  const [first, ...others] = Object.values(statements)
  if (!first) return {}
  const results = await answered(db.batch([first, ...others]))
  return Object.fromEntries(Object.keys(statements).map((name, i) => [name, changesOf(results[i])]))
}

const changesOf = (result: unknown) => (result as D1Result | undefined)?.meta.changes ?? 0

/** Turns operator actions into signed audit events; two runs at once record each of them once. */
async function recordOperatorActions(db: Database, keyring: Keyring, now: number): Promise<number> {
  const actions = await answered(listOperatorActions(db, MAX_ACTIONS_PER_RUN))
  for (const action of actions) {
    const event = await signAuditEvent(keyring, { now }, describeOperatorAction(action))
    await answered(
      db.batch([deleteOperatorAction(db, action.id), insertAuditEvent(db, event, previousChangedOne)]),
    )
  }
  return actions.length
}
