// What the kernel says about a process. Linux only.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** Fields of /proc/<pid>/stat after the command's closing parenthesis. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** CPU time of all threads so far, milliseconds. */
export function cpuMs(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * 1000) / TICKS_PER_SECOND;
}

function statusBytes(pid, name) {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(kilobytes) * 1024;
}

export function rssBytes(pid) {
  return statusBytes(pid, 'VmRSS');
}

/**
 * Watches the memory of a process from now on. The kernel's high-water mark misses nothing where it may be reset; elsewhere the samples count.
 * @returns a function that ends the watch and answers the peak, bytes
 */
export function watchPeakRss(pid, everyMs = 20) {
  let peak = rssBytes(pid);
  let hasMark = true;
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    hasMark = false;
  }
  const timer = setInterval(() => {
    peak = Math.max(peak, rssBytes(pid));
  }, everyMs);
  return () => {
    clearInterval(timer);
    return Math.max(peak, hasMark ? statusBytes(pid, 'VmHWM') : 0);
  };
}

/** The most file descriptors that a process may open. */
export function descriptorLimit() {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

/** Binds all threads of a process to one set of cores, such as `0` or `1-3`. False where that is not possible. */
export function pin(pid, cores) {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) execFileSync('taskset', ['-cp', cores, thread], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The server under test has the first core to itself; everything else shares the others. */
export function coreSplit() {
  const count = cpus().length;
  return count < 2 ? undefined : { server: '0', others: count === 2 ? '1' : `1-${count - 1}` };
}
