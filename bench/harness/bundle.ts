/** The bundle as it is deployed: wrangler builds it and says how large it is. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pinnedNode, root } from '../../scripts/checkout.mjs'

export interface Bundle {
  readonly outdir: string
  readonly gzipKib: number
}

/** Builds the Worker of a wrangler.toml, minified or not as that file says. */
export function buildBundle(config: string): Bundle {
  const outdir = mkdtempSync(join(tmpdir(), 'bundle-'))
  const wrangler = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
  const output = execFileSync(
    pinnedNode,
    [wrangler, 'deploy', '--dry-run', '--config', config, '--outdir', outdir],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const gzipKib = Number(/gzip: ([\d.]+) KiB/.exec(output)?.[1])
  return { outdir, gzipKib }
}
