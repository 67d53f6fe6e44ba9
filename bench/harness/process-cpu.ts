/**
 * CPU time of a process, from Linux's /proc. Unlike elapsed time it hardly depends on what else the
 * machine does.
 */
import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU time so far in fractions of a millisecond: the sum over the process's threads, so none may end
 * between two readings. workerd keeps its threads. (The process's own sum comes in steps of 10 ms.)
 */
export function readCpuMs(pid: number): number {
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
