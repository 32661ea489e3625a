import { expect, it } from 'vitest';
import { inputError, machineError, WinnowError } from '../base/errors.ts';
import { describeExit } from './exit.ts';

it('gives each kind of error its exit code', () => {
  const gate = new WinnowError('gate', 'gate-said-no', 'the gate said no');
  const stop = new WinnowError('interrupted', 'interrupted', 'stopped');
  const help = Object.assign(new Error('(outputHelp)'), { code: 'commander.helpDisplayed', exitCode: 0 });
  const usage = Object.assign(new Error("unknown option '--x'"), {
    code: 'commander.unknownOption',
    exitCode: 1,
  });
  const codes = [
    machineError('a', 'b'),
    inputError('a', 'b'),
    gate,
    stop,
    help,
    usage,
    new DOMException('', 'AbortError'),
  ];
  expect(codes.map((error) => describeExit(error, {}).code)).toEqual([1, 2, 3, 130, 0, 2, 130]);
});

it('shows a stack only to those who ask for it', () => {
  const error = new TypeError('x is not a function', { cause: new Error('because') });
  const plain = describeExit(error, {});
  expect(plain).toMatchObject({ code: 1, error: 'unexpected' });
  expect(plain.message).toMatch(/unexpected failure: x is not a function.*WINNOW_DEBUG=1/);
  expect(plain.message).not.toContain('exit.test');
  expect(describeExit(error, { WINNOW_DEBUG: '1' }).message).toMatch(
    /exit\.test[\s\S]*caused by Error: because/,
  );
  expect(describeExit('text', {}).message).toContain('text');
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(describeExit(full, {})).toMatchObject({ code: 1, error: 'disk-full' });
});
