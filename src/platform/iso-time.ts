/** ISO 8601, UTC, from unix seconds: how every answer tells a time. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
