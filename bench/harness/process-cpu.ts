/**
 * CPU time of a process, from Linux's /proc. Unlike elapsed time it hardly depends on what else the
 * machine does.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel's USER_HZ: fixed at 100 for every architecture that Node runs on. */
const TICK_MS = 10

/** User and system time so far, in milliseconds, in steps of 10. */
export function readCpuMs(pid: number): number {
  const fields = readStat(pid)
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/**
 * The same of a process that has just started, in fractions of a millisecond: the sum over its threads,
 * none of which may have ended yet.
 */
export function readYoungCpuMs(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
    .reduce((sum, schedstat) => sum + Number(schedstat.split(' ')[0]), 0)
  return nanoseconds / 1e6
}

/** Direct children of this process with a program of this name. */
export function listChildren(program: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(readStat(pid)[1]) === process.pid && readProgram(pid) === program
      } catch {
        // It ended meanwhile.
        return false
      }
    })
}

function readProgram(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}

/** The fields after the program's name, which may hold blanks: state, parent, … */
function readStat(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
