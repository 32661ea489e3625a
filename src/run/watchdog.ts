import { fstatSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { HEARTBEAT_MS } from './attempt.ts';

/** How long an orphan may go on to save its checkpoint before it is killed. */
const ORPHAN_GRACE_MS = 10_000;

/**
 * Runs in a thread of its own, because a training step blocks the main thread: touches the attempt's heartbeat
 * and, when the driver's end of stdin closes, asks this process to stop (SIGTERM), then makes it (SIGKILL).
 */
const CODE = `
const { utimesSync } = require('node:fs');
const { Socket } = require('node:net');
const { workerData } = require('node:worker_threads');
setInterval(() => {
  const now = new Date();
  try { utimesSync(workerData.heartbeat, now, now); } catch {}
}, workerData.heartbeatMs);
if (workerData.hasDriver) {
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData.graceMs);
  };
  new Socket({ fd: 0, readable: true, writable: false })
    .on('end', end).on('close', end).on('error', end).resume();
}
`;

/** Starts the watch over this process. `heartbeat` is the file to touch. */
export function startWatchdog(heartbeat: string): void {
  new Worker(CODE, {
    eval: true,
    workerData: { heartbeat, heartbeatMs: HEARTBEAT_MS, graceMs: ORPHAN_GRACE_MS, hasDriver: stdinIsPipe() },
  }).unref();
}

/** A unit started by hand or under a scheduler has a terminal, a file or nothing there: no driver to outlive. */
function stdinIsPipe(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false;
  }
}
