import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createProgress, duration } from './progress.ts';

function record(isTTY: boolean, env: NodeJS.ProcessEnv = {}, quiet = false) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  return { written, clock, progress: createProgress({ stream, env, quiet, nowMs: () => clock.ms }) };
}

describe('createProgress', () => {
  it('writes a plain line every 10 % or 5 s where there is no terminal', () => {
    const { written, clock, progress } = record(false);
    const stage = progress.stage('score', { what: 'pairs' });
    for (let done = 1; done <= 100; done++) {
      clock.ms += 40;
      stage.update('a', done, 100);
    }
    expect(written).toHaveLength(11);
    expect(written[0]).toBe('score: 1 %, 1/100 pairs\n');
    expect(written[5]).toBe('score: 50 %, 50/100 pairs, 25 pairs/s, 2 s left\n');
    stage.end('100 pairs');
    expect(written.at(-1)).toBe('score: done in 4 s, 100 pairs\n');

    const slow = progress.stage('train', { what: 'steps' });
    written.length = 0;
    for (let done = 1; done <= 4; done++) {
      clock.ms += 4_000;
      slow.update('a', done, 1000, 'loss 0.69');
    }
    expect(written).toEqual([
      'train: 0 %, 1/1000 steps, 4.0 s/step, 1 h 06 min left, loss 0.69\n',
      'train: 0 %, 3/1000 steps, 4.0 s/step, 1 h 06 min left, loss 0.69\n',
    ]);
    expect(written.join('')).not.toContain('\u001b');
  });

  it('tells what was there already in the last line, and counts none of it as speed', () => {
    const { written, clock, progress } = record(false);
    const stage = progress.stage('train', { parts: 4, what: 'steps' });
    for (const part of ['a', 'b', 'c']) stage.reuse(part);
    expect(written).toEqual([]);
    clock.ms += 2_000;
    stage.update('d', 10, 100);
    expect(written).toEqual(['train: 77 %, 3/4\n']);
    stage.end();
    expect(written.at(-1)).toBe('train: done in 2 s, 3 of 4 there already\n');
    const all = progress.stage('score', { parts: 1 });
    all.reuse('a');
    all.end();
    expect(written.at(-1)).toBe('score: done in 0 s, all there already\n');
  });

  it('renews one line on a terminal, no wider than it is, in colour unless told not to', () => {
    const { written, clock, progress } = record(true);
    const stage = progress.stage('train', { what: 'steps' });
    stage.update('a', 1, 10);
    clock.ms = 50;
    stage.update('a', 2, 10);
    expect(written).toHaveLength(1);
    clock.ms = 2_000;
    stage.update('a', 5, 10, 'x'.repeat(100));
    expect(written[0]).toBe('train [##..................]  10 % \u001b[2m1/10 steps\u001b[22m');
    expect(written[1]).toBe('\r\u001b[2K');
    const shown = stripVTControlCharacters(written[2] ?? '');
    expect(shown).toContain('[##########..........]  50 % 5/10 steps · 2.5 steps/s · 2 s left · xxx');
    expect(shown.length).toBeLessThan(80);
    progress.note('by the way');
    expect(written.slice(3)).toEqual(['\r\u001b[2K', 'by the way\n']);

    const plain = record(true, { NO_COLOR: '1' });
    plain.progress.stage('train').update('a', 1, 2);
    expect(plain.written.join('')).not.toContain('\u001b');
  });

  it('adds up the parts of a stage, and does not count what an earlier run did as speed', () => {
    const { written, clock, progress } = record(false);
    const stage = progress.stage('runs', { parts: 4, what: 'steps' });
    clock.ms = 10_000;
    stage.update('a', 50, 100);
    clock.ms = 20_000;
    stage.update('a', 100, 100);
    expect(written).toEqual(['runs: 12 %, 0/4\n', 'runs: 25 %, 1/4, 2.5 steps/s, 2 min 00 s left\n']);
  });

  it('is silent when quiet', () => {
    const { written, progress } = record(true, {}, true);
    const stage = progress.stage('a');
    stage.update('a', 1, 2);
    stage.end();
    progress.note('b');
    progress.close();
    expect(written).toEqual([]);
  });
});

it('duration has units', () => {
  expect([400, 59_400, 200_000, 7_500_000].map(duration)).toEqual([
    '0 s',
    '59 s',
    '3 min 20 s',
    '2 h 05 min',
  ]);
});
