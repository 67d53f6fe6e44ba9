/** A message on its way into the outbox: recipient and values are encrypted before they are stored. */

import type { Keyring } from '../crypto/keyring.ts'
import { randomId } from '../crypto/random.ts'
import { openBox, sealBox } from '../crypto/secret-box.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Channel } from './tables.ts'
import {
  lifetimeOf,
  type MailTemplate,
  type MailValues,
  type SmsTemplate,
  type SmsValues,
  type Template,
} from './templates.ts'

/** A message as it is inserted. */
export interface SealedMessage {
  readonly id: string
  readonly channel: Channel
  readonly template: Template
  readonly accountId: number | null
  readonly sealed: string
  readonly keyId: string
  /** Unix seconds. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** What the box of a message holds. */
export interface MessageContent {
  readonly to: string
  readonly values: Readonly<Record<string, string>>
}

interface NewMessage<Name extends Template, Values> {
  /** An address of mail, or a telephone number in E.164. */
  readonly to: string
  /** Whom it concerns, for the outbox's readers; null for nobody, or for an account that is about to go. */
  readonly accountId: number | null
  readonly template: Name
  readonly values: Values
}

type Sealing = Pick<RequestScope, 'keys' | 'facts'>

/** Seals a mail for `insertOutboxMessage`; nothing is written. */
export function sealMail<Name extends MailTemplate>(
  scope: Sealing,
  mail: NewMessage<Name, MailValues[Name]>,
): Promise<SealedMessage> {
  return seal(scope, 'mail', mail)
}

/** Seals an SMS for `insertOutboxMessage`; nothing is written. */
export function sealSms<Name extends SmsTemplate>(
  scope: Sealing,
  sms: NewMessage<Name, SmsValues[Name]>,
): Promise<SealedMessage> {
  return seal(scope, 'sms', sms)
}

async function seal(
  { keys, facts }: Sealing,
  channel: Channel,
  { to, accountId, template, values }: NewMessage<Template, MessageContent['values']>,
): Promise<SealedMessage> {
  const id = randomId()
  const content: MessageContent = { to, values }
  return {
    id,
    channel,
    template,
    accountId,
    sealed: await sealBox(keys.outbox, contextOf(id), JSON.stringify(content)),
    keyId: keys.outbox.newest.id,
    createdAt: facts.now,
    expiresAt: facts.now + lifetimeOf(template),
  }
}

/** What a sealed message holds; undefined if its key has gone or somebody touched it. */
export async function openMessage(
  keyring: Keyring,
  id: string,
  sealed: string,
): Promise<MessageContent | undefined> {
  const text = await openBox(keyring, contextOf(id), sealed)
  return text === undefined ? undefined : (JSON.parse(text) as MessageContent)
}

function contextOf(id: string): string[] {
  return ['outbox', id]
}
