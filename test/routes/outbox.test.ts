/** Messages on their way: nothing is lost, nothing is sent twice, and nothing of what they say stays behind. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openBox, sealBox } from '../../src/crypto/secret-box.ts'
import { insertOutboxMessage } from '../../src/outbox/queries.ts'
import { sealMail, sealSms } from '../../src/outbox/seal.ts'
import { sendMessage } from '../../src/outbox/send.ts'
import { writeMail } from '../../src/outbox/texts.ts'
import { openDatabase } from '../../src/platform/database.ts'
import { loadKeys } from '../../src/platform/keys.ts'
import { parseSettings } from '../../src/platform/settings.ts'
import {
  type Answer,
  admin,
  anonymous,
  customer,
  issueLinkToken,
  mechanic,
  PASSWORD,
  type Person,
  uniqueEmail,
} from '../support/client.ts'
import { runCron } from '../support/cron.ts'
import { mailProvider, mails, mailsTo, mailTo, tokenIn, unsentMessageOf } from '../support/mail-provider.ts'
import { beforeRoundTrip, d1, logLines, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

let boss: Person

beforeAll(async () => {
  boss = await admin()
})

const realTimeout = globalThis.setTimeout

afterEach(() => {
  mailProvider.mood = 'up'
  mailProvider.afterSend = undefined
  globalThis.setTimeout = realTimeout
})

/** Patience of seconds lasts a tenth of one. */
function hurry(): void {
  globalThis.setTimeout = ((act: () => void, ms = 0) =>
    realTimeout(act, ms >= 3_000 ? 100 : ms)) as typeof setTimeout
}

const forget = (email: string) => anonymous().post('/auth/password/forgot', { email })

interface Row {
  readonly id: string
  readonly status: string
  readonly attempts: number
  readonly sealed: string | null
  readonly key_id: string | null
  readonly next_attempt_at: number
  readonly leased_until: number
}

async function rowsOf(person: Person, template = 'reset'): Promise<Row[]> {
  const { results } = await testEnv.DB.prepare(
    'SELECT * FROM outbox_messages WHERE account_id = ? AND template = ? ORDER BY number',
  )
    .bind(person.id, template)
    .all<Row>()
  return results
}

const rowOf = (id: string) =>
  testEnv.DB.prepare('SELECT * FROM outbox_messages WHERE id = ?').bind(id).first()

async function settled(person: Person, count = 1): Promise<Row> {
  for (let look = 0; look < 200; look++) {
    const row = (await rowsOf(person)).at(-1)
    if (row && row.attempts >= count && row.leased_until === 0) return row
    await scheduler.wait(10)
  }
  throw new Error('no attempt has ended')
}

const eventsOf = async (messageId: string) =>
  (
    await testEnv.DB.prepare(
      'SELECT event, details FROM audit_events WHERE instr(details, ?) > 0 ORDER BY id',
    )
      .bind(messageId)
      .all<{ event: string; details: string }>()
  ).results

async function courier() {
  const outcome = parseSettings(testEnv)
  if ('faults' in outcome) throw new Error('settings')
  const { settings } = outcome
  return { db: openDatabase(testEnv.DB), keys: await loadKeys(settings), settings, email: testEnv.EMAIL }
}

const now = () => Math.floor(Date.now() / 1000)

async function write(template: 'reset' | 'verify' = 'reset', to = uniqueEmail()) {
  const sender = await courier()
  const scope = { keys: sender.keys, facts: { now: now(), requestId: 'test' } as never }
  const mail = await sealMail(scope, { to, accountId: null, template, values: { token: `t-${to}` } })
  await insertOutboxMessage(sender.db, mail)
  return { sender, id: mail.id, to }
}

describe('a message', () => {
  it('leaves after the answer, and nothing of what it said stays in the database', async () => {
    const person = await customer()
    expect((await forget(person.email)).status).toBe(202)
    const mail = await mailTo(person.email)
    const token = tokenIn(mail)
    expect(mail.from).toEqual({ name: 'Mechanic Shop', email: 'shop@mechanic-shop.test' })
    expect(mail.html).toContain(`href="https://app.mechanic-shop.test/links/reset#token=${token}"`)
    const row = await settled(person)
    expect(row).toMatchObject({ status: 'sent', attempts: 1, sealed: null, key_id: null })
    const { results } = await testEnv.DB.prepare('SELECT * FROM outbox_messages').all()
    for (const secret of [token, person.email, '/links/'])
      expect(JSON.stringify(results) + logLines.join('\n')).not.toContain(secret)
  })

  it('waits encrypted: neither its link nor its address can be read in the database', async () => {
    const person = await customer()
    mailProvider.mood = 'down'
    await forget(person.email)
    const { sealed, key_id } = await settled(person)
    expect(sealed).toMatch(new RegExp(`^${key_id}\\.[\\w-]{60,}$`))
    const dump = JSON.stringify((await testEnv.DB.prepare('SELECT * FROM outbox_messages').all()).results)
    expect(dump).not.toContain(person.email)
    expect(dump).not.toContain('links')
    expect(logLines.join('\n')).not.toContain(person.email)
  })

  it('is not sent when what causes it does not happen', async () => {
    const { keys, db } = await courier()
    const scope = { keys, facts: { now: now() } as never }
    const mail = await sealMail(scope, {
      to: 'x@y.test',
      accountId: null,
      template: 'reset',
      values: { token: 't' },
    })
    const { sql } = await import('drizzle-orm')
    await insertOutboxMessage(db, mail, sql`1 = 2`)
    const asked = mailProvider.asked
    expect(await sendMessage(await courier(), mail.id)).toBeUndefined()
    expect(mailProvider.asked).toBe(asked)
  })

  it('is delivered once, however many send it at the same time', async () => {
    const { sender, id, to } = await write()
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => sendMessage(sender, id)))
    expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(19)
    expect(mailsTo(to)).toHaveLength(1)
  })

  it('that tells of something outlives its account', async () => {
    const person = await customer()
    const { keys, db } = await courier()
    const scope = { keys, facts: { now: now() } as never }
    const mail = await sealMail(scope, {
      to: person.email,
      accountId: person.id,
      template: 'password_changed',
      values: { token: 'x', at: '2026-01-15T10:00:00.000Z', country: '' },
    })
    await insertOutboxMessage(db, mail)
    expect((await person.delete(`/customers/${person.id}`)).status).toBe(200)
    expect(await rowOf(mail.id)).toMatchObject({ account_id: null, status: 'queued' })
    await runCron()
    expect(mailsTo(person.email, /^Your password/)).toHaveLength(1)
  })
})

describe('a mail whose link has died while it waited', () => {
  const waiting = async (person: { readonly id: number }) => {
    const id = await unsentMessageOf(person.id)
    mailProvider.mood = 'up'
    return id
  }
  const isWithdrawn = async (id: string, email: string, sent: number, subject?: RegExp) => {
    expect(await rowOf(id)).toMatchObject({ status: 'failed', sealed: null, key_id: null })
    expect((await boss.post(`/admin/outbox/${id}/resend`)).body.code).toBe('message_not_resendable')
    passTime(61)
    await runCron()
    expect(mailsTo(email, subject)).toHaveLength(sent)
    // Nobody need look into it.
    expect((await eventsOf(id)).map(({ event }) => event)).toEqual([])
  }

  it('is not sent after the newer one that a further request made', async () => {
    const person = await customer()
    mailProvider.mood = 'down'
    await forget(person.email)
    const id = await waiting(person)
    await forget(person.email)
    await mailTo(person.email)
    await isWithdrawn(id, person.email, 1)
  })

  it('is not sent after another invitation, nor when the invitation has been accepted by another way', async () => {
    const email = uniqueEmail('invited')
    const invite = () => boss.post('/admin/accounts', { email, role: 'mechanic' })
    mailProvider.mood = 'down'
    const { body: invited } = await invite()
    const first = await waiting(invited)
    mailProvider.mood = 'down'
    await invite()
    const second = await unsentMessageOf(invited.id)
    mailProvider.mood = 'up'
    expect(second).not.toBe(first)
    expect((await rowOf(first))?.['status']).toBe('failed')
    const token = await issueLinkToken(email)
    const accepted = await anonymous().post('/auth/password/reset', { token, password: PASSWORD })
    expect(accepted.status).toBe(200)
    // Nor is there a notice: a first password is no change.
    await isWithdrawn(second, email, 0)
  })

  it('is not sent to who has been deleted, by an admin or in person', async () => {
    const john = await customer()
    const email = uniqueEmail('mistaken')
    mailProvider.mood = 'down'
    await forget(john.email)
    const invited = (await boss.post('/admin/accounts', { email, role: 'admin' })).body
    const [reset, invitation] = [await unsentMessageOf(john.id), await unsentMessageOf(invited.id)]
    mailProvider.mood = 'up'
    expect((await john.delete(`/customers/${john.id}`)).status).toBe(200)
    expect((await boss.delete(`/admin/accounts/${invited.id}`)).status).toBe(200)
    await isWithdrawn(reset, john.email, 0, /^Choose/)
    await isWithdrawn(invitation, email, 0, /^You are invited/)
  })
})

describe('a provider that', () => {
  it.each(['down', 'nonsense', 'hanging'] as const)(
    'is %s costs no request and no message: the cron delivers once it is back, once',
    async (mood) => {
      const person = await customer()
      hurry()
      mailProvider.mood = mood
      expect((await forget(person.email)).status).toBe(202)
      const failed = await settled(person)
      expect([failed.status, failed.attempts]).toEqual(['queued', 1])
      expect(failed.next_attempt_at - now()).toBeGreaterThan(50)
      await runCron()
      expect((await rowsOf(person))[0]?.attempts).toBe(1)
      passTime(61)
      await runCron()
      expect((await settled(person, 2)).status).toBe('queued')
      mailProvider.mood = 'up'
      passTime(301)
      await Promise.all([runCron(), runCron()])
      await runCron()
      expect(await settled(person, 3)).toMatchObject({ status: 'sent', attempts: 3, sealed: null })
      expect(mailsTo(person.email)).toHaveLength(1)
    },
  )

  it('is down is not asked for every message that is due', async () => {
    for (let written = 0; written < 12; written++) await write('verify')
    mailProvider.mood = 'down'
    const asked = mailProvider.asked
    await runCron()
    expect(mailProvider.asked - asked).toBe(5)
    mailProvider.mood = 'up'
    passTime(61)
    await runCron()
    const { results } = await testEnv.DB.prepare(
      "SELECT id FROM outbox_messages WHERE template = 'verify' AND status = 'queued'",
    ).all()
    expect(results).toEqual([])
  })

  it('refuses a message is not told to the log in words that name the recipient', async () => {
    const person = await customer()
    mailProvider.mood = 'down'
    await forget(person.email)
    const { id } = await settled(person)
    const line = logLines.find((one) => one.includes('message not sent') && one.includes(id)) ?? ''
    expect(JSON.parse(line)).toMatchObject({
      template: 'reset',
      attempts: 1,
      reason: 'E_INTERNAL_SERVER_ERROR',
    })
  })
})

describe('a crash between sending and marking', () => {
  it('repeats the message once, under the same reference', async () => {
    const { sender, id, to } = await write()
    d1.seesSending = true
    // The mark is the round trip after the lease.
    beforeRoundTrip(2, () => {
      throw new Error('D1_ERROR: Network connection lost')
    })
    await expect(sendMessage(sender, id)).rejects.toThrow('unavailable')
    d1.seesSending = false
    await runCron()
    expect(mailsTo(to)).toHaveLength(1)
    passTime(61)
    await runCron()
    await runCron()
    const [first, second, ...more] = mailsTo(to)
    expect(more).toEqual([])
    expect(first?.headers['X-Entity-Ref-ID']).toBe(id)
    expect(second?.headers).toEqual(first?.headers)
  })
})

describe('a message that this version cannot write', () => {
  it('keeps neither the others nor the cron from going on', async () => {
    const [lost, found] = [await write(), await write()]
    await testEnv.DB.prepare("UPDATE outbox_messages SET template = 'of_a_later_version' WHERE id = ?")
      .bind(lost.id)
      .run()
    logLines.length = 0
    await runCron()
    expect(mailsTo(found.to)).toHaveLength(1)
    expect(mailsTo(lost.to)).toEqual([])
    expect(logLines.join('\n')).toContain('"reason":"unwritable"')
    expect(logLines.at(-1)).toContain('"housekeeping"')
  })
})

describe('giving up', () => {
  it('comes after eight attempts, once, with an event and an alert; until it expires an admin can resend it', async () => {
    const person = await customer()
    mailProvider.mood = 'down'
    const sender = await courier()
    const scope = { keys: sender.keys, facts: { now: now() } as never }
    const mail = await sealMail(scope, {
      to: person.email,
      accountId: person.id,
      template: 'account_deleted',
      values: {},
    })
    await insertOutboxMessage(sender.db, mail)
    for (let attempt = 1; attempt <= 8; attempt++) {
      expect(await sendMessage(sender, mail.id)).toBe(false)
      expect(await sendMessage(sender, mail.id)).toBeUndefined()
      passTime(12 * 3_600 + 1)
    }
    const [row] = await rowsOf(person, 'account_deleted')
    expect(row).toMatchObject({ status: 'failed', attempts: 8 })
    expect((await eventsOf(mail.id)).map(({ event }) => event)).toEqual(['message.given_up'])
    expect(
      logLines.filter((line) => line.includes('message_given_up') && line.includes(mail.id)),
    ).toHaveLength(1)
    mailProvider.mood = 'up'
    boss = await admin()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => boss.post(`/admin/outbox/${mail.id}/resend`)),
    )
    expect(answers.some(({ status }) => status === 200)).toBe(true)
    await mailTo(person.email)
    expect(mailsTo(person.email)).toHaveLength(1)
    expect((await boss.post(`/admin/outbox/${mail.id}/resend`)).body.code).toBe('message_not_resendable')
  })

  it('comes when the link has expired, which is wiped and cannot be sent again', async () => {
    const person = await customer()
    mailProvider.mood = 'down'
    await forget(person.email)
    const { id } = await settled(person)
    mailProvider.mood = 'up'
    passTime(3_601)
    await Promise.all([runCron(), runCron()])
    expect((await rowsOf(person))[0]).toMatchObject({ status: 'failed', sealed: null, key_id: null })
    expect(mailsTo(person.email)).toEqual([])
    expect((await eventsOf(id)).map(({ event }) => event)).toEqual(['message.given_up'])
    boss = await admin()
    expect((await boss.post(`/admin/outbox/${id}/resend`)).body.code).toBe('message_not_resendable')
  })

  it('follows a crash in the last attempt as well', async () => {
    const { sender, id } = await write()
    await testEnv.DB.prepare('UPDATE outbox_messages SET attempts = 8 WHERE id = ?').bind(id).run()
    await runCron()
    const row = await testEnv.DB.prepare('SELECT status FROM outbox_messages WHERE id = ?').bind(id).first()
    expect([row, await sendMessage(sender, id)]).toEqual([{ status: 'failed' }, undefined])
  })

  it('removes what is done with after 30 days, and nothing that waits', async () => {
    const { id } = await write()
    await runCron()
    passTime(30 * 86_400 + 1)
    await runCron()
    const row = await testEnv.DB.prepare('SELECT id FROM outbox_messages WHERE id = ?').bind(id).first()
    expect(row).toBeNull()
  })
})

describe('a Worker without mail', () => {
  it.each(['EMAIL', 'MAIL_FROM', 'APP_URL'])('(%s is missing) keeps its mails, and says so', async (name) => {
    const { id, to } = await write()
    logLines.length = 0
    await runCron({ [name]: undefined })
    expect(logLines.filter((line) => line.includes('"messages_unsendable"'))).toHaveLength(1)
    const row = await testEnv.DB.prepare('SELECT status, attempts FROM outbox_messages WHERE id = ?')
      .bind(id)
      .first()
    expect(row).toEqual({ status: 'queued', attempts: 0 })
    await runCron()
    expect(mailsTo(to)).toHaveLength(1)
  })

  it('answers a forgotten password like any other', async () => {
    const person = await customer()
    const send = await withSettings({ MAIL_FROM: '' })
    expect((await send('POST', '/auth/password/forgot', { email: person.email })).status).toBe(202)
    expect(await rowsOf(person)).toMatchObject([{ status: 'queued', attempts: 0 }])
  })
})

describe('an SMS', () => {
  const TWILIO = {
    SMS_PROVIDER: 'twilio',
    TWILIO_ACCOUNT_SID: `AC${'a'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'b'.repeat(32),
    TWILIO_FROM: '+15005550006',
  }
  const realFetch = globalThis.fetch
  afterEach(() => {
    globalThis.fetch = realFetch
  })

  async function sendBy(reply: () => Promise<Response>) {
    const outcome = parseSettings({ ...testEnv, ...TWILIO })
    if ('faults' in outcome) throw new Error(outcome.faults.join())
    const sender = { ...(await courier()), settings: outcome.settings }
    const scope = { keys: sender.keys, facts: { now: now() } as never }
    const sms = await sealSms(scope, {
      to: '+4915112345678',
      accountId: null,
      template: 'code',
      values: { code: '012345' },
    })
    await insertOutboxMessage(sender.db, sms)
    const asked: Request[] = []
    globalThis.fetch = (async (input: string, init: RequestInit) => {
      asked.push(new Request(input, init))
      return reply()
    }) as typeof fetch
    return { isSent: await sendMessage(sender, sms.id), asked, id: sms.id }
  }

  it('goes to Twilio, with number and code in the body only', async () => {
    const { isSent, asked, id } = await sendBy(async () =>
      Response.json({ sid: `SM${'c'.repeat(32)}` }, { status: 201 }),
    )
    expect(isSent).toBe(true)
    expect(asked[0]?.url).toBe(
      `https://api.twilio.com/2010-04-01/Accounts/${TWILIO.TWILIO_ACCOUNT_SID}/Messages.json`,
    )
    expect(asked[0]?.redirect).toBe('manual')
    const form = new URLSearchParams(await asked[0]?.text())
    expect(Object.fromEntries(form)).toEqual({
      To: '+4915112345678',
      From: '+15005550006',
      Body: '012345 is your code for Mechanic Shop. It is good for 10 minutes. Never pass it on.',
    })
    const row = JSON.stringify(
      await testEnv.DB.prepare('SELECT * FROM outbox_messages WHERE id = ?').bind(id).first(),
    )
    expect(row).not.toMatch(/4915112345678|012345/)
  })

  it.each<[string, () => Promise<Response>]>([
    ['an error', async () => Response.json({ code: 20003 }, { status: 401 })],
    [
      'a redirect',
      async () => new Response(null, { status: 307, headers: { Location: 'https://evil.test' } }),
    ],
    ['a page', async () => new Response('<html>', { status: 201 })],
    ['nothing', () => Promise.reject(new TypeError('network'))],
  ])('waits when Twilio answers %s', async (_, reply) => {
    const { isSent, id } = await sendBy(reply)
    expect(isSent).toBe(false)
    const row = await testEnv.DB.prepare('SELECT status FROM outbox_messages WHERE id = ?')
      .bind(id)
      .first('status')
    expect(row).toBe('queued')
    expect(logLines.join('\n')).not.toMatch(/4915112345678|012345/)
  })

  it('is never written into the log of a Worker that others can reach', () => {
    const faultsOf = (vars: object) => {
      const outcome = parseSettings({ ...testEnv, ...vars })
      return 'faults' in outcome ? outcome.faults : []
    }
    const here = 'SMS_PROVIDER: log needs an APP_URL of this machine'
    expect(faultsOf({ SMS_PROVIDER: 'log' })).toEqual([here])
    expect(faultsOf({ SMS_PROVIDER: 'log', APP_URL: undefined })).toEqual([here])
    expect(faultsOf({ SMS_PROVIDER: 'log', APP_URL: 'http://127.0.0.1:8787' })).toEqual([])
    expect(faultsOf({ SMS_PROVIDER: 'twilio' })).toHaveLength(3)
    for (const APP_URL of ['http://shop.test', 'https://shop.test/', 'https://a@shop.test', 'shop.test'])
      expect(faultsOf({ APP_URL })).toEqual(['APP_URL: not valid'])
  })
})

describe('/admin/outbox', () => {
  it('lists messages newest first, page by page, without what they say and to whom', async () => {
    boss = await admin()
    const person = await customer()
    // The oldest is the one that registration sent.
    for (let sent = 1; sent <= 2; sent++) {
      await forget(person.email)
      await mailTo(person.email, sent)
    }
    const first = await boss.get(`/admin/outbox?account=${person.id}&limit=2`)
    expect(first.body.items).toHaveLength(2)
    const second = await boss.get(
      `/admin/outbox?account=${person.id}&limit=2&cursor=${first.body.next_cursor}`,
    )
    expect([second.body.items.length, second.body.next_cursor]).toEqual([1, null])
    expect(second.body.items[0]).toMatchObject({
      channel: 'mail',
      template: 'verify',
      account_id: person.id,
      status: 'sent',
      attempts: 1,
      next_attempt_at: null,
    })
    for (const answer of [first, second]) expect(answer.text).not.toMatch(/@|token|links/)
    expect((await boss.get('/admin/outbox?status=sent&limit=1')).body.items[0].status).toBe('sent')
    for (const query of ['cursor=x', 'status=lost', 'limit=0', 'account=me'])
      expect((await boss.get(`/admin/outbox?${query}`)).status).toBe(400)
  })

  it('resends by an event of its own, and is for admins', async () => {
    const person = await customer()
    mailProvider.mood = 'down'
    await forget(person.email)
    const { id } = await settled(person)
    mailProvider.mood = 'up'
    const refused: Answer[] = []
    for (const other of [person, await mechanic()])
      refused.push(await other.post(`/admin/outbox/${id}/resend`))
    expect(refused.map(({ status }) => status)).toEqual([403, 403])
    const answer = await boss.post(`/admin/outbox/${id}/resend`)
    expect([answer.status, answer.body]).toMatchObject([200, { id, status: 'queued', attempts: 0 }])
    expect(tokenIn(await mailTo(person.email))).toMatch(/^[\w-]{43}$/)
    expect((await eventsOf(id)).map(({ event }) => event)).toEqual(['message.resent'])
  })
})

describe('a box', () => {
  it('S60: opens with its own key and context only, and no two are alike', async () => {
    const { keys } = await courier()
    const other = parseSettings({
      ...testEnv,
      DATA_KEY: testEnv['SECRET_KEY'],
      SECRET_KEY: testEnv['DATA_KEY'],
    })
    if ('faults' in other) throw new Error('settings')
    const box = await sealBox(keys.outbox, ['outbox', 'a'], 'Grüße')
    expect(await openBox(keys.outbox, ['outbox', 'a'], box)).toBe('Grüße')
    expect(await sealBox(keys.outbox, ['outbox', 'a'], 'Grüße')).not.toBe(box)
    for (const context of [['outbox', 'b'], ['outbox'], ['outboxa'], ['outbox', 'a', '']])
      expect(await openBox(keys.outbox, context, box)).toBeUndefined()
    expect(await openBox((await loadKeys(other.settings)).outbox, ['outbox', 'a'], box)).toBeUndefined()
    const flipped = box.slice(0, 20) + (box[20] === 'A' ? 'B' : 'A') + box.slice(21)
    for (const wrong of [flipped, box.slice(0, -2), box.slice(0, 9), '', 'x'])
      expect(await openBox(keys.outbox, ['outbox', 'a'], wrong)).toBeUndefined()
  })
})

describe('a mail', () => {
  it('goes to the domain as DNS has it', async () => {
    const { sender, id } = await write('reset', 'Jürgen@Bücher.example'.replace('ü', 'ue'))
    expect(await sendMessage(sender, id)).toBe(true)
    expect(mails.at(-1)?.to).toBe('Juergen@xn--bcher-kva.example')
  })

  it('keeps what a setting says from becoming markup or another header', () => {
    const setting = { shopName: 'Wrench & <b>Co</b>\r\nBcc: all@x.test', appUrl: 'https://app.test' }
    const { subject, html } = writeMail('reset', { token: 'a"b&c' }, setting)
    expect(subject).not.toMatch(/[\r\n]/)
    expect(html).toContain('Wrench &amp; &lt;b&gt;Co&lt;/b&gt;')
    expect(html).toContain('href="https://app.test/links/reset#token=a%22b%26c"')
  })

  it('is sent to nobody twice within this file unless a test says so', () => {
    const references = mails.map(({ headers }) => headers['X-Entity-Ref-ID'])
    expect(references.length - new Set(references).size).toBe(1)
  })
})
