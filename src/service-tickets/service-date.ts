/** The date of a service: UTC seconds inside, ISO 8601 without zone on the wire, as the old service had it. */

const FORM = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i

const FIRST = Date.parse('0000-01-01T00:00:00Z') / 1000
const LAST = Date.parse('9999-12-31T23:59:59Z') / 1000

/** Unix seconds; undefined for anything that is not a date, or one that the calendar does not have. */
export function parseServiceDate(text: string): number | undefined {
  const [, date, time = '00:00', second = '00', zone = 'Z'] = FORM.exec(text) ?? []
  if (date === undefined) return undefined
  const utc = Date.parse(`${date}T${time}:${second}Z`)
  // Date.parse rolls 30 February over into March.
  if (Number.isNaN(utc) || !new Date(utc).toISOString().startsWith(date)) return undefined
  const offset = offsetSeconds(zone)
  if (offset === undefined) return undefined
  const seconds = utc / 1000 - offset
  // An offset can lead out of the years that four digits can show.
  return seconds >= FIRST && seconds <= LAST ? seconds : undefined
}

export function showServiceDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19)
}

function offsetSeconds(zone: string): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0
  const sign = zone.startsWith('-') ? -1 : 1
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  return hours > 23 || minutes > 59 ? undefined : sign * (hours * 3600 + minutes * 60)
}
