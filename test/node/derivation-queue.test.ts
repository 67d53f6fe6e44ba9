/** The queue before key derivations, on a real Worker whose clients vanish. */
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post, type RunningWorker, startWorker } from './running-worker.ts'

const PERSON = {
  first_name: 'Vera',
  last_name: 'Lindqvist',
  email: 'vera@shop.test',
  password: 'torque-wrench-42-nm',
}
/** Who signs in eighty times at once: an account has a hundred places, and the clients that vanish keep theirs for a while. */
const CROWD = { ...PERSON, email: 'crowd@shop.test' }

let worker: RunningWorker
let derivationMs = 0

beforeAll(async () => {
  worker = await startWorker()
  for (const person of [PERSON, CROWD]) {
    expect((await post(worker.url, '/customers/', person).reply).status).toBe(201)
  }
  const begun = performance.now()
  expect((await signIn().reply).status).toBe(200)
  derivationMs = performance.now() - begun
})

afterAll(() => worker.stop())

const signIn = ({ email, password } = PERSON) => post(worker.url, '/auth/login', { email, password })

/** Signs in and tells how long it took; a hung queue fails by its time. */
async function expectSignInWithin(seconds: number) {
  const begun = performance.now()
  const reply = await signIn().reply
  expect(reply.status).toBe(200)
  expect(performance.now() - begun).toBeLessThan(seconds * 1000)
}

describe('a client that vanishes', () => {
  it('while its password is being checked holds nobody up', async () => {
    const holder = signIn()
    await wait(derivationMs / 3)
    holder.reset()
    await expect(holder.reply).rejects.toThrow()
    await expectSignInWithin(2)
  })

  it('while it waits for its turn holds nobody up', async () => {
    const holder = signIn()
    const waiter = signIn()
    await wait(derivationMs / 3)
    waiter.reset()
    await expectSignInWithin(2)
    expect((await holder.reply).status).toBe(200)
  })

  it('twenty times over, holding and waiting, holds nobody up', async () => {
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 4 }, () => signIn())
      await wait(derivationMs / 2)
      for (const call of calls) call.reset()
    }
    await expectSignInWithin(2)
  })
})

describe('eighty sign-ins at once', () => {
  it('are derived one after the other, 51 at most, and the rest get 503 with Retry-After', async () => {
    const replies = await Promise.all(Array.from({ length: 80 }, () => signIn(CROWD).reply))
    const signedIn = replies.filter(({ status }) => status === 200)
    const refused = replies.filter(({ status }) => status === 503)
    expect(signedIn.length + refused.length).toBe(80)
    expect(signedIn.length).toBeLessThanOrEqual(51)
    expect(signedIn.length).toBeGreaterThan(1)
    for (const { headers, body } of refused) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(body).toMatchObject({ code: 'sign_in_busy', status: 503 })
    }
    await expectSignInWithin(2)
  })
})
