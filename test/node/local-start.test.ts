/** What `npm start` decides before and after it starts the server. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type DemoRole, decideDemo } from '../../scripts/demo-accounts.ts'
import { claimPort, localUrl, readDevOptions } from '../../scripts/dev-options.ts'
import { chooseBlocked } from '../../scripts/generate-blocklist.mjs'
import { listMissingSecrets } from '../../scripts/local-secrets.mjs'

const ALL: DemoRole[] = ['admin', 'mechanic', 'customer']
const NO_FILES = { finished: false, unfinished: false }

describe('demo data', () => {
  it.each([
    ['an empty database', NO_FILES, [], false, 'make'],
    ['accounts of somebody', NO_FILES, [], true, 'nothing'],
    ['demo accounts whose passwords are lost', NO_FILES, ALL, false, 'nothing'],
    ['a finished demo', { finished: true, unfinished: false }, ALL, true, 'show'],
    ['an interrupted demo', { finished: false, unfinished: true }, ['customer'], false, 'make'],
    ['a demo interrupted before its first account', { finished: false, unfinished: true }, [], false, 'make'],
    ['the file of a database that is gone', { finished: true, unfinished: false }, [], false, 'make'],
    [
      'the file of a database that is gone, and accounts',
      { finished: true, unfinished: false },
      [],
      true,
      'nothing',
    ],
  ] as const)('for %s', (_, files, present, others, decision) => {
    expect(decideDemo(files, { present: [...present], others }, true)).toBe(decision)
  })

  it('is never made with --no-demo, but what is there is shown', () => {
    const finished = { finished: true, unfinished: false }
    expect(decideDemo(NO_FILES, { present: [], others: false }, false)).toBe('nothing')
    expect(
      decideDemo({ finished: false, unfinished: true }, { present: ['admin'], others: false }, false),
    ).toBe('nothing')
    expect(decideDemo(finished, { present: ALL, others: false }, false)).toBe('show')
  })
})

describe('the command line', () => {
  it('takes its own options and leaves the others to wrangler', () => {
    expect(
      readDevOptions([
        '--port=9000',
        '--log-level',
        'debug',
        '--no-demo',
        '--persist-to',
        'data',
        '--ip',
        '::1',
      ]),
    ).toEqual({
      help: false,
      demo: false,
      host: '::1',
      port: 9000,
      stateDirectory: resolve('data'),
      others: ['--log-level', 'debug'],
    })
  })

  it('has the address of wrangler.toml without options', () => {
    expect(readDevOptions([])).toMatchObject({ demo: true, host: '127.0.0.1', port: 8787, others: [] })
  })

  it.each([[['--remote']], [['--port', '70000']], [['--port', 'http']], [['--persist-to']]])(
    'refuses %j',
    (args) => {
      expect(() => readDevOptions(args)).toThrow()
    },
  )

  it('names an address that this machine can open', () => {
    expect(['0.0.0.0', '*', '127.0.0.1', '::1'].map((host) => localUrl(host, 1))).toEqual([
      'http://127.0.0.1:1',
      'http://127.0.0.1:1',
      'http://127.0.0.1:1',
      'http://[::1]:1',
    ])
  })
})

describe('the local secrets', () => {
  it('are made where there is none, and not beside a numbered one', () => {
    expect(listMissingSecrets('')).toEqual(['SECRET_KEY', 'DATA_KEY'])
    expect(listMissingSecrets('# SECRET_KEY=x\nexport DATA_KEY = y\n')).toEqual(['SECRET_KEY'])
    expect(listMissingSecrets('SECRET_KEY_2=x\nDATA_KEY_10=y\n')).toEqual([])
    expect(listMissingSecrets('SECRET_KEYS=x\nMY_DATA_KEY=y\n')).toEqual(['SECRET_KEY', 'DATA_KEY'])
  })
})

describe('the port', () => {
  it('is refused by name when another program has it, and found when it is 0', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await expect(claimPort('127.0.0.1', port)).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken`)
    await expect(claimPort('127.0.0.1', 0)).resolves.toBeGreaterThan(0)
    other.close()
  })
})

describe('the common passwords', () => {
  it('are lower-cased, distinct and sorted, without those that are too short anyway', () => {
    expect(chooseBlocked(['Passw0rd', '12345', 'passw0rd', 'abcdef'])).toEqual(['abcdef', 'passw0rd'])
  })

  it('hold the 3,000 most common of every minimum length, beyond the 10,000 most common', () => {
    const short = Array.from({ length: 20_000 }, (_, index) => `s${String(index).padStart(5, '0')}`)
    const long = Array.from({ length: 4000 }, (_, index) => `long-password-${String(index).padStart(5, '0')}`)
    const blocked = chooseBlocked([...short, ...long])
    expect(blocked.length).toBe(13_000)
    expect(blocked).toContain(long[2999])
    expect(blocked).not.toContain(long[3000])
  })
})
