/** The README's curls, run in their order on an empty database, answer what the README prints. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccountStatements, makeResetToken } from '../../scripts/staff-accounts.ts'
import { codeOf } from '../support/one-time-code.ts'
import { type RunningWorker, startWorker } from './running-worker.ts'

interface Example {
  readonly command: string
  readonly printed: unknown
}

/** Each `bash` block with curl in it, and the `json` block after it. */
const examples = [
  ...readFileSync('README.md', 'utf8').matchAll(/```bash\n([^`]*curl [^`]*)```\n```json\n([^`]*)```/g),
].map(([, command = '', printed = '']): Example => ({ command, printed: JSON.parse(printed) }))

const BOSS = { email: 'boss@shop.test' }

let worker: RunningWorker
const variables: Record<string, string> = {}

beforeAll(async () => {
  worker = await startWorker()
})

afterAll(() => worker.stop())

/** What `npm run account -- create` writes; the command itself works on wrangler's own database. */
async function createBoss(): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const reset = makeResetToken(now)
  const boss = {
    role: 'admin',
    email: BOSS.email,
    canonicalEmail: BOSS.email,
    firstName: 'Shop',
    lastName: 'Admin',
  } as const
  for (const statement of createAccountStatements(boss, reset)) await worker.database.prepare(statement).run()
  return reset.token
}

/** The app's part: `oathtool` need not be installed to run the tests. */
function withCodes(script: string): string {
  const secret = variables['SECRET'] ?? ''
  return script
    .replaceAll('$(oathtool --totp -b "$SECRET")', () => codeOf(secret))
    .replaceAll('$(oathtool --totp -b --now "+30 seconds" "$SECRET")', () => codeOf(secret, 1))
}

async function run({ command }: Example): Promise<Record<string, unknown>> {
  if (command.includes('$RESET_TOKEN')) variables['RESET_TOKEN'] = await createBoss()
  const script = withCodes(command.replace(/^npm .*\n/m, '')).replaceAll(
    'http://127.0.0.1:8787',
    worker.url.origin,
  )
  // A token that one example keeps in the shell is there for the next, as for whoever follows along.
  const quiet = `${script.replaceAll('curl ', 'curl -sS ')}\nprintf '\\n%s' "$STAFF_TOKEN"`
  const output = execFileSync('bash', ['-c', quiet], {
    env: { ...process.env, ...variables },
    encoding: 'utf8',
  })
  const [printed = '', staffToken = ''] = output.split(/\n(?=[^\n]*$)/)
  variables['STAFF_TOKEN'] = staffToken
  const answer = JSON.parse(printed) as Record<string, unknown>
  // A program's token is not the person's.
  if (typeof answer['token'] === 'string' && !answer['token'].startsWith('msk_'))
    variables['TOKEN'] = answer['token']
  if (typeof answer['refresh_token'] === 'string') variables['REFRESH_TOKEN'] = answer['refresh_token']
  if (typeof answer['secret'] === 'string') variables['SECRET'] = answer['secret']
  if (typeof answer['mfa_token'] === 'string') variables['MFA_TOKEN'] = answer['mfa_token']
  return answer
}

/** Tokens, random ids, times and places differ from run to run; that they are there does not. */
function masked(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replace(/"eyJ[^"]*"/g, '"(token)"')
    .replace(/"msk_[^"]*"/g, '"(API token)"')
    .replace(/"[0-9a-f]{24}"/g, '"(random id)"')
    .replace(/"v1\.[^"]*"/g, '"(refresh token)"')
    .replace(/"device_token":"[^"]*"/g, '"device_token":"(device token)"')
    .replace(/"mfa_token":"[^"]*"/g, '"mfa_token":"(MFA token)"')
    .replace(/"(secret|otpauth_uri|qr_svg)":"(?:[^"\\]|\\.)*"/g, '"$1":"(of the app)"')
    .replace(/"recovery_codes":\[(?:"[^"]*",){9}"[^"]*"\]/g, '"recovery_codes":"(ten)"')
    .replace(/"(ip|country|city|network)":(?:null|"[^"]*")/g, '"$1":"(place)"')
    .replace(/"[A-Za-z0-9_-]{22}"/g, '"(random id)"')
    .replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"(time)"')
  return JSON.parse(text)
}

describe('the README', () => {
  it('has an example for every flow', () => {
    expect(examples.length).toBeGreaterThanOrEqual(10)
  })

  it.each(examples.map((example) => [example.command.split('\n')[0] ?? '', example] as const))(
    'prints what `%s` answers',
    async (_, example) => {
      expect(masked(await run(example))).toEqual(masked(example.printed))
    },
  )
})
