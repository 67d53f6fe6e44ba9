// The settings of a deployment: shown always, asked for once, and checked by the code that will read them.
import { randomBytes } from 'node:crypto'
import { parseSettings } from '../src/platform/settings.ts'
import type { Deployment } from './deploy-commands.ts'
import {
  changeConfig,
  type DeployConfig,
  isFirstDeployment,
  readDeployConfig,
  withVariable,
} from './deploy-config.ts'

export type Setting = { readonly name: string; readonly value: string; readonly isDefault: boolean }

type Judged = Pick<DeployConfig, 'variables' | 'bindings'>

/** What the Worker would make of these variables: every setting with its value, or what is wrong with them. */
export function judgeSettings({ variables, bindings }: Judged): { settings: Setting[]; faults: string[] } {
  const secret = () => randomBytes(32).toString('base64url')
  const outcome = parseSettings({
    ...Object.fromEntries(bindings.map((name) => [name, {}])),
    SECRET_KEY: secret(),
    DATA_KEY: secret(),
    // Of the secrets beside the keys, none is known here either.
    ...(variables['SMS_PROVIDER'] === 'twilio' && { TWILIO_AUTH_TOKEN: '0'.repeat(32) }),
    ...variables,
  })
  if ('faults' in outcome) {
    // A secret that only the deployed Worker has may be missing here; a variable cannot be.
    return { settings: [], faults: outcome.faults.filter((fault) => fault.replace(/:.*/, '') in variables) }
  }
  const { secretKeys: _, dataKeys: __, twilioAuthToken: ___, ...rest } = outcome.settings
  const settings = Object.entries(rest).map(([property, value]) => {
    const name = property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    return { name, value: String(value ?? ''), isDefault: variables[name] === undefined }
  })
  return { settings, faults: [] }
}

const QUESTIONS = [
  { name: 'SHOP_NAME', text: "Name of the shop, which may not be anyone's password" },
  {
    name: 'PASSWORD_MIN_LENGTH',
    text: 'Shortest password that may be chosen, 6 to 64 characters (15 is recommended)',
  },
  {
    name: 'MAIL_FROM',
    text: 'Sender of mails, at a domain that this account sends mail from; empty for no mails',
  },
]

/** Asks until the answer is one that the Worker takes. Enter keeps what is in effect. */
async function askForSetting(
  { configPath, ask, print }: Deployment,
  { name, text }: (typeof QUESTIONS)[number],
): Promise<void> {
  if (ask === undefined) return
  for (;;) {
    const config = readDeployConfig(configPath)
    const current = judgeSettings(config).settings.find((setting) => setting.name === name)?.value ?? ''
    const answer = (await ask(`  ${text} [${current}]: `)).trim()
    if (answer === '' || answer === current) return
    const { faults } = judgeSettings({ ...config, variables: { ...config.variables, [name]: answer } })
    // Control characters: a terminal can send them, TOML cannot hold them.
    if (faults.length === 0 && !/\p{Cc}/u.test(answer)) {
      changeConfig(configPath, (toml) => withVariable(toml, name, answer))
      return
    }
    print(`  That is not a valid ${name}.`)
  }
}

/** Lets the owner choose on the first deployment, shows what is in effect, and refuses what would not be served. */
export async function settle(deployment: Deployment): Promise<void> {
  if (isFirstDeployment(readDeployConfig(deployment.configPath))) {
    for (const question of QUESTIONS) await askForSetting(deployment, question)
  }
  showSettings(deployment)
}

export function showSettings({ configPath, print }: Pick<Deployment, 'configPath' | 'print'>): void {
  const { settings, faults } = judgeSettings(readDeployConfig(configPath))
  if (faults.length > 0) {
    throw new Error(`The Worker would not serve with the [vars] of wrangler.toml:\n  ${faults.join('\n  ')}`)
  }
  for (const { name, value, isDefault } of settings) {
    print(`  ${name.padEnd(26)} ${value === '' ? '(none)' : value}${isDefault ? '   (default)' : ''}`)
  }
}
