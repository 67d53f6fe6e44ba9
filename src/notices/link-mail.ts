/** A mail with a link that does something: the row of the link and the message belong together. */
import type { SQL } from 'drizzle-orm'
import { hashToken } from '../crypto/digest.ts'
import { base64url } from '../crypto/encoding.ts'
import { randomBytes } from '../crypto/random.ts'
import { insertOutboxMessage } from '../outbox/queries.ts'
import { sealMail } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
import type { MailValues } from '../outbox/templates.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { insertMailLink } from './queries.ts'
import type { LinkPurpose } from './tables.ts'

/** 256 bits. */
const TOKEN_BYTES = 32

/** How long a link that confirms an address is good, in seconds. */
export const VERIFY_LINK_SECONDS = 3_600
/** How long a changed address can be undone. */
export const UNDO_LINK_SECONDS = 259_200
/** How long "this was not me" is good. */
export const NOT_ME_LINK_SECONDS = 86_400

const LIFETIMES: Record<LinkPurpose, number> = {
  verify: VERIFY_LINK_SECONDS,
  undo: UNDO_LINK_SECONDS,
  not_me: NOT_ME_LINK_SECONDS,
}

/** No account has this number: for work that is done for nobody. */
export const NO_ACCOUNT = 0

/** Templates whose one link is a row of `mail_links`. */
type LinkTemplate = {
  [Name in keyof MailValues]: 'token' extends keyof MailValues[Name] ? Name : never
}[keyof MailValues]

interface LinkMailFacts<Name extends LinkTemplate> {
  readonly purpose: LinkPurpose
  readonly template: Name
  readonly accountId: number
  readonly to: string
  /** The address that the link confirms or brings back. */
  readonly address?: { readonly email: string; readonly canonical: string }
  /** All that the text needs but the token. */
  readonly values: Omit<MailValues[Name], 'token'>
}

/** Ready to be written and sent. */
export interface LinkMail {
  /** For the batch of the cause: the link and the message, both under its condition. The account must be there. */
  readonly insert: (when: SQL) => [ReturnType<typeof insertMailLink>, ReturnType<typeof insertOutboxMessage>]
  /** After that batch. Sends nothing if the condition did not hold. */
  readonly sendSoon: () => void
}

/** Makes a token, which is in the sealed mail alone, and what stores its hash. Writes nothing. */
export async function prepareLinkMail<Name extends LinkTemplate>(
  scope: RequestScope,
  { purpose, template, accountId, to, address, values }: LinkMailFacts<Name>,
): Promise<LinkMail> {
  const { db, facts } = scope
  const token = base64url(randomBytes(TOKEN_BYTES))
  const link = {
    tokenHash: await hashToken(token),
    accountId,
    purpose,
    email: address?.email ?? null,
    emailCanonical: address?.canonical ?? null,
    createdAt: facts.now,
    expiresAt: facts.now + LIFETIMES[purpose],
  }
  const mail = await sealMail(scope, {
    to,
    accountId,
    template,
    values: { ...values, token } as unknown as MailValues[Name],
  })
  return {
    insert: (when) => [insertMailLink(db, link, when), insertOutboxMessage(db, mail, when)],
    sendSoon: () => sendSoon(scope, mail.id),
  }
}
