/** The page of a reset link in Chromium: it sets a password, keeps the token to itself, and can be read and reached. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf } from '../support/one-time-code.ts'
import { startChromium } from './chromium.ts'
import { type DevSite, startDevSite } from './dev-site.ts'
import { describeFocus, findFaintTexts, listStoredValues } from './in-page.js'

const PASSWORD = 'torque-wrench-42-nm'

let site: DevSite
let browser: Browser
let screenshots: string

beforeAll(async () => {
  screenshots = process.env['SCREENSHOT_DIR'] ?? mkdtempSync(join(tmpdir(), 'screenshots-'))
  mkdirSync(screenshots, { recursive: true })
  browser = await startChromium()
  site = await startDevSite()
})

afterAll(async () => {
  await browser?.close()
  await site?.stop()
})

const post = (path: string, body: unknown, token?: string, method = 'POST') =>
  fetch(`${site.url}${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  })

const answerOf = async (answer: Promise<Response>) =>
  (await (await answer).json()) as { token: string; secret: string; recovery_codes: string[] }

/** The token of the reset link that a person gets by mail, which is a file here. */
async function resetTokenFor(email: string): Promise<string> {
  const person = { first_name: 'John', last_name: 'Doe', email, password: PASSWORD }
  expect((await post('/customers', person)).status).toBe(201)
  expect((await post('/auth/password/forgot', { email })).status).toBe(202)
  const text = await site.nextMailWith('/links/reset#')
  const [, token] = /\/links\/reset#token=([\w-]{43})/.exec(text) ?? []
  if (token === undefined) throw new Error(`a mail without a link: ${text}`)
  return token
}

describe.each(['light', 'dark'] as const)('/links/reset in %s', (colorScheme) => {
  it('sets the password by the link of the mail, and tells the token to nobody else', async () => {
    const email = `john-${colorScheme}@example.net`
    const token = await resetTokenFor(email)
    const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: 700 } })
    const told: string[] = []
    const offences: string[] = []
    page.on('request', (request) => {
      told.push(`${request.url()} ${JSON.stringify(request.headers())}`)
      if (!request.url().startsWith('data:') && new URL(request.url()).origin !== site.url)
        offences.push(`elsewhere: ${request.url()}`)
    })
    page.on('console', (line) => {
      // Chromium tells of every 400, such as that of the common password below.
      if (['error', 'warning'].includes(line.type()) && !line.text().includes('status of 400'))
        offences.push(line.text())
    })
    page.on('pageerror', (error) => offences.push(error.message))

    await page.goto(`${site.url}/links/reset#token=${token}`)
    expect(await page.getByRole('heading').textContent()).toBe('Choose a new password')
    expect(page.url()).toBe(`${site.url}/links/reset`)
    await page.screenshot({ path: join(screenshots, `${colorScheme}-reset.png`) })
    expect(await page.evaluate(findFaintTexts)).toEqual([])
    for (let press = 0; press < 2; press++) {
      await page.keyboard.press('Tab')
      expect(await page.evaluate(describeFocus)).toMatchObject({ isVisible: true })
    }

    const field = page.getByLabel('New password')
    const status = page.getByRole('status')
    await field.fill('password123')
    await page.getByRole('button').click()
    await status.filter({ hasText: /common/i }).waitFor()
    await page.screenshot({ path: join(screenshots, `${colorScheme}-refused.png`) })
    expect(await page.evaluate(findFaintTexts)).toEqual([])
    await field.fill(`camshaft-lobe-${colorScheme}`)
    await page.keyboard.press('Enter')
    await status.filter({ hasText: 'Your password is set' }).waitFor()
    await page.screenshot({ path: join(screenshots, `${colorScheme}-done.png`) })
    expect(await page.locator('form').count()).toBe(0)

    const signedIn = await post('/auth/login', { email, password: `camshaft-lobe-${colorScheme}` })
    expect(signedIn.status).toBe(200)
    expect(told.join('\n')).not.toContain(token)
    expect(await page.evaluate(listStoredValues)).toEqual([])
    expect(offences).toEqual([])
    await page.close()
  })
})

describe('/links/undo', () => {
  it('asks for a code of the second factor where there is one, and takes one as it is shown', async () => {
    const email = 'jane-undo@example.net'
    const person = { first_name: 'Jane', last_name: 'Doe', email, password: PASSWORD }
    expect((await post('/customers', person)).status).toBe(201)
    const { token } = await answerOf(post('/auth/login', { email, password: PASSWORD }))
    const { secret } = await answerOf(post('/auth/mfa/totp', {}, token))
    const proof = { code: codeOf(secret) }
    const { recovery_codes: codes } = await answerOf(post('/auth/mfa/totp/confirm', proof, token))
    await post('/auth/me', { email: 'thief-undo@example.net' }, token, 'PATCH')
    const mail = await site.nextMailWith('/links/undo#')
    const [, link] = /\/links\/undo#token=([\w-]{43})/.exec(mail) ?? []

    const page = await browser.newPage({ viewport: { width: 900, height: 700 } })
    await page.goto(`${site.url}/links/undo#token=${link}`)
    const [field, status] = [page.getByLabel('Code of your second factor'), page.getByRole('status')]
    expect(await field.isVisible()).toBe(false)
    await page.getByRole('button').click()
    await status.filter({ hasText: 'has a second factor' }).waitFor()
    expect(await page.locator(':focus').getAttribute('id')).toBe('code')
    expect(await page.evaluate(findFaintTexts)).toEqual([])
    await page.screenshot({ path: join(screenshots, 'undo-code.png') })
    await field.fill('000 000')
    await page.keyboard.press('Enter')
    await status.filter({ hasText: 'code is wrong' }).waitFor()
    await field.fill(` ${String(codes[0]).toLowerCase()} `)
    await page.getByRole('button').click()
    await status.filter({ hasText: 'Your address is back' }).waitFor()
    expect(await page.locator('form').count()).toBe(0)
    await page.close()
  })
})

describe('/links/invite', () => {
  it('says what to do with a link that was cut off, and without JavaScript', async () => {
    const page = await browser.newPage()
    await page.goto(`${site.url}/links/invite#token=`)
    expect(await page.getByRole('status').textContent()).toMatch(/not complete/)
    expect(await page.locator('form').count()).toBe(0)
    await page.close()
    const plain = await browser.newPage({ javaScriptEnabled: false })
    await plain.goto(`${site.url}/links/invite`)
    expect(await plain.getByRole('main').textContent()).toContain('needs JavaScript')
    await plain.close()
  })
})
