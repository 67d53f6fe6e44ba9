import { randomBytes } from 'node:crypto'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-pool-workers'
import { defineConfig } from 'vitest/config'

/** Secrets of this run only: nothing worth stealing is in the repository. */
const secret = () => randomBytes(32).toString('base64url')

const SETTINGS = {
  TOKEN_ISSUER: 'mechanic-shop-api',
  TOKEN_AUDIENCE: 'mechanic-shop',
  SHOP_NAME: 'Mechanic Shop',
  PASSWORD_MIN_LENGTH: '6',
  FRESH_AUTH_SECONDS: '600',
  KEY_MAX_AGE_DAYS: '90',
  AUDIT_RETENTION_DAYS: '400',
  ALLOWED_ORIGINS: '',
  REGISTRATIONS_PER_MINUTE: '5',
  SIGN_IN_ADDRESS_FAILURES: '20',
  SIGN_IN_ADDRESS_SECONDS: '300',
  SIGN_IN_ACCOUNT_FAILURES: '5',
  SIGN_IN_WAIT_MINUTES: '1,2,4,8,15',
  PASSWORD_MAX_FAILURES: '100',
  DEVICE_MAX_FAILURES: '20',
  APP_URL: 'https://app.mechanic-shop.test',
  MAIL_FROM: 'shop@mechanic-shop.test',
  SMS_PROVIDER: 'none',
  TWILIO_ACCOUNT_SID: '',
  TWILIO_AUTH_TOKEN: '',
  TWILIO_FROM: '',
  SMS_COUNTRIES: '',
  SMS_DAILY_LIMIT: '200',
}

export default defineConfig(async () => {
  const migrations = await readD1Migrations('./migrations')
  return {
    test: {
      silent: 'passed-only' as const,
      projects: [
        {
          plugins: [
            cloudflareTest({
              wrangler: { configPath: './wrangler.toml' },
              miniflare: {
                // Every setting, so that a developer's .dev.vars has no say.
                bindings: {
                  SECRET_KEY: secret(),
                  DATA_KEY: secret(),
                  TEST_MIGRATIONS: migrations,
                  ...SETTINGS,
                },
              },
            }),
          ],
          test: {
            name: 'workers',
            // No test of these is timed, so two files may run beside each other.
            maxWorkers: 2,
            sequence: { groupOrder: 0 },
            include: ['test/**/*.test.ts'],
            exclude: ['test/node/**', 'test/browser/**'],
            setupFiles: [
              './test/support/apply-migrations.ts',
              './test/support/production-limits.ts',
              './test/support/mail-provider.ts',
            ],
            testTimeout: 60_000,
            // Without this every call into noble's modules is a getter, and one imported hash takes 20 s.
            deps: {
              optimizer: {
                ssr: {
                  enabled: true,
                  include: ['hmac', 'legacy', 'sha2', 'utils'].map((name) => `@noble/hashes/${name}.js`),
                  rolldownOptions: {
                    output: { codeSplitting: { groups: [{ name: 'noble-hashes', test: /@noble/ }] } },
                  },
                },
              },
            },
          },
        },
        {
          test: {
            name: 'node',
            // Some of these measure how long an answer takes: alone, after the others.
            maxWorkers: 1,
            sequence: { groupOrder: 1 },
            include: ['test/node/**/*.test.ts'],
            testTimeout: 120_000,
            hookTimeout: 120_000,
          },
        },
      ],
    },
  }
})
