/** Sending one SMS: by Twilio's REST API, or into the log of a Worker on this machine. */
import { logInfo } from './log.ts'
import type { PostSettings } from './post-settings.ts'
import type { SendOutcome } from './send-outcome.ts'

/** A provider that takes longer may still send: the message is then sent again. */
const SEND_WITHIN_MS = 10_000

/** Sends an SMS to a number in E.164. Never throws; why it failed holds no number. */
export async function sendSms(settings: PostSettings, to: string, text: string): Promise<SendOutcome> {
  if (settings.smsProvider === 'none') return { isSent: false, reason: 'not_configured' }
  if (settings.smsProvider === 'log') {
    logInfo('sms', { to, text })
    return { isSent: true }
  }
  try {
    const answer = await askTwilio(settings, to, text)
    if (answer.status !== 201) return { isSent: false, reason: `status_${answer.status}` }
    return isReceipt(await answer.text()) ? { isSent: true } : { isSent: false, reason: 'answer_unknown' }
  } catch {
    return { isSent: false, reason: 'failed' }
  }
}

function askTwilio(
  { twilioAccountSid = '', twilioAuthToken = '', twilioFrom = '' }: PostSettings,
  to: string,
  text: string,
): Promise<Response> {
  const sender = twilioFrom.startsWith('+') ? { From: twilioFrom } : { MessagingServiceSid: twilioFrom }
  return fetch(`https://api.twilio.com/2010-04-01/Accounts/${twilioAccountSid}/Messages.json`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${twilioAccountSid}:${twilioAuthToken}`)}` },
    body: new URLSearchParams({ To: to, Body: text, ...sender }),
    // A redirect would take number, code and password along to wherever it leads.
    redirect: 'manual',
    signal: AbortSignal.timeout(SEND_WITHIN_MS),
  })
}

function isReceipt(body: string): boolean {
  try {
    const { sid } = JSON.parse(body) as { sid?: unknown }
    return typeof sid === 'string' && /^(?:SM|MM)[0-9a-f]{32}$/.test(sid)
  } catch {
    return false
  }
}
