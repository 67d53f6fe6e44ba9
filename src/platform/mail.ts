/** Sending one mail by the Worker's `send_email` binding: Cloudflare Email Service, or files under `wrangler dev`. */
import type { SendOutcome } from './send-outcome.ts'
import { within } from './time-limit.ts'

export interface Mail {
  readonly from: { readonly name: string; readonly email: string }
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  /** The same for each attempt at one message. */
  readonly reference: string
}

/** A provider that takes longer may still send: the message is then sent again. */
const SEND_WITHIN_MS = 10_000

/** Codes of Cloudflare Email Service; anything else in a message could quote the address. */
const CODE = /^E_[A-Z_]{1,40}$/

/** Sends a mail. Never throws; why it failed holds no address. */
export async function sendByBinding(binding: SendEmail, mail: Mail): Promise<SendOutcome> {
  try {
    const { reference, from, to, ...parts } = mail
    // The service sets Message-ID itself and refuses one of ours, so that is what a repeated mail can be known by.
    const headers = { 'X-Entity-Ref-ID': reference }
    // In an async function, so that a binding that throws at once is caught as well.
    const send = async () => binding.send({ ...parts, to: asciiAddress(to), from: { ...from }, headers })
    const answer: unknown = await within(SEND_WITHIN_MS, send())
    return isReceipt(answer) ? { isSent: true } : { isSent: false, reason: 'answer_unknown' }
  } catch (error) {
    const { code } = error as { code?: unknown }
    return { isSent: false, reason: typeof code === 'string' && CODE.test(code) ? code : 'failed' }
  }
}

/** The address with its domain as DNS has it: not every mail server takes other letters (RFC 6531). */
function asciiAddress(address: string): string {
  const at = address.lastIndexOf('@')
  const host = URL.parse(`http://${address.slice(at + 1)}`)?.hostname
  return host ? `${address.slice(0, at)}@${host}` : address
}

function isReceipt(answer: unknown): boolean {
  const { messageId } = (answer ?? {}) as { messageId?: unknown }
  return typeof messageId === 'string' && messageId !== ''
}
