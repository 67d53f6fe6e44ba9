/** The package in client/, made from and tried against the running Worker. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createMechanicShopClient,
  secondsToWait,
  type TokenStore,
  type Tokens,
  tokensIn,
  tokensInMemory,
  UnexpectedAnswer,
} from '../../client/src/index.ts'
import { buildClient, compile, generateSchema, SCHEMA_FILE } from '../../scripts/client-package.ts'
import { type RunningWorker, startWorker } from './running-worker.ts'

type Send = (request: Request) => Promise<Response>

const PASSWORD = 'securepassword123'

/** Inside the checkout, so that the package is found by its name. */
const CONSUMER = 'dist/consumer'
const CONSUMER_SETTINGS = {
  noEmit: true,
  strict: true,
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2022', 'dom'],
  types: [],
  skipLibCheck: true,
}

let worker: RunningWorker

beforeAll(async () => {
  worker = await startWorker()
})

afterAll(() => worker.stop())

/** The network, which counts the requests by path and does to some of them what a test wants. */
function network(
  meddle: (request: Request, pass: Send) => Promise<Response> = (request, pass) => pass(request),
) {
  const paths: string[] = []
  const send: Send = (request) => {
    paths.push(new URL(request.url).pathname)
    return meddle(request, fetch)
  }
  return { send, timesOf: (path: string) => paths.filter((one) => one === path).length }
}

let people = 0

/** A client whose new customer is signed in. */
async function signedIn(options: { fetch?: Send; tokens?: TokenStore } = {}) {
  const shop = createMechanicShopClient({ baseUrl: worker.url.origin, ...options })
  const email = `person${++people}@shop.example`
  await shop.POST('/customers', {
    body: { first_name: 'Jane', last_name: 'Doe', email, password: PASSWORD },
  })
  const { error } = await shop.POST('/auth/login', { body: { email, password: PASSWORD } })
  expect(error).toBeUndefined()
  return { shop, email }
}

const read = async (store: TokenStore): Promise<Tokens> => store.read()

/** As after 24 hours: the access token does not count any more. */
async function spoilToken(store: TokenStore): Promise<void> {
  const { token = '', ...rest } = await read(store)
  await store.write({ ...rest, token: `${token}x` })
}

describe('the package', () => {
  it('has the types of the document that the Worker serves (else: npm run client)', async () => {
    const document = await (await fetch(`${worker.url.origin}/openapi.json`)).json()
    expect(generateSchema(document)).toBe(readFileSync(SCHEMA_FILE, 'utf8'))
  })

  it('compiles, refuses mistakes, and does what the README says', () => {
    buildClient()
    const [, example = '', printed = ''] =
      /```ts\n([\s\S]*?)```\n```\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []
    expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(22)
    mkdirSync(CONSUMER, { recursive: true })
    writeFileSync(`${CONSUMER}/types.ts`, readFileSync('test/node/client-types.ts'))
    writeFileSync(`${CONSUMER}/readme.mts`, example.replace('http://127.0.0.1:8787', worker.url.origin))
    writeFileSync(`${CONSUMER}/tsconfig.json`, JSON.stringify({ compilerOptions: CONSUMER_SETTINGS }))
    compile('--project', `${process.cwd()}/${CONSUMER}`)
    expect(execFileSync('node', [`${CONSUMER}/readme.mts`], { encoding: 'utf8' })).toBe(printed)
    rmSync(CONSUMER, { recursive: true })
  })
})

describe('with bearer tokens', () => {
  it('keeps the tokens of a sign-in, and of the device after the sign-out', async () => {
    const tokens = tokensInMemory()
    const { shop, email } = await signedIn({ tokens })
    const { data } = await shop.GET('/customers/my-tickets')
    expect(data?.tickets).toEqual([])
    await shop.POST('/auth/logout')
    expect(Object.keys(await read(tokens))).toEqual(['deviceToken'])
    expect((await shop.GET('/auth/me')).error?.code).toBe('token_missing')
    await shop.POST('/customers/login', { body: { email, password: PASSWORD } })
    expect((await shop.GET('/auth/devices')).data?.items).toHaveLength(1)
  })

  it('tells a problem by its code, and how long to wait', async () => {
    const busy = Response.json(
      { code: 'too_many_requests' },
      { status: 429, headers: { 'Retry-After': '60' } },
    )
    busy.headers.set('content-type', 'application/problem+json')
    const { send } = network(async (request, pass) =>
      request.url.endsWith('/auth/me') ? busy : pass(request),
    )
    const shop = createMechanicShopClient({ baseUrl: worker.url.origin, fetch: send })
    const wrong = await shop.POST('/auth/login', { body: { email: 'no@shop.example', password: 'wrong' } })
    expect([wrong.error?.code, wrong.data]).toEqual(['invalid_credentials', undefined])
    const { error, response } = await shop.GET('/auth/me')
    expect([error?.code, secondsToWait(response)]).toEqual(['too_many_requests', 60])
    expect(secondsToWait(wrong.response)).toBeUndefined()
  })

  it('throws what somebody else has answered', async () => {
    const answers = [
      new Response('<h1>Bad Gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } }),
      new Response(null, { status: 503, headers: { 'content-length': '0' } }),
      new Response('<h1>Please pay for the wifi</h1>', { headers: { 'content-type': 'text/html' } }),
    ]
    const { send } = network(async () => answers.shift() ?? Response.error())
    const shop = createMechanicShopClient({ baseUrl: worker.url.origin, fetch: send })
    for (const status of [502, 503, 200]) {
      const thrown = await shop.GET('/auth/me').catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(UnexpectedAnswer)
      expect(thrown).toMatchObject({ response: { status } })
    }
  })

  it('renews a spent token once for 20 requests, and sends their bodies again', async () => {
    const memory = tokensInMemory()
    const tokens: TokenStore = {
      read: () => new Promise((resolve) => setImmediate(() => resolve(memory.read()))),
      write: async (next) => memory.write(next),
    }
    const { send, timesOf } = network()
    const { shop } = await signedIn({ tokens, fetch: send })
    const before = await read(tokens)
    await spoilToken(tokens)
    const body = { description: 'Brakes', service_date: '2026-01-15' }
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => shop.POST('/service-tickets', { body })),
    )
    expect(opened.map(({ response }) => response.status)).toEqual(Array(20).fill(201))
    expect(timesOf('/auth/refresh')).toBe(1)
    expect((await shop.GET('/customers/my-tickets')).data?.tickets).toHaveLength(20)
    const after = await read(tokens)
    expect(after.refreshToken).not.toBe(before.refreshToken)
    expect(after.deviceToken).toBe(before.deviceToken)
  })

  it('two tabs of a page renew once, and the late one uses what the other has brought', async () => {
    const items = new Map([['mechanic-shop-tokens', 'not JSON']])
    const storage = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
    }
    const { send, timesOf } = network()
    const { shop } = await signedIn({ tokens: tokensIn(storage), fetch: send })
    const other = createMechanicShopClient({
      baseUrl: `${worker.url.origin}/`,
      tokens: tokensIn(storage),
      fetch: send,
    })
    await spoilToken(tokensIn(storage))
    const answers = await Promise.all([shop, other, shop, other].map((tab) => tab.GET('/auth/me')))
    expect(answers.map(({ response }) => response.status)).toEqual([200, 200, 200, 200])
    expect(timesOf('/auth/refresh')).toBe(1)
  })

  it('a lost answer of a refresh loses nothing', async () => {
    let lost = 0
    const tokens = tokensInMemory()
    const { send, timesOf } = network(async (request, pass) => {
      const answer = await pass(request)
      if (!request.url.endsWith('/auth/refresh') || lost++ > 0) return answer
      throw new TypeError('fetch failed')
    })
    const { shop } = await signedIn({ tokens, fetch: send })
    await spoilToken(tokens)
    expect((await shop.GET('/auth/me')).response.status).toBe(200)
    expect(timesOf('/auth/refresh')).toBe(2)
    await spoilToken(tokens)
    expect((await shop.GET('/auth/me')).response.status).toBe(200)
  })

  it('keeps the tokens while the refresh fails, and asks again with the next request', async () => {
    let failure: (() => Promise<Response>) | undefined = () => Promise.reject(new TypeError('fetch failed'))
    const tokens = tokensInMemory()
    const { send } = network((request, pass) =>
      failure && request.url.endsWith('/auth/refresh') ? failure() : pass(request),
    )
    const { shop } = await signedIn({ tokens, fetch: send })
    await spoilToken(tokens)
    const before = await read(tokens)
    await expect(Promise.all([shop.GET('/auth/me'), shop.GET('/auth/me')])).rejects.toThrow('fetch failed')
    failure = async () => {
      const headers = { 'content-type': 'application/problem+json', 'Retry-After': '60' }
      return new Response('{"code":"misconfigured"}', { status: 503, headers })
    }
    const answers = await Promise.all([shop.GET('/auth/me'), shop.GET('/auth/sessions')])
    expect(answers.map(({ error }) => error?.code)).toEqual(['misconfigured', 'misconfigured'])
    expect(await read(tokens)).toEqual(before)
    failure = undefined
    expect((await shop.GET('/auth/me')).response.status).toBe(200)
  })

  it('an aborted request does not take the new tokens with it', async () => {
    const controller = new AbortController()
    const tokens = tokensInMemory()
    const { send } = network((request, pass) => {
      if (request.url.endsWith('/auth/refresh')) controller.abort()
      return pass(request)
    })
    const { shop } = await signedIn({ tokens, fetch: send })
    await spoilToken(tokens)
    const { token } = await read(tokens)
    await expect(shop.GET('/auth/me', { signal: controller.signal })).rejects.toThrow('abort')
    expect((await read(tokens)).token).not.toBe(token)
    expect((await shop.GET('/auth/me')).response.status).toBe(200)
  })

  it('a session that has ended leaves no tokens, but a sign-in meanwhile keeps its own', async () => {
    const tokens = tokensInMemory()
    let meanwhile = async () => {}
    const { send, timesOf } = network(async (request, pass) => {
      const answer = await pass(request)
      if (request.url.endsWith('/auth/refresh')) await meanwhile()
      return answer
    })
    const { shop, email } = await signedIn({ tokens, fetch: send })
    const { token = '', refreshToken = '' } = await read(tokens)
    const elsewhere = createMechanicShopClient({
      baseUrl: worker.url.origin,
      tokens: tokensInMemory({ token }),
    })
    await elsewhere.POST('/auth/logout')
    expect((await shop.GET('/auth/me')).error?.code).toBe('invalid_token')
    expect(Object.keys(await read(tokens))).toEqual(['deviceToken'])

    await tokens.write({ token, refreshToken: 'x'.repeat(2_000) })
    const answers = await Promise.all([shop.GET('/auth/me'), shop.GET('/auth/sessions')])
    expect(answers.map(({ error }) => error?.code)).toEqual(['invalid_token', 'invalid_token'])
    expect(await read(tokens)).toEqual({})

    await tokens.write({ token, refreshToken })
    meanwhile = async () => {
      meanwhile = async () => {}
      await shop.POST('/auth/login', { body: { email, password: PASSWORD } })
    }
    expect((await shop.GET('/auth/me')).response.status).toBe(200)
    expect(timesOf('/auth/refresh')).toBe(3)
    expect((await read(tokens)).refreshToken).not.toBe(refreshToken)
  })

  it('sends its tokens nowhere else', async () => {
    const sent: (string | null)[] = []
    const shop = createMechanicShopClient({
      baseUrl: 'https://api.shop.example/',
      tokens: tokensInMemory({ token: 'secret', deviceToken: 'secret' }),
      fetch: async ({ headers }) => {
        sent.push(headers.get('authorization'))
        return Response.json({})
      },
    })
    await shop.GET('/auth/me')
    await shop.GET('/auth/me', { baseUrl: 'https://api.shop.example.attacker.example' })
    await shop.GET('/auth/me', { headers: { Authorization: 'Bearer other' } })
    expect(sent).toEqual(['Bearer secret', null, 'Bearer other'])
  })

  it('an API token in the store is sent, and asks for no renewal', async () => {
    const { shop } = await signedIn()
    const { data } = await shop.POST('/auth/tokens', {
      body: { name: 'Till', scopes: ['profile:read'], expires_in_days: 1 },
    })
    const tokens = tokensInMemory({ token: data?.token ?? '' })
    const { send, timesOf } = network()
    const program = createMechanicShopClient({ baseUrl: worker.url.origin, tokens, fetch: send })
    expect((await program.GET('/auth/me')).data?.permissions).toEqual(['profile:read'])
    await spoilToken(tokens)
    expect((await program.GET('/auth/me')).error?.code).toBe('invalid_token')
    expect(timesOf('/auth/refresh')).toBe(0)
  })
})

/** What a browser adds to requests of a page of the API's own origin. */
function browser() {
  const cookies = new Map<string, string>()
  const { send, timesOf } = network(async (request, pass) => {
    if (cookies.size > 0)
      request.headers.set('Cookie', [...cookies].map((cookie) => cookie.join('=')).join('; '))
    request.headers.set('Sec-Fetch-Site', 'same-origin')
    if (request.method !== 'GET') request.headers.set('Origin', worker.url.origin)
    const answer = await pass(request)
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  })
  const open = (fetch = send) =>
    createMechanicShopClient({ baseUrl: worker.url.origin, mode: 'cookie', fetch })
  return { cookies, open, send, timesOf }
}

describe('with cookies', () => {
  it('signs in, sends the CSRF token, renews once and signs out', async () => {
    const { cookies, open, timesOf } = browser()
    const shop = open()
    expect((await shop.GET('/auth/me')).error?.code).toBe('token_missing')
    expect(timesOf('/auth/refresh')).toBe(0)
    const { email } = await signedIn()
    const { data } = await shop.POST('/auth/login', { body: { email, password: PASSWORD } })
    expect(data).not.toHaveProperty('token')
    expect((await shop.PATCH('/auth/me', { body: { first_name: 'Joan' } })).data?.account.first_name).toBe(
      'Joan',
    )

    cookies.delete('__Host-access_token')
    const body = { description: 'Brakes', service_date: '2026-01-15' }
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => shop.POST('/service-tickets', { body })),
    )
    expect(opened.map(({ response }) => response.status)).toEqual(Array(20).fill(201))
    expect(timesOf('/auth/refresh')).toBe(1)
    expect((await shop.GET('/customers/my-tickets')).data?.tickets).toHaveLength(20)

    expect((await shop.POST('/auth/logout')).error).toBeUndefined()
    expect([...cookies.keys()]).toEqual(['__Host-device_token'])

    const before = timesOf('/auth/me')
    await shop.POST('/auth/login', { body: { email, password: PASSWORD } })
    expect((await shop.PATCH('/auth/me', { body: { last_name: 'Y' } })).error).toBeUndefined()
    expect(timesOf('/auth/me') - before).toBe(1)
  })

  it('a refusal that arrives after the renewal asks for none of its own', async () => {
    const { cookies, open, send, timesOf } = browser()
    const renewed = Promise.withResolvers<void>()
    const shop = open(async (request) => {
      const answer = await send(request)
      const isSentAgain = timesOf('/auth/refresh') > 0
      if (isSentAgain && request.url.endsWith('/auth/me')) renewed.resolve()
      if (!isSentAgain && request.url.endsWith('/auth/devices')) await renewed.promise
      return answer
    })
    const { email } = await signedIn()
    await shop.POST('/auth/login', { body: { email, password: PASSWORD } })
    cookies.delete('__Host-access_token')
    const late = shop.GET('/auth/devices')
    expect((await shop.GET('/auth/me')).response.status).toBe(200)
    expect((await late).response.status).toBe(200)
    expect(timesOf('/auth/refresh')).toBe(1)
  })

  it('follows a sign-in of another tab, and loses nothing when the answer of a refresh is lost', async () => {
    const { cookies, open } = browser()
    const [one, other] = [open(), open()]
    for (const tab of [one, other]) {
      const { email } = await signedIn()
      await tab.POST('/auth/login', { body: { email, password: PASSWORD } })
      expect((await tab.PATCH('/auth/me', { body: { last_name: 'X' } })).response.status).toBe(200)
    }
    const renamed = await one.PATCH('/auth/me', { body: { last_name: 'Y' } })
    expect(renamed.data?.account.last_name).toBe('Y')

    const spent = cookies.get('__Host-refresh_token') ?? ''
    cookies.delete('__Host-access_token')
    expect((await one.GET('/auth/me')).response.status).toBe(200)
    cookies.delete('__Host-access_token')
    cookies.set('__Host-refresh_token', spent)
    expect((await other.GET('/auth/me')).response.status).toBe(200)
  })
})
