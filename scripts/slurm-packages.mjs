/**
 * node scripts/slurm-packages.mjs
 *
 * Installs what the tests of executor slurm need, on Debian and Ubuntu as root: the daemons of SLURM, which the tests
 * start for themselves. Exit codes: 0 there, 2 it could not be done.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PACKAGES = ['slurmctld', 'slurmd', 'slurm-client', 'munge', 'slurm-wlm-basic-plugins'];
const PROGRAMS = ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/sbin/munged', '/usr/bin/sbatch'];

const there = () => PROGRAMS.every((program) => existsSync(program));
const run = (...args) =>
  spawnSync('apt-get', args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0;

if (there()) {
  console.log('SLURM is there');
} else if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
  console.error('slurm-packages: needs apt-get, and to be root');
  process.exitCode = 2;
} else {
  run('update');
  if (!run('install', '-y', '--no-install-recommends', ...PACKAGES) || !there()) {
    console.error('slurm-packages: apt-get could not install SLURM');
    process.exitCode = 2;
  }
}
