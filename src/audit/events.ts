/**
 * Every event of the audit log and what it may hold. Rows name people by account id; no event has room
 * for a password, a token, an e-mail address or a name.
 */
interface EventDetails {
  'account.registered': Record<never, never>
  'account.created': { readonly by: 'operator'; readonly at: number }
  'account.reset_requested': { readonly by: 'operator'; readonly at: number }
  'account.unlocked': { readonly by: 'operator'; readonly at: number }
  'account.password_removed': { readonly by: 'operator'; readonly at: number }
  'account.signed_out': { readonly by: 'operator'; readonly at: number }
  'account.deleted': { readonly role: string }
  'account.exported': Record<never, never>
  'account.invited': { readonly role: string; readonly again: boolean }
  'account.role_changed': { readonly from: string; readonly to: string }
  'account.status_changed': { readonly from: string; readonly to: string }
  'invitation.accepted': Record<never, never>
  'data.imported': { readonly by: 'operator'; readonly at: number } & ImportedRows
  'sign_in.succeeded': { readonly methods: readonly string[] }
  'sign_in.failed': Record<never, never>
  'sign_in.challenged': { readonly methods: readonly string[]; readonly offered: readonly string[] }
  'session.stepped_up': { readonly methods: readonly string[] }
  'session.refreshed': Record<never, never>
  'refresh_token.repeated': Record<never, never>
  'refresh_token.reused': { readonly counter: number; readonly expected: number }
  'session.ended':
    | { readonly by: 'logout' | 'limit' | 'throttle' }
    | { readonly by: 'owner' | 'replacement' | 'admin'; readonly ended: string }
  'device.added': { readonly device_id: string }
  'device.renamed': { readonly device_id: string }
  'device.forgotten': { readonly device_id: string }
  'country.added': { readonly country: string }
  'profile.updated': { readonly fields: readonly string[] }
  'email.changed': Record<never, never>
  'email.verification_requested': Record<never, never>
  'email.verified': Record<never, never>
  'email.change_undone': Record<never, never>
  'account.disowned': Record<never, never>
  'password.changed': Record<never, never>
  'password.reset_requested': Record<never, never>
  'password.reset': Record<never, never>
  'password.check_failed': Record<never, never>
  'password.disabled': { readonly failures: number }
  'password.rehashed': { readonly from: 'imported' | 'native' }
  'device.distrusted': { readonly device_id: string; readonly failures: number }
  'device.trusted': { readonly device_id: string }
  'device.untrusted': { readonly device_id: string }
  'factor.offered': FactorDetails
  'factor.added': FactorDetails
  'factor.removed': { readonly method: string }
  'factor.reset': Record<never, never>
  'factor.code_sent': FactorDetails
  'factor.check_failed': { readonly method: string }
  'factor.disabled': { readonly failures: number }
  'recovery_code.used': Record<never, never>
  'recovery_codes.replaced': Record<never, never>
  'sms.limit_reached': { readonly limit: number }
  'limit.exceeded': { readonly limit: string; readonly by: LimitKeeper }
  'access.refused': { readonly method: string; readonly route: string; readonly permission: string }
  'audit.read': { readonly filters: readonly string[] }
  'audit.exported': { readonly filters: readonly string[] }
  'audit.verified': { readonly checked: number; readonly first_bad_id: number | null }
  'audit.trimmed': { readonly through_id: number; readonly rows: number }
  'message.given_up': MessageDetails & { readonly attempts: number }
  'message.resent': MessageDetails
  'key.added': KeyDetails
  'key.removed': KeyDetails
  'token.created': {
    readonly token_id: string
    readonly scopes: readonly string[]
    readonly expires_at: number
  }
  'token.revoked': { readonly token_id: string }
  'ticket.created': { readonly ticket_id: number }
  'ticket.updated': { readonly ticket_id: number; readonly fields: readonly string[] }
  'ticket.deleted': { readonly ticket_id: number }
  'ticket.mechanic_assigned': { readonly ticket_id: number; readonly mechanic_id: number }
  'ticket.mechanic_removed': { readonly ticket_id: number; readonly mechanic_id: number }
  'ticket.part_added': { readonly ticket_id: number; readonly item_id: number; readonly quantity: number }
  'ticket.part_removed': { readonly ticket_id: number; readonly item_id: number }
  'mechanic.created': { readonly mechanic_id: number }
  'mechanic.tied': { readonly mechanic_id: number }
  'mechanic.updated': { readonly mechanic_id: number; readonly fields: readonly string[] }
  'mechanic.deleted': { readonly mechanic_id: number }
  'inventory.created': { readonly item_id: number }
  'inventory.updated': { readonly item_id: number; readonly fields: readonly string[] }
  'inventory.deleted': { readonly item_id: number }
}

interface FactorDetails {
  readonly method: string
  readonly factor_id: string
}

/** The variable and the id of a key; its value is nowhere. */
interface KeyDetails {
  readonly name: string
  readonly key_id: string
}

/** A message of the outbox; not what it says, nor to whom. */
interface MessageDetails {
  readonly message_id: string
  readonly template: string
}

/** How many rows of each kind one batch of an import from the old service brought. */
export type ImportedRows = { readonly [Kind in (typeof IMPORTED_ROWS)[number]]: number }

export const IMPORTED_ROWS = ['customers', 'mechanics', 'items', 'tickets', 'assignments', 'parts'] as const

/** What refused an attempt. */
export type LimitKeeper =
  | 'ring'
  | 'mark'
  | 'address'
  | 'account'
  | 'account-factor'
  | 'number'
  | 'device'
  | 'session'
  | 'email'

export type AuditEventName = keyof EventDetails

/** The internal reason of a failed sign-in; the answer never tells them apart. */
export type SignInFailure =
  | 'unknown_account'
  | 'wrong_password'
  | 'no_password_set'
  | 'password_key_missing'
  | 'not_a_customer'
  | 'suspended'
  | 'account_changed'
  | 'password_disabled'

export interface AuditFacts<Name extends AuditEventName = AuditEventName> {
  readonly event: Name
  readonly outcome: 'success' | 'failure' | 'refused'
  readonly details: EventDetails[Name]
  readonly reason?: string
  /** Who did it; undefined for somebody unknown. */
  readonly actorId?: number
  /** Whom or whose account it concerns. */
  readonly subjectId?: number
  /** The session; or `msk_` and the id of the API token that stood in its place. */
  readonly sessionId?: string
  /** Events with one key are one row; further ones are counted. */
  readonly groupKey?: string
}
