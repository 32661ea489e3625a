import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

/** Reads a small file of the system; null where there is none. */
type Read = (path: string) => string | null;

const readSystem: Read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

/** What a control group (a container, a batch job) grants this process; null: no limit of that kind. */
export interface Limits {
  readonly memoryBytes: number | null;
  /** Of `memoryBytes`, in use by processes; pages of files, which the system gives up at need, do not count. */
  readonly usedBytes: number;
  /** Cores that may be busy at a time: the CPU quota a period; a fraction is possible. */
  readonly cores: number | null;
}

/**
 * The tightest limits on the way from this process's control group up to the root. Node's own
 * `process.availableMemory()` counts the pages of files that were read as used, which a mapped model fills.
 * *Source:* docs.kernel.org, cgroup-v2 (memory.max, memory.stat, cpu.max) and cgroup-v1.
 */
export function controlGroupLimits(read: Read = readSystem): Limits {
  const groups = (read('/proc/self/cgroup') ?? '').trim().split('\n');
  const folders = (root: string, path: string) => {
    const parts = path.split('/').filter((part) => part !== '');
    return parts.map((_, i) => `${root}/${parts.slice(0, i + 1).join('/')}`).concat(root);
  };
  let [memoryBytes, usedBytes, cores]: [number | null, number, number | null] = [null, 0, null];
  const memory = (limit: number, used: number, stat: string | null) => {
    // Without a limit v1 says 2^63, rounded to pages.
    if (!(limit > 0 && limit < totalmem())) return;
    const files = /^(?:total_)?(?:in)?active_file (\d+)$/gm;
    const whole = /^total_/m.test(stat ?? '');
    const cached = [...(stat ?? '').matchAll(files)]
      .filter(([line]) => !whole || line.startsWith('total_'))
      .reduce((sum, [, bytes]) => sum + Number(bytes), 0);
    const inUse = Math.max(0, used - cached);
    if (memoryBytes !== null && memoryBytes - usedBytes <= limit - inUse) return;
    [memoryBytes, usedBytes] = [limit, inUse];
  };
  const quota = (most: number, period: number) => {
    if (most > 0 && period > 0) cores = Math.min(cores ?? Number.POSITIVE_INFINITY, most / period);
  };
  for (const group of groups) {
    const [number, controllers = '', path = '/'] = group.split(':');
    if (number === '0' && controllers === '')
      for (const folder of folders('/sys/fs/cgroup', path)) {
        const used = Number(read(`${folder}/memory.current`));
        memory(Number(read(`${folder}/memory.max`) ?? 0), used, read(`${folder}/memory.stat`));
        const [most, period] = (read(`${folder}/cpu.max`) ?? '').split(' ').map(Number);
        quota(most ?? 0, period ?? 0);
      }
    for (const controller of controllers.split(','))
      for (const folder of folders(`/sys/fs/cgroup/${controllers}`, path)) {
        const value = (name: string) => Number(read(`${folder}/${name}`) ?? 0);
        if (controller === 'memory')
          memory(
            value('memory.limit_in_bytes'),
            value('memory.usage_in_bytes'),
            read(`${folder}/memory.stat`),
          );
        if (controller === 'cpu') quota(value('cpu.cfs_quota_us'), value('cpu.cfs_period_us'));
      }
  }
  return { memoryBytes, usedBytes, cores };
}

/** Bytes that this process and its children may still take: what the machine has free, within the group's limit. */
export function freeMemory(): number {
  const { memoryBytes, usedBytes } = controlGroupLimits();
  return memoryBytes === null ? freemem() : Math.max(0, Math.min(freemem(), memoryBytes - usedBytes));
}

/** Cores to plan with: those that this process may run on, within the group's quota. At least one. */
export function usableCores(): number {
  const { cores } = controlGroupLimits();
  return Math.max(1, Math.min(availableParallelism(), cores === null ? Infinity : Math.floor(cores)));
}

/** Cores of the processors, several threads of one counted once; null where the system does not say. */
export function physicalCores(read: Read = readSystem): number | null {
  const siblings = cpus().map((_, i) =>
    read(`/sys/devices/system/cpu/cpu${i}/topology/thread_siblings_list`)?.trim(),
  );
  return siblings.length === 0 || siblings.includes(undefined) ? null : new Set(siblings).size;
}

/** Most memory of this process that was ever resident, bytes; files that are mapped count as far as touched. */
export function peakResident(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readSystem('/proc/self/status') ?? '') ?? [];
  return 1024 * (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes));
}
