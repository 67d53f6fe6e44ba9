/** Somebody with an authenticator app, halfway through a sign-in. */

import { codeOf } from '../../test/support/one-time-code.ts'
import { send, sendOk } from '../harness/load.ts'
import type { ServedWorker } from '../harness/served-worker.ts'
import { askToSignIn, bearer, register, signIn } from './shop.ts'

/** Registers somebody, who enrols an app and begins a sign-in; gives what the second half of it needs. */
export async function beginGuardedSignIn(worker: ServedWorker, email: string) {
  await register(worker, email)
  const person = await signIn(worker, email)
  const post = (path: string, body?: unknown) =>
    sendOk({ origin: worker.origin, path, method: 'POST', headers: bearer(person), body })
  const { secret } = JSON.parse((await post('/auth/mfa/totp')).text)
  await post('/auth/mfa/totp/confirm', { code: codeOf(secret) })
  const challenged = await send(askToSignIn(worker, email))
  const { mfa_token } = JSON.parse(challenged.text)
  // A code works once: this one is of the half minute after that of the confirmation.
  return { mfa_token, method: 'totp', code: codeOf(secret, 1) }
}
