/** What a User-Agent header says of browser and system, for people; anybody can write anything into it. */
import Bowser from 'bowser'

export interface AgentNames {
  readonly browser: string | undefined
  readonly os: string | undefined
}

const MAX_NAME_LENGTH = 60

/** The names as people know them, such as "Firefox" and "Linux"; undefined where the header has none. */
export function nameAgent(userAgent: string | undefined): AgentNames {
  // The library throws at an empty text.
  if (!userAgent) return { browser: undefined, os: undefined }
  const { browser, os } = Bowser.parse(userAgent)
  return { browser: shorten(browser.name), os: shorten(os.name) }
}

function shorten(name: string | undefined): string | undefined {
  return name?.slice(0, MAX_NAME_LENGTH).toWellFormed() || undefined
}
