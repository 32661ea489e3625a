import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';

/**
 * Memory of this process, bytes: most that was ever resident, and resident now. Files that are mapped count as far
 * as they were touched. *Source:* proc(5), VmHWM and VmRSS; elsewhere what Node knows.
 */
export function memory(): { peakBytes: number; residentBytes: number } {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'ascii');
  } catch {
    return { peakBytes: process.resourceUsage().maxRSS * 1024, residentBytes: process.memoryUsage().rss };
  }
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { peakBytes: bytes('VmHWM'), residentBytes: bytes('VmRSS') };
}

/** The machine in a line. */
export function machineLine(): string {
  const model = cpus()[0]?.model.trim() ?? process.arch;
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${availableParallelism()} cores, ${gigabytes} GB, ${process.platform} ${process.arch}`;
}

/** Version of an installed package of this project. */
export function packageVersion(root: string, name: string): string {
  const file = `${root}/node_modules/${name}/package.json`;
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
