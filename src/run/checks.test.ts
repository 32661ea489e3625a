import { describe, expect, test } from 'vitest';
import { checkSelection } from './checks.ts';
import { loadConfig } from './config.ts';

const load = (overrides: Readonly<Record<string, unknown>>) => loadConfig(null, overrides);

describe('what decides how many pairs are kept', () => {
  test('a band and a budget from the command line', () => {
    const { selection } = load({
      'selection.band': '0.2,0.8',
      'selection.budget.money': '5',
      'selection.pricePerMillionTokens': '2',
    });
    expect(selection).toMatchObject({ band: [0.2, 0.8], budget: { money: 5 }, pricePerMillionTokens: 2 });
    expect(() => checkSelection(load({}), () => ({ file: 'x' }))).not.toThrow();
  });

  test.each([
    [{ 'selection.band': '0.8,0.2' }, /selection.band is empty/],
    [{ 'selection.band': '0.2' }, /selection.band/],
    [{ 'selection.band': '0.2,1.2' }, /selection.band/],
    [{ 'selection.budget.pairs': '0' }, /selection.budget.pairs/],
    [{ 'selection.budget.pairs': '5', 'selection.budget.tokens': '5' }, /two budgets/],
    [{ 'selection.budget.money': '5' }, /needs a price/],
    [{ 'selection.keepFraction': 'auto', 'selection.budget.pairs': '5' }, /auto chooses a share/],
  ])('%j is refused', (overrides, message) => {
    expect(() => load(overrides)).toThrow(message);
  });
});
