/** Every change leaves exactly its events, signed, without secrets, and nothing can edit them. */
import { exports } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { canonicalContent, type SignedAuditEvent } from '../../src/audit/queries.ts'
import { decodeBase64url, utf8 } from '../../src/crypto/encoding.ts'
import { loadKeys } from '../../src/platform/keys.ts'
import { readSettings } from '../../src/platform/settings.ts'
import { challengeOf, enrol, signInWithCode, verify, wrongCode } from '../support/authenticator.ts'
import {
  admin,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  mechanic,
  PASSWORD,
  program,
  registration,
  signedIn,
} from '../support/client.ts'
import { runCron, seeKeys } from '../support/cron.ts'
import { mailProvider, unsentMessageOf } from '../support/mail-provider.ts'
import { logLines, passTime } from '../support/production-limits.ts'
import { askForCode, codeTo, enrolNumber } from '../support/sms-provider.ts'
import { testEnv } from '../support/test-env.ts'

interface Row {
  readonly id: number
  readonly event: string
  readonly outcome: string
  readonly reason: string | null
  readonly actor_id: number | null
  readonly subject_id: number | null
  readonly session_id: string | null
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
  readonly occurred_at: number
  readonly details: string
}

const allRows = async () =>
  (await testEnv.DB.prepare('SELECT * FROM audit_events ORDER BY id').all<Row>()).results

let seen = 0
/** The events since the last call, as short lines. */
async function newEvents(): Promise<Row[]> {
  const rows = await allRows()
  const fresh = rows.filter(({ id }) => id > seen)
  seen = rows.at(-1)?.id ?? 0
  return fresh
}
const names = (rows: Row[]) => rows.map(({ event, reason }) => (reason ? `${event} (${reason})` : event))

beforeEach(newEvents)

describe('S109: each flow leaves exactly its events', () => {
  it('registration', async () => {
    const { body } = await anonymous().post('/customers/', registration())
    const rows = await newEvents()
    expect(names(rows)).toEqual(['account.registered'])
    expect(rows[0]).toMatchObject({ actor_id: body.id, subject_id: body.id, outcome: 'success' })
  })

  it('a refused registration leaves none', async () => {
    const person = await customer()
    await newEvents()
    await anonymous().post('/customers/', registration({ email: person.email }))
    await anonymous().post('/customers/', { ...registration(), password: 'x' })
    expect(await newEvents()).toEqual([])
  })

  it('a sign-in, with who, when, from where and in which session', async () => {
    const person = await customer()
    await newEvents()
    const from = caller(undefined, '203.0.113.7')
    const answer = await from.post(
      '/auth/login',
      { email: person.email, password: PASSWORD },
      { 'User-Agent': 'Workshop tablet' },
    )
    const [row, ...others] = await newEvents()
    expect(others.map(({ event }) => event)).toEqual(['device.added'])
    const { session } = (await caller(answer.body.token).get('/auth/me')).body
    expect(row).toMatchObject({
      event: 'sign_in.succeeded',
      actor_id: person.id,
      subject_id: person.id,
      session_id: session.id,
      address: '203.0.113.7',
      user_agent: 'Workshop tablet',
      request_id: answer.headers.get('x-request-id'),
      details: '{"methods":["password"]}',
    })
    expect(Math.abs((row?.occurred_at ?? 0) - Date.now() / 1000)).toBeLessThan(60)
  })

  it('failed sign-ins, with the reason that the answer does not tell', async () => {
    const [person, staff] = [await customer(), await mechanic()]
    await newEvents()
    const visitor = anonymous()
    await visitor.post('/auth/login', { email: person.email, password: 'not-this-one' })
    await visitor.post('/auth/login', { email: 'nobody@example.net', password: 'not-this-one' })
    await visitor.post('/customers/login', { email: staff.email, password: PASSWORD })
    await testEnv.DB.prepare("UPDATE accounts SET status = 'suspended' WHERE id = ?").bind(person.id).run()
    await visitor.post('/auth/login', { email: person.email, password: PASSWORD })
    const rows = await newEvents()
    expect(names(rows)).toEqual([
      'sign_in.failed (wrong_password)',
      'sign_in.failed (unknown_account)',
      'sign_in.failed (not_a_customer)',
      'sign_in.failed (suspended)',
    ])
    expect(rows.map(({ subject_id }) => subject_id)).toEqual([person.id, null, staff.id, person.id])
    expect(rows.every(({ actor_id }) => actor_id === null)).toBe(true)
  })

  it('logout, once, however many ask at the same time', async () => {
    const person = await customer()
    await newEvents()
    const answers = await Promise.all(Array.from({ length: 20 }, () => person.post('/auth/logout')))
    expect(answers.some(({ status }) => status === 200)).toBe(true)
    expect(names(await newEvents())).toEqual(['session.ended'])
  })

  it('profile, e-mail and password, one event each, by field names only', async () => {
    const person = await customer()
    await newEvents()
    await person.patch('/auth/me', {
      first_name: 'Other',
      email: `next-${person.email}`,
      password: 'camshaft-lobe-profile',
    })
    const rows = await newEvents()
    expect(names(rows)).toEqual(['profile.updated', 'email.changed', 'password.changed'])
    expect(rows[0]?.details).toBe('{"fields":["first_name"]}')
    await person.patch('/auth/me', { first_name: 'Other' })
    expect(await newEvents()).toEqual([])
  })

  it('a reset by link', async () => {
    const person = await customer()
    const token = await issueLinkToken(person.email)
    await newEvents()
    await anonymous().post('/auth/password/reset', { token, password: 'camshaft-lobe-profile' })
    expect(names(await newEvents())).toEqual(['password.reset'])
  })

  it('a forgotten password, if there is such an account, and a message that is sent again', async () => {
    const [person, boss] = [await customer(), await admin()]
    await newEvents()
    mailProvider.mood = 'down'
    await anonymous().post('/auth/password/forgot', { email: person.email })
    await anonymous().post('/auth/password/forgot', { email: 'nobody@example.net' })
    const [row, ...others] = await newEvents()
    expect([row, others]).toMatchObject([
      { event: 'password.reset_requested', actor_id: null, subject_id: person.id, details: '{}' },
      [],
    ])
    const id = await unsentMessageOf(person.id)
    mailProvider.mood = 'up'
    await boss.post(`/admin/outbox/${id}/resend`)
    expect(await newEvents()).toMatchObject([
      {
        event: 'message.resent',
        actor_id: boss.id,
        subject_id: person.id,
        details: JSON.stringify({ message_id: id, template: 'reset' }),
      },
    ])
  })

  it('deletion, by oneself or an admin', async () => {
    const [self, other, boss] = [await customer(), await customer(), await admin()]
    await newEvents()
    await self.delete(`/customers/${self.id}`)
    await boss.delete(`/customers/${other.id}`)
    const rows = await newEvents()
    expect(rows.map(({ event, actor_id, subject_id }) => [event, actor_id, subject_id])).toEqual([
      ['account.deleted', self.id, self.id],
      ['account.deleted', boss.id, other.id],
    ])
  })

  it('tickets', async () => {
    const [person, staff] = [await customer(), await mechanic()]
    await newEvents()
    const ticket = { customer_id: person.id, description: 'Clutch', service_date: '2026-02-01' }
    const { id } = (await staff.post('/service-tickets', ticket)).body
    await staff.put(`/service-tickets/${id}`, { status: 'in_progress' })
    await staff.put(`/service-tickets/${id}`, { status: 'open' })
    const rows = await newEvents()
    expect(names(rows)).toEqual(['ticket.created', 'ticket.updated'])
    expect(rows[1]).toMatchObject({
      subject_id: person.id,
      details: `{"ticket_id":${id},"fields":["status"]}`,
    })
  })

  it('an API token that is made and revoked', async () => {
    const person = await customer()
    await newEvents()
    const { tokenId } = await program(person, 'profile:read')
    await person.delete(`/auth/tokens/${tokenId}`)
    await person.delete(`/auth/tokens/${tokenId}`)
    const rows = await newEvents()
    expect(rows.map(({ event, actor_id, subject_id }) => [event, actor_id, subject_id])).toEqual([
      ['token.created', person.id, person.id],
      ['token.revoked', person.id, person.id],
    ])
  })

  it('a second factor, from its offer to its removal', async () => {
    const person = await customer()
    await newEvents()
    const john = await enrol(person)
    expect(names(await newEvents())).toEqual(['factor.offered', 'factor.added'])
    await verify(await challengeOf(john), wrongCode(john.secret))
    expect(names(await newEvents())).toEqual(['sign_in.challenged', 'factor.check_failed (wrong_code)'])
    await signInWithCode(john, true)
    expect(names(await newEvents())).toEqual([
      'sign_in.challenged',
      'sign_in.succeeded',
      'device.added',
      'device.trusted',
    ])
    const [{ id }] = (await john.get('/auth/mfa/trusted-devices')).body.items
    await john.delete(`/auth/mfa/trusted-devices/${id}`)
    await john.post('/auth/step-up', { method: 'recovery_code', code: john.recoveryCodes[0] })
    await john.post('/auth/mfa/recovery-codes')
    await john.delete('/auth/mfa/totp')
    const rows = await newEvents()
    expect(names(rows)).toEqual([
      'device.untrusted',
      'session.stepped_up',
      'recovery_code.used',
      'recovery_codes.replaced',
      'factor.removed',
    ])
    expect(rows.every(({ actor_id, subject_id }) => actor_id === john.id && subject_id === john.id)).toBe(
      true,
    )
  })

  it('a number as second factor, from its offer to its removal', async () => {
    const person = await customer()
    await newEvents()
    const john = await enrolNumber(person)
    expect(names(await newEvents())).toEqual(['factor.offered', 'factor.added'])
    await askForCode(await challengeOf(john))
    await john.post('/auth/step-up/challenge', { method: 'sms' })
    const [challenged, atSignIn, atStepUp] = await newEvents()
    const sent = { event: 'factor.code_sent', subject_id: john.id, details: expect.stringContaining('"sms"') }
    expect([challenged, atSignIn, atStepUp]).toMatchObject([
      { event: 'sign_in.challenged' },
      { ...sent, actor_id: null },
      { ...sent, actor_id: john.id },
    ])
    await john.post('/auth/step-up', { method: 'sms', code: await codeTo(john.number, 3) })
    await john.delete('/auth/mfa/sms')
    expect(names(await newEvents())).toEqual(['session.stepped_up', 'factor.removed'])
  })

  it('an export of what is held about oneself', async () => {
    const person = await customer()
    await newEvents()
    await person.get('/auth/export')
    expect(await newEvents()).toMatchObject([
      { event: 'account.exported', actor_id: person.id, subject_id: person.id, details: '{}' },
    ])
  })

  it('refused access, once per actor, route and five minutes, with a count', async () => {
    const [person, other] = [await customer(), await customer()]
    await newEvents()
    for (let i = 0; i < 5; i++) await person.get(`/customers/${other.id + i}`)
    await person.get('/customers/')
    const rows = await newEvents()
    expect(names(rows)).toEqual(['access.refused', 'access.refused'])
    expect(JSON.parse(rows[0]?.details ?? '')).toEqual({
      method: 'GET',
      route: '/customers/:id',
      permission: 'customers:read',
    })
    const repeats = await testEnv.DB.prepare(
      'SELECT count FROM audit_repeats WHERE group_key LIKE ? ORDER BY count DESC',
    )
      .bind(`access.refused ${person.id} %`)
      .all<{ count: number }>()
    expect(repeats.results.map(({ count }) => count)).toEqual([5, 1])
    passTime(300)
    await person.get('/customers/')
    expect(names(await newEvents())).toEqual(['access.refused'])
  })

  it("a look at another customer's ticket, though the answer is that there is none", async () => {
    const [person, other, staff] = [await customer(), await customer(), await mechanic()]
    const ticket = { customer_id: other.id, description: 'Clutch', service_date: '2026-02-01' }
    const { id } = (await staff.post('/service-tickets', ticket)).body
    await newEvents()
    expect((await person.get(`/service-tickets/${id}`)).body.code).toBe('ticket_not_found')
    expect((await person.get('/service-tickets/999999')).body.code).toBe('ticket_not_found')
    expect(names(await newEvents())).toEqual(['access.refused'])
  })

  it('what the operator did, once, when the cron runs, also twice at the same time', async () => {
    const person = await customer()
    await testEnv.DB.prepare(
      "INSERT INTO operator_actions (event, account_id, created_at) VALUES ('account.unlocked', ?, 1767225600)",
    )
      .bind(person.id)
      .run()
    await seeKeys()
    await newEvents()
    await Promise.all([runCron(), runCron()])
    const rows = await newEvents()
    expect(rows.map(({ event, subject_id, details }) => [event, subject_id, details])).toEqual([
      ['account.unlocked', person.id, '{"by":"operator","at":1767225600}'],
    ])
  })

  it('what an import brought, and no note that says anything else than an operator can', async () => {
    const note = (event: string, details: string | null, accountId: number | null = null) =>
      testEnv.DB.prepare(
        'INSERT INTO operator_actions (event, account_id, details, created_at) VALUES (?, ?, ?, 1767225600)',
      )
        .bind(event, accountId, details)
        .run()
    await note('data.imported', '{"customers":2,"tickets":3,"items":"4","by":"owner","at":1,"more":"x"}')
    for (const broken of ['{', 'null', null]) await note('data.imported', broken)
    await note('account.unlocked', '{"by":"owner"}', 7)
    await note('sign_in.succeeded', '{"methods":["password"]}', 7)
    await seeKeys()
    await newEvents()
    await runCron()
    const told = (customers: number, tickets: number) =>
      `{"by":"operator","at":1767225600,"customers":${customers},"mechanics":0,"items":0,"tickets":${tickets},"assignments":0,"parts":0}`
    const rows = await newEvents()
    expect(rows.map(({ event, subject_id, details }) => [event, subject_id, details])).toEqual([
      ['data.imported', null, told(2, 3)],
      ...Array.from({ length: 3 }, () => ['data.imported', null, told(0, 0)]),
      ['account.unlocked', 7, '{"by":"operator","at":1767225600}'],
    ])
    await testEnv.DB.exec('DELETE FROM operator_actions')
  })
})

describe('the cron', () => {
  it('removes expired sessions and link tokens and keeps the others', async () => {
    const [old, fresh] = [await customer(), await customer()]
    await issueLinkToken(old.email, -1)
    await testEnv.DB.prepare('UPDATE sessions SET expires_at = 1 WHERE account_id = ?').bind(old.id).run()
    await runCron()
    const left = (sql: string, id: number) => testEnv.DB.prepare(sql).bind(id).first<number>('n')
    expect(await left('SELECT count(*) AS n FROM sessions WHERE account_id = ?', old.id)).toBe(0)
    expect(await left('SELECT count(*) AS n FROM link_tokens WHERE account_id = ?', old.id)).toBe(0)
    expect(await left('SELECT count(*) AS n FROM sessions WHERE account_id = ?', fresh.id)).toBe(1)
    expect((await fresh.get('/auth/me')).status).toBe(200)
  })
})

describe('every row', () => {
  it('carries a MAC over all that it says', async () => {
    const outcome = readSettings(testEnv)
    if ('faults' in outcome) throw new Error('settings')
    const { auditMac } = await loadKeys(outcome.settings)
    const rows = (
      await testEnv.DB.prepare(
        `SELECT event_id AS eventId, occurred_at AS occurredAt, event, outcome, reason, actor_id AS actorId,
        subject_id AS subjectId, session_id AS sessionId, address, user_agent AS userAgent,
        request_id AS requestId, details, group_key AS groupKey, key_id AS keyId, mac FROM audit_events`,
      ).all<SignedAuditEvent>()
    ).results
    expect(rows.length).toBeGreaterThan(10)
    const isGenuine = (row: SignedAuditEvent) =>
      crypto.subtle.verify(
        'HMAC',
        auditMac.byId.get(row.keyId)?.hmac as CryptoKey,
        decodeBase64url(row.mac) ?? new Uint8Array(),
        utf8(canonicalContent(row)),
      )
    expect((await Promise.all(rows.map(isGenuine))).every(Boolean)).toBe(true)
    const [row] = rows
    if (!row) throw new Error('no row')
    for (const field of Object.keys(row).filter((name) => name !== 'mac' && name !== 'keyId')) {
      expect(await isGenuine({ ...row, [field]: 'edited' }), field).toBe(false)
    }
  })

  it.each([
    ['edited', "UPDATE audit_events SET outcome = 'success'"],
    ['removed', 'DELETE FROM audit_events'],
    ['replaced by its number', 'INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events LIMIT 1'],
    [
      'replaced by its event id',
      `INSERT OR REPLACE INTO audit_events (event_id, occurred_at, event, outcome, details, key_id, mac)
       SELECT event_id, 1, 'x', 'success', '{}', 'k', 'm' FROM audit_events LIMIT 1`,
    ],
  ])('S112: cannot be %s', async (_, sql) => {
    const before = await allRows()
    await expect(testEnv.DB.prepare(sql).run()).rejects.toThrow('append-only')
    expect(await allRows()).toEqual(before)
  })
})

describe('S111: what a client can write into logs', () => {
  it('stays in its field and its line, cut to length', async () => {
    const person = await customer()
    await newEvents()
    const linesBefore = logLines.length
    const userAgent = `evil\u2028{"event":"sign_in.succeeded"}\u001b[31m${'A'.repeat(10_000)}`
    await exports.default.fetch('https://api.mechanic-shop.test/auth/login', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': encodeURI(userAgent),
        'CF-Connecting-IP': '10.1.1.1',
      },
      body: JSON.stringify({ email: person.email, password: 'wrong\r\n{"event":"sign_in.succeeded"}' }),
    })
    const [row] = await newEvents()
    expect(row?.user_agent?.length).toBe(256)
    const written = logLines.slice(linesBefore)
    expect(written.length).toBeGreaterThan(0)
    for (const line of written) {
      for (const breaker of ['\r', '\n', '\u2028', '\u2029', '\u001b']) expect(line).not.toContain(breaker)
      expect(() => JSON.parse(line)).not.toThrow()
    }
  })

  it('S111: makes no row look edited, wherever a user agent is cut in two', async () => {
    const boss = await admin()
    const person = await customer()
    const cutInTwo = ['x'.repeat(255), 'x'.repeat(59)].map((start) => `${start}🔧/1 x`)
    for (const userAgent of cutInTwo) {
      const { body } = await anonymous().post(
        '/auth/login',
        { email: person.email, password: PASSWORD },
        { 'User-Agent': userAgent },
      )
      const [device] = (await caller(body.token).get('/auth/devices')).body.items
      expect(device.browser ?? '').toMatch(/^(?:x{59}\uFFFD)?$/)
    }
    expect((await boss.get('/admin/audit-events/verify')).body).toMatchObject({ ok: true })
  })
})

describe('S110: secrets', () => {
  it('of every kind of input are in no log line and no audit row', async () => {
    const canary = { password: 'canary-password-1', next: 'canary-password-2', token: 'canary-token-3' }
    const person = await customer({
      password: canary.password,
      first_name: 'Canaria',
      last_name: 'Canaverde',
    })
    const session = await signedIn(person.email, canary.password)
    await anonymous().post('/auth/login', { email: person.email, password: canary.next })
    await session.patch('/auth/me', { password: canary.next, current_password: canary.password })
    await session.patch('/auth/me', { password: 'x', current_password: canary.token })
    await anonymous().post('/auth/password/reset', { token: canary.token, password: canary.next })
    await caller(canary.token).get(`/auth/me?access_token=${canary.token}`)
    await anonymous().post('/customers/login', `{"email":"${person.email}","password":"${canary.next}`)
    await session.get(`/customers/?search=${canary.token}&email=${person.email}`)
    await session.post('/auth/logout')
    const written = logLines.join('\n') + JSON.stringify(await allRows())
    for (const secret of [
      ...Object.values(canary),
      person.token,
      session.token,
      person.email,
      'Canaria',
      'Canaverde',
    ]) {
      expect(written).not.toContain(secret)
    }
    for (const name of ['SECRET_KEY', 'DATA_KEY']) expect(written).not.toContain(String(testEnv[name]))
  })

  it('S11: are in no table, neither as text nor as hex or base64', async () => {
    const password = 'canary-in-storage-9'
    const person = await customer({ password })
    const tables = await testEnv.DB.prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    ).all<{
      name: string
    }>()
    const dumps = await Promise.all(
      tables.results.map(({ name }) => testEnv.DB.prepare(`SELECT * FROM "${name}"`).all()),
    )
    const dump = JSON.stringify(dumps.map(({ results }) => results))
    expect(dump).toContain(person.email)
    const hex = [...utf8(password)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    for (const secret of [
      password,
      hex,
      btoa(password).replaceAll('=', ''),
      person.token,
      person.token.split('.')[2] ?? '',
    ]) {
      expect(dump).not.toContain(secret)
    }
  })
})
