/** Chromium as the system has it: no browser is downloaded. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PROGRAM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

export async function startChromium(): Promise<Browser> {
  if (!existsSync(PROGRAM)) {
    throw new Error(
      `There is no Chromium at ${PROGRAM}. Install it (Debian, Ubuntu: apt-get install -y chromium) or say where it is in CHROMIUM_PATH.`,
    )
  }
  return chromium.launch({ executablePath: PROGRAM, args: ['--disable-gpu', '--disable-quic'] })
}
