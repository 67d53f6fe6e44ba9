/** Tells `cloudflare:workers` which module `exports` speaks of. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import('../../src/index.ts')
  }
}
