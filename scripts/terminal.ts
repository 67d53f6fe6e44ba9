import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl-D answers nothing, and without this it would end the process as if all were done.
  const closed = once(terminal, 'close').then(() => Promise.reject(new Error('No answer.')))
  closed.catch(() => undefined)
  try {
    return await Promise.race([terminal.question(question), closed])
  } finally {
    terminal.close()
  }
}

/** Asks whoever sits there; undefined when nobody does. */
export function openTerminal(): typeof ask | undefined {
  return process.stdin.isTTY && process.stdout.isTTY ? ask : undefined
}
