import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { controlGroupLimits, freeMemory, peakResident, usableCores } from './machine.ts';

/** Limits below what any machine has. */
const MB = 2 ** 20;
const from = (files: Readonly<Record<string, string>>) => controlGroupLimits((path) => files[path] ?? null);

describe('limits of control groups', () => {
  it('version 2: the tightest on the way up, files that were read do not count as used', () => {
    expect(
      from({
        '/proc/self/cgroup': '0::/job/step\n',
        '/sys/fs/cgroup/job/step/memory.max': 'max\n',
        '/sys/fs/cgroup/job/step/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/job/memory.max': `${64 * MB}\n`,
        '/sys/fs/cgroup/job/memory.current': `${40 * MB}\n`,
        '/sys/fs/cgroup/job/memory.stat': `anon ${9 * MB}\ninactive_file ${20 * MB}\nactive_file ${10 * MB}\n`,
        '/sys/fs/cgroup/job/cpu.max': '250000 100000\n',
      }),
    ).toEqual({ memoryBytes: 64 * MB, usedBytes: 10 * MB, cores: 2.5 });
  });
  it('a container, whose own group is the root that it sees', () => {
    expect(
      from({
        '/proc/self/cgroup': '0::/\n',
        '/sys/fs/cgroup/memory.max': String(32 * MB),
        '/sys/fs/cgroup/memory.current': String(8 * MB),
      }),
    ).toEqual({ memoryBytes: 32 * MB, usedBytes: 8 * MB, cores: null });
  });
  it('version 1: totals over all below, 2^63 is no limit', () => {
    const group = '5:cpu,cpuacct:/box\n4:memory:/box\n0::/\n';
    const files = {
      '/proc/self/cgroup': group,
      '/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': String(16 * MB),
      '/sys/fs/cgroup/memory/box/memory.usage_in_bytes': String(10 * MB),
      '/sys/fs/cgroup/memory/box/memory.stat': `active_file ${MB}\ninactive_file ${MB}\ntotal_inactive_file ${3 * MB}\ntotal_active_file ${MB}\n`,
    };
    expect(from(files)).toEqual({ memoryBytes: 16 * MB, usedBytes: 6 * MB, cores: 1 });
  });
  it('no limits where nothing says so', () => {
    expect(from({})).toEqual({ memoryBytes: null, usedBytes: 0, cores: null });
    expect(from({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '-1 100000' }).cores).toBeNull();
  });
});

it('this machine has some memory and at least one core', () => {
  expect(freeMemory()).toBeGreaterThan(0);
  expect(freeMemory()).toBeLessThanOrEqual(totalmem());
  expect(usableCores()).toBeGreaterThanOrEqual(1);
  expect(peakResident()).toBeGreaterThan(10 * MB);
});
