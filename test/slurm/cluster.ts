import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * For tests: a real SLURM of one node on this machine, as root, with nothing under /etc or /run. Its daemons have
 * their own folder, ports and sockets, so that several run beside each other.
 */
export interface ClusterOptions {
  /** slurmdbd over a mariadbd of its own, so that there is a `sacct`. */
  readonly accounting?: boolean;
  /** Partition `high` takes the place of jobs of `main`, which are then queued again. */
  readonly preemption?: boolean;
  /** CPUs that the node says it has; more than there are is no fault. */
  readonly cpus?: number;
  /** GPUs that the node says it has; its device files are /dev/null and its like. */
  readonly gpus?: number;
  /** How long the controller remembers an ended job. */
  readonly minJobAgeSeconds?: number;
  /** Further lines of slurm.conf. */
  readonly conf?: readonly string[];
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cluster {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs a command of SLURM there. */
  run(program: string, ...args: string[]): Promise<Ran>;
  /** As kill -9 does it: nothing is saved, tasks run on. */
  killController(): Promise<void>;
  startController(): Promise<void>;
  /** Until `squeue` answers and the node takes jobs. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

const NODE = hostname().split('.')[0]!;
const SBIN = '/usr/sbin';
const UP_MS = 60_000;

/** Whether this machine has the daemons, and the right to start them. */
export function hasSlurm(withAccounting = false): boolean {
  const programs = ['slurmctld', 'slurmd', 'munged', ...(withAccounting ? ['slurmdbd', 'mariadbd'] : [])];
  return process.getuid?.() === 0 && programs.every((name) => existsSync(join(SBIN, name)));
}

/** Starts one and waits until it takes jobs. Call `stop` whatever happens; the end of the process does it too. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'wn-slurm-')));
  for (const name of ['run', 'log', 'state', 'spool', 'db']) mkdirSync(join(dir, name), { mode: 0o755 });
  const conf = join(dir, 'slurm.conf');
  const env = { ...process.env, SLURM_CONF: conf };
  const daemons = new Map<string, ChildProcess>();

  const start = (name: string, program: string, args: readonly string[]) => {
    const log = openSync(join(dir, 'log', `${name}.out`), 'a');
    const child = spawn(existsSync(join(SBIN, program)) ? join(SBIN, program) : program, args, {
      // slurmdbd has no key for the socket of its database.
      env: { ...env, MYSQL_UNIX_PORT: join(dir, 'db', 'db.sock') },
      stdio: ['ignore', log, log],
      cwd: dir,
    });
    child.on('error', () => {});
    daemons.set(name, child);
  };
  const killNow = () => {
    for (const child of daemons.values()) child.kill('SIGKILL');
    for (const pid of offspring(conf)) kill(pid);
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  process.on('exit', killNow);

  const run = (program: string, ...args: string[]) =>
    new Promise<Ran>((resolve) => {
      execFile(program, args, { env, timeout: 30_000 }, (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
          stdout,
          stderr,
        }),
      );
    });
  const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
    for (const began = Date.now(); !(await holds()); await sleep(100)) {
      if (Date.now() - began > UP_MS) throw new Error(`${what} does not come up:\n${logs(dir)}`);
    }
  };
  const ended = async (child: ChildProcess | undefined, signal: NodeJS.Signals) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await new Promise((resolve) => child.once('exit', resolve));
    clearTimeout(hard);
  };

  const cluster: Cluster = {
    dir,
    env,
    run,
    killController: () => ended(daemons.get('slurmctld'), 'SIGKILL'),
    startController: async () => {
      start('slurmctld', 'slurmctld', ['-D', '-f', conf]);
      await cluster.ready();
    },
    ready: () =>
      until('slurmctld', async () => {
        const { code, stdout } = await run('sinfo', '-h', '-o', '%T');
        return code === 0 && /\b(idle|mixed|allocated)/.test(stdout);
      }),
    stop: async () => {
      process.removeListener('exit', killNow);
      for (const name of ['slurmctld', 'slurmd', 'slurmdbd']) await ended(daemons.get(name), 'SIGKILL');
      for (const pid of offspring(conf)) kill(pid);
      await ended(daemons.get('mariadbd'), 'SIGKILL');
      await ended(daemons.get('munged'), 'SIGTERM');
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };

  try {
    const socket = join(dir, 'run', 'munge.sock');
    writeFileSync(join(dir, 'munge.key'), randomBytes(1024), { mode: 0o400 });
    start('munged', 'munged', [
      '--foreground',
      '--force',
      `--key-file=${join(dir, 'munge.key')}`,
      `--socket=${socket}`,
      `--pid-file=${join(dir, 'run', 'munged.pid')}`,
      `--log-file=${join(dir, 'log', 'munged.log')}`,
      `--seed-file=${join(dir, 'run', 'munged.seed')}`,
    ]);
    await until('munged', () => existsSync(socket));
    const [ctldPort, slurmdPort, dbdPort] = await freePorts(3);
    if (options.accounting) {
      await startDatabase(dir, start, until);
      writeFileSync(join(dir, 'slurmdbd.conf'), dbdConf(dir, socket, dbdPort!), { mode: 0o600 });
      start('slurmdbd', 'slurmdbd', ['-D']);
    }
    writeFileSync(
      conf,
      slurmConf(dir, socket, { ctldPort: ctldPort!, slurmdPort: slurmdPort!, dbdPort: dbdPort! }, options),
    );
    writeFileSync(join(dir, 'gres.conf'), gresConf(options.gpus ?? 0));
    if (options.accounting) {
      await until('slurmdbd', async () => (await run('sacctmgr', '-i', 'add', 'cluster', 'one')).code === 0);
    }
    start('slurmctld', 'slurmctld', ['-D', '-c', '-f', conf]);
    start('slurmd', 'slurmd', ['-D', '-f', conf, '-N', NODE]);
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startDatabase(
  dir: string,
  start: (name: string, program: string, args: readonly string[]) => void,
  until: (what: string, holds: () => boolean) => Promise<void>,
): Promise<void> {
  const data = join(dir, 'db', 'data');
  const socket = join(dir, 'db', 'db.sock');
  const made = spawnSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      '--user=root',
      `--datadir=${data}`,
      '--skip-test-db',
      '--auth-root-authentication-method=normal',
    ],
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`mariadb-install-db failed: ${made.stdout}${made.stderr}`);
  start('mariadbd', 'mariadbd', [
    '--no-defaults',
    '--user=root',
    `--datadir=${data}`,
    `--socket=${socket}`,
    '--skip-networking',
    `--pid-file=${join(dir, 'db', 'db.pid')}`,
    '--innodb-buffer-pool-size=16M',
  ]);
  await until('mariadbd', () => existsSync(socket));
}

function dbdConf(dir: string, munge: string, port: number): string {
  return [
    'AuthType=auth/munge',
    `AuthInfo=socket=${munge}`,
    `DbdHost=${NODE}`,
    'DbdAddr=127.0.0.1',
    `DbdPort=${port}`,
    'SlurmUser=root',
    `LogFile=${dir}/log/slurmdbd.log`,
    `PidFile=${dir}/run/slurmdbd.pid`,
    'StorageType=accounting_storage/mysql',
    'StorageHost=localhost',
    'StorageUser=root',
    'StorageLoc=slurm_acct',
    '',
  ].join('\n');
}

function gresConf(gpus: number): string {
  // Any device file will do: nothing of them is opened.
  const files = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random'].slice(0, gpus);
  return files.map((file) => `NodeName=${NODE} Name=gpu File=${file}\n`).join('');
}

function slurmConf(
  dir: string,
  munge: string,
  ports: { readonly ctldPort: number; readonly slurmdPort: number; readonly dbdPort: number },
  options: ClusterOptions,
): string {
  const gpus = options.gpus ?? 0;
  return [
    'ClusterName=one',
    `SlurmctldHost=${NODE}(127.0.0.1)`,
    `SlurmctldPort=${ports.ctldPort}`,
    `SlurmdPort=${ports.slurmdPort}`,
    'AuthType=auth/munge',
    `AuthInfo=socket=${munge}`,
    'CryptoType=crypto/munge',
    'SlurmUser=root',
    'SlurmdUser=root',
    `StateSaveLocation=${dir}/state`,
    `SlurmdSpoolDir=${dir}/spool`,
    `SlurmctldPidFile=${dir}/run/slurmctld.pid`,
    `SlurmdPidFile=${dir}/run/slurmd.pid`,
    `SlurmctldLogFile=${dir}/log/slurmctld.log`,
    `SlurmdLogFile=${dir}/log/slurmd.log`,
    'SlurmdParameters=config_overrides',
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'SchedulerType=sched/backfill',
    'SchedulerParameters=sched_interval=1,bf_interval=2',
    'JobCompType=jobcomp/none',
    'ReturnToService=2',
    `MinJobAge=${options.minJobAgeSeconds ?? 3600}`,
    'KillWait=5',
    'MessageTimeout=5',
    'SlurmctldTimeout=300',
    ...(options.accounting
      ? [
          'AccountingStorageType=accounting_storage/slurmdbd',
          'AccountingStorageHost=127.0.0.1',
          `AccountingStoragePort=${ports.dbdPort}`,
          `AccountingStoragePass=${munge}`,
          'AccountingStoreFlags=job_comment',
          'JobAcctGatherType=jobacct_gather/linux',
        ]
      : ['AccountingStorageType=accounting_storage/none', 'JobAcctGatherType=jobacct_gather/none']),
    ...(options.preemption
      ? ['PreemptType=preempt/partition_prio', 'PreemptMode=REQUEUE', 'RequeueExit=85']
      : []),
    ...(gpus > 0 ? ['GresTypes=gpu'] : []),
    ...(options.conf ?? []),
    `NodeName=${NODE} NodeAddr=127.0.0.1 CPUs=${options.cpus ?? 4} RealMemory=4000 State=UNKNOWN${gpus > 0 ? ` Gres=gpu:${gpus}` : ''}`,
    `PartitionName=main Nodes=${NODE} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO${options.preemption ? ' PriorityTier=1 PreemptMode=REQUEUE GraceTime=1' : ''}`,
    ...(options.preemption
      ? [
          `PartitionName=high Nodes=${NODE} MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=10 PreemptMode=OFF`,
        ]
      : []),
    '',
  ].join('\n');
}

/** What the daemons started and left: step daemons and tasks have the cluster's own SLURM_CONF in their environment. */
function offspring(conf: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      if (readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(`SLURM_CONF=${conf}`))
        found.push(Number(name));
    } catch {
      // It has ended.
    }
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function logs(dir: string): string {
  return readdirSync(join(dir, 'log'))
    .map((name) => `--- ${name}\n${readFileSync(join(dir, 'log', name), 'utf8').slice(-2000)}`)
    .join('\n');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
