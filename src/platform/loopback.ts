const LOOPBACK = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Whether a host, as a URL names it, is this very machine. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname)
}
