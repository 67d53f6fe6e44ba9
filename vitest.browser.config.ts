import { defineConfig } from 'vitest/config'

/** What needs a real browser and a real `wrangler dev`: `npm run test:browser`. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
