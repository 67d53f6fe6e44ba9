// Runs on whatever Node is there, with nothing installed; the server itself runs on the pinned Node.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pinnedNode, root } from './checkout.mjs'
import { installIfNeeded } from './install.mjs'

installIfNeeded()
const server = spawn(pinnedNode, [join(root, 'scripts', 'dev-server.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => server.kill(signal))
}
if (process.env['npm_lifecycle_event'] === 'start') {
  // A killed npm passes nothing on, and a server without its npm would keep the port.
  const npm = process.ppid
  setInterval(() => process.ppid === npm || server.kill('SIGTERM'), 1000).unref()
}
server.once('exit', (code) => process.exit(code ?? 1))
