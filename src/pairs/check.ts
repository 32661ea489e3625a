import type { PreferencePair, RefusedRow, Text } from './pair.ts';

/**
 * Whether a pair can teach anything: `identical-sides`, `empty-chosen`, `empty-rejected` (nothing but white
 * space), `empty-prompt`, and `duplicate` of an earlier row with the same three texts.
 * `earlier` maps the ids of the pairs that were kept so far to their rows.
 */
export function checkPair(pair: PreferencePair, earlier: ReadonlyMap<string, number>): RefusedRow | null {
  const refuse = (cause: string, message: string, remedy: string): RefusedRow => ({
    row: pair.row,
    id: pair.id,
    cause,
    message,
    remedy,
  });
  if (isBlank(pair.prompt)) {
    return refuse('empty-prompt', `the prompt is empty: ${show(pair.prompt)}`, 'Give the row a prompt.');
  }
  for (const side of ['chosen', 'rejected'] as const) {
    if (isBlank(pair[side])) {
      return refuse(
        `empty-${side}`,
        `the ${side} completion is empty: ${show(pair[side])}`,
        'Give the row two completions, or remove it.',
      );
    }
  }
  if (JSON.stringify(pair.chosen) === JSON.stringify(pair.rejected)) {
    return refuse(
      'identical-sides',
      `chosen and rejected are the same: ${show(pair.chosen)}`,
      'Remove the row: it states no preference.',
    );
  }
  const row = earlier.get(pair.id);
  if (row !== undefined) {
    return refuse('duplicate', `the same three texts stand in row ${row}`, 'Remove one of the two rows.');
  }
  return null;
}

/** How many rows were refused for each cause, causes in order of first appearance. */
export function refusedBy(refused: readonly RefusedRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { cause } of refused) counts[cause] = (counts[cause] ?? 0) + 1;
  return counts;
}

function isBlank(text: Text): boolean {
  return typeof text === 'string'
    ? text.trim() === ''
    : text.every((message) => message.content.trim() === '');
}

function show(text: Text): string {
  const json = JSON.stringify(text);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
