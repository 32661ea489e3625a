/**
 * How the C library of Linux keeps memory. Each of a decoder's many programs would keep its own largest scratch memory
 * if onnxruntime did; without that, the C library asks the system for every large tensor anew and gives it back, and
 * page faults take a third of a small model's time. Told to keep what it has, it lends the same memory to all
 * programs. (glibc's mallopt(3), read once when a process starts.)
 */
const KEEP_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: String(2 ** 40),
  MALLOC_TOP_PAD_: String(2 ** 26),
  // Large pages where the system leaves the choice to programs: 5 % of a small model's time (measured).
  GLIBC_TUNABLES: [process.env.GLIBC_TUNABLES, 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':'),
};

/** Environment for a process that will compute. Empty where the C library does not know it. */
export const computeEnvironment: Readonly<Record<string, string>> =
  process.platform === 'linux' ? KEEP_MEMORY : {};

/** Whether this process was started with `computeEnvironment`. */
export function keepsMemory(): boolean {
  return process.platform === 'linux' && process.env.MALLOC_MMAP_MAX_ === KEEP_MEMORY.MALLOC_MMAP_MAX_;
}
