/** /docs in Chromium, against a real `wrangler dev`: that it shows everything, works, and stays among its own. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startChromium } from './chromium.ts'
import { type DevSite, startDevSite } from './dev-site.ts'
import { describeFocus, findFaintTexts, listStoredValues } from './in-page.js'

const JOHN = {
  first_name: 'John',
  last_name: 'Doe',
  email: 'john@example.net',
  phone_number: '555-0123',
  password: 'torque-wrench-42-nm',
}

let site: DevSite
let browser: Browser
let screenshots: string

beforeAll(async () => {
  screenshots = process.env['SCREENSHOT_DIR'] ?? mkdtempSync(join(tmpdir(), 'screenshots-'))
  mkdirSync(screenshots, { recursive: true })
  browser = await startChromium()
  site = await startDevSite()
  const registered = await fetch(`${site.url}/customers/`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(JOHN),
  })
  expect(registered.status).toBe(201)
})

afterAll(async () => {
  await browser?.close()
  await site?.stop()
  console.log(`The screenshots are in ${screenshots}.`)
})

/** Everything that a page does which it should not. */
function watch(page: Page): string[] {
  const offences: string[] = []
  // A violation of the policy is an error in the console.
  page.on('console', (line) => {
    if (['error', 'warning'].includes(line.type())) offences.push(`console: ${line.text()}`)
  })
  page.on('pageerror', (error) => offences.push(`error: ${error.message}`))
  page.on('requestfailed', (request) => offences.push(`failed: ${request.url()}`))
  page.on('response', (answer) => {
    if (answer.status() >= 400) offences.push(`${answer.status()}: ${answer.url()}`)
  })
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol !== 'data:' && origin !== site.url) offences.push(`elsewhere: ${request.url()}`)
  })
  return offences
}

function operationAt(page: Page, method: string, path: string): Locator {
  return page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) })
}

async function nameOperation(operation: Locator): Promise<string> {
  const method = await operation.locator('.opblock-summary-method').textContent()
  return `${method} ${await operation.locator('[data-path]').first().getAttribute('data-path')}`
}

/** Opens an operation and answers "Try it out"; returns the status and the body that the page shows. */
async function tryOut<Answer>(operation: Locator, body?: unknown): Promise<{ status: string; body: Answer }> {
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  if (body !== undefined) await operation.locator('textarea').fill(JSON.stringify(body))
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table tbody')
  const status = await answer.locator('.response-col_status').textContent()
  const shown = await answer.locator('.highlight-code pre').first().textContent()
  return { status: status ?? '', body: JSON.parse(shown ?? '') }
}

async function authorize(page: Page, token: string, colorScheme: string): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).click()
  const dialog = page.locator('.modal-ux')
  await dialog.locator('#auth-bearer-value').fill(token)
  await page.screenshot({ path: join(screenshots, `${colorScheme}-dialog.png`) })
  expect(await page.evaluate(findFaintTexts)).toEqual([])
  await dialog.getByRole('button', { name: 'Apply credentials' }).first().click()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
}

/** Walks on with the Tab key and returns the elements on which the keyboard's focus cannot be seen. */
async function findUnseenFocus(page: Page, presses: number): Promise<string[]> {
  const unseen: string[] = []
  for (let press = 0; press < presses; press++) {
    await page.keyboard.press('Tab')
    const { name, isVisible } = await page.evaluate(describeFocus)
    if (!isVisible) unseen.push(name)
  }
  return unseen
}

describe.each(['light', 'dark'] as const)('/docs in %s', (colorScheme) => {
  let page: Page
  let offences: string[]

  beforeAll(async () => {
    page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } })
    offences = watch(page)
    await page.goto(`${site.url}/docs`)
    await page.locator('.opblock').first().waitFor()
  })

  afterAll(() => page?.close())

  it('shows every operation of the document', async () => {
    const { paths } = (await (await fetch(`${site.url}/openapi.json`)).json()) as { paths: object }
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const shown = await page
      .locator('.opblock')
      .all()
      .then((all) => Promise.all(all.map(nameOperation)))
    expect(shown.toSorted()).toEqual(described.toSorted())
    await page.screenshot({ path: join(screenshots, `${colorScheme}.png`), fullPage: true })
  })

  it('has a title, a language, a heading and a main landmark', async () => {
    expect(await page.title()).toBe('Mechanic Shop API documentation')
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
    expect(await page.getByRole('main').count()).toBe(1)
    expect(await page.getByRole('heading').first().textContent()).toContain('mechanic-shop-api')
  })

  it('is readable, and shows where the keyboard is', async () => {
    expect(await page.evaluate(findFaintTexts)).toEqual([])
    expect(await findUnseenFocus(page, 40)).toEqual([])
  })

  it('signs in, authorizes with the token of the answer, and reads the tickets', async () => {
    const login = operationAt(page, 'post', '/customers/login')
    const signedIn = await tryOut<{ message: string; token: string }>(login, {
      email: JOHN.email,
      password: JOHN.password,
    })
    expect([signedIn.status, signedIn.body.message]).toEqual(['200', 'Login successful'])
    await authorize(page, signedIn.body.token, colorScheme)
    const myTickets = operationAt(page, 'get', '/customers/my-tickets')
    const tickets = await tryOut(myTickets)
    expect(tickets).toEqual({ status: '200', body: { message: 'Found 0 service tickets', tickets: [] } })
    await myTickets.screenshot({ path: join(screenshots, `${colorScheme}-answer.png`) })
  })

  it('is readable, and shows where the keyboard is, with operations open', async () => {
    expect(await page.evaluate(findFaintTexts)).toEqual([])
    expect(await findUnseenFocus(page, 40)).toEqual([])
  })

  it('keeps the token nowhere, and forgets it with the page', async () => {
    expect(await page.evaluate(listStoredValues)).toEqual([])
    await page.reload()
    const locks = page.locator('.authorization__btn')
    await locks.first().waitFor()
    expect(await page.locator('.authorization__btn.locked').count()).toBe(0)
  })

  it('has made no error, and no request to another origin', () => {
    expect(offences).toEqual([])
  })
})

describe('/docs', () => {
  it('says without JavaScript where the document is', async () => {
    const page = await browser.newPage({ javaScriptEnabled: false })
    const offences = watch(page)
    await page.goto(`${site.url}/docs/`)
    expect(await page.getByRole('main').textContent()).toContain('/openapi.json')
    await page.getByRole('link', { name: '/openapi.json' }).click()
    expect(new URL(page.url()).pathname).toBe('/openapi.json')
    expect(offences).toEqual([])
    await page.close()
  })

  it.each(['start.js', 'theme.css', 'swagger-ui/swagger-ui-bundle.js', 'swagger-ui/swagger-ui.css'])(
    'S98: serves %s with protecting headers and without a source map',
    async (name) => {
      const answer = await fetch(`${site.url}/docs/${name}`)
      expect([answer.status, Object.fromEntries(answer.headers)]).toMatchObject([
        200,
        {
          'cache-control': 'public, max-age=300',
          'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
          'content-type': expect.stringMatching(/^text\/(?:javascript|css); charset=utf-8$/),
          'cross-origin-resource-policy': 'same-origin',
          'referrer-policy': 'no-referrer',
          'strict-transport-security': 'max-age=63072000; includeSubDomains',
          'x-content-type-options': 'nosniff',
        },
      ])
      expect(await answer.text()).not.toContain('sourceMappingURL')
    },
  )

  it('leaves every other path to the Worker', async () => {
    for (const path of [
      '/docs/swagger-ui',
      '/docs/swagger-ui/swagger-ui.css.map',
      '/_headers',
      '/docs/index.html',
    ]) {
      const answer = await fetch(`${site.url}${path}`)
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        404,
        'application/problem+json',
      ])
    }
  })
})
