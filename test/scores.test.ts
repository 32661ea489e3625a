import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scratch, winnow, winnowOk, writeRows } from './tiny-world.ts';

const DATA = join(import.meta.dirname, '..', '..', 'shared', 'data');
const dir = scratch('scores');
const at = (name: string) => join(dir, name);
const paper = join(DATA, 'selective_dpo_paper', 'curriculum-lens');

function text(name: string, content: string): string {
  writeFileSync(at(name), content);
  return at(name);
}

async function compare(...args: readonly string[]) {
  return JSON.parse((await winnowOk(['scores', 'compare', ...args, '--json'])).stdout);
}

const rows = Array.from({ length: 12 }, (_, i) => ({
  id: `p${i}`,
  row: i,
  difficulty: (i * 5) % 12,
  rank: 1,
}));
const own = writeRows(at('difficulty.jsonl'), rows);

describe('winnow scores compare', () => {
  it('reads Winnow’s own files and folders, CSV with one column or raw ones, JSON Lines, gzipped or not', async () => {
    const parts = rows.map(({ id, difficulty }) => [id, difficulty - 1, difficulty + 1] as const);
    const raw = at('raw.csv');
    writeFileSync(
      raw,
      `prompt_id,loss_step00_seed41,loss_step01_seed41,note\n${parts.map((cells) => `${cells.join(',')},x`).join('\n')}\n`,
    );
    const zipped = at('order.csv.gz');
    writeFileSync(
      zipped,
      gzipSync(
        `\uFEFFprompt_id,loss_step00_seed41,learning_order\r\n${parts.map(([id, low]) => `${id},9,${low}`).join('\r\n')}`,
      ),
    );
    const bare = at('bare.csv');
    writeFileSync(bare, parts.map(([id, low]) => `${id},${low}`).join('\n'));
    const lines = writeRows(
      at('other.jsonl'),
      parts.map(([id, low]) => ({ pair_id: id, score: low })),
    );
    const scores = writeRows(
      at('scores.jsonl'),
      rows.flatMap(({ id, difficulty }) =>
        [1, 2].map((seed) => ({ id, part: 0, seed, checkpoint: 1, loss: difficulty + seed })),
      ),
    );
    for (const [file, columns] of [
      [raw, 'mean of 2 columns'],
      [zipped, 'learning_order'],
      [bare, 'second column'],
      [lines, 'difficulty'],
      [scores, 'mean of 2 losses'],
      [dir, 'difficulty'],
    ] as const) {
      const found = await compare(own, file);
      expect(found).toMatchObject({
        n: 12,
        jaccardEasiest: 1,
        easyAgreement: 1,
        difficultAgreement: 1,
      });
      expect(found.b.from).toBe(columns);
    }
    const { stdout } = await winnowOk(['scores', 'compare', own, raw, '--at', '0.25,0.5']);
    expect(stdout).toMatch(/Spearman 1\.000/);
    expect(stdout).toMatch(/Easy in A, easy in B too: 100\.0%/);
    expect(stdout).not.toMatch(/NaN|undefined|null/);
  });

  it('rows of one id are refused, or averaged where that is asked for', async () => {
    const twice = at('twice.csv');
    writeFileSync(twice, 'prompt_id,loss\na,1\nb,2\na,5\n');
    const single = writeRows(at('single.jsonl'), [
      { id: 'a', difficulty: 3 },
      { id: 'b', difficulty: 2 },
    ]);
    const ended = await winnow(['scores', 'compare', single, twice]);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(/twice\.csv, line 4: an id occurs twice.*--average/s);
    expect(await compare(single, twice, '--average')).toMatchObject({
      n: 2,
      shareBelowLn2: { a: 0, b: 0 },
      easyAgreement: 1,
    });
  });

  it('columns may be named', async () => {
    const odd = text(
      'odd.csv',
      `id,easy_x,hard_x,hard_y\n${rows.map(({ id, difficulty }) => `${id},${-difficulty},${difficulty},${difficulty}`).join('\n')}`,
    );
    const found = await compare(odd, odd, '--columns-a', 'hard_*', '--columns-b', 'hard_y');
    expect(found).toMatchObject({ n: 12, easyAgreement: 1, a: { from: 'mean of 2 columns' } });
    const ended = await winnow(['scores', 'compare', odd, odd, '--columns-a', 'none']);
    expect(ended.stderr).toMatch(/no column of the file has this name/);
    expect(ended.code).toBe(2);
  });

  it.each([
    ['a file that is not there', () => [own, at('nowhere.csv')], /nowhere\.csv/],
    ['an empty file', () => [own, text('empty.csv', 'id,loss\n')], /empty\.csv.*no score/s],
    [
      'no score',
      () => [own, text('nan.csv', 'id,loss\np0,1\np1,nan\n')],
      /nan\.csv, line 3: a score is not a finite number.*"nan"/s,
    ],
    [
      'an infinite one',
      () => [own, writeRows(at('inf.jsonl'), [{ id: 'p0', difficulty: null }])],
      /inf\.jsonl, line 1/,
    ],
    ['no id', () => [own, writeRows(at('noid.jsonl'), [{ difficulty: 1 }])], /not a file of scores/],
    [
      'other pairs',
      () => [own, writeRows(at('others.jsonl'), [{ id: 'q', difficulty: 1 }])],
      /no id in common/,
    ],
    [
      'a folder without scores',
      () => [own, mkdirSync(at('bare/folder'), { recursive: true }) ?? at('bare')],
      /bare.*winnow score/s,
    ],
    ['a share that is none', () => [own, own, '--at', '1.5'], /--at/],
    ['three shares', () => [own, own, '--at', '.1,.2,.3'], /--at/],
  ])('refuses %s', async (_, args, message) => {
    const ended = await winnow(['scores', 'compare', ...args()]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/unexpected failure|\n\s+at /);
  });

  /** Gao et al. 2025, Fig. 11 and appendix E.2; to one decimal they are the printed ones, but for 63.3. */
  it.skipIf(!existsSync(paper))(
    'published scores of Qwen-2.5: the paper’s Fig. 11 (shared/data/selective_dpo_paper)',
    async () => {
      const order = (size: string) => join(paper, `qwen-2.5-${size}-argilla_learning_order.csv`);
      const easy = { '3b': 0.637, '7b': 0.712, '14b': 0.813 };
      const told: [keyof typeof easy, keyof typeof easy, number, number][] = [
        ['3b', '7b', 95.879, 72.119],
        ['3b', '14b', 98.046, 48.079],
        ['7b', '3b', 85.781, 90.89],
        ['7b', '14b', 99.368, 63.352],
        ['14b', '3b', 76.812, 93.344],
        ['14b', '7b', 87.014, 97.594],
      ];
      for (const [a, b, easyShare, difficultShare] of told) {
        const found = await compare(order(a), order(b), '--at', `${easy[a]},${easy[b]}`);
        expect(found.n).toBe(6668);
        expect(100 * found.easyAgreement).toBeCloseTo(easyShare, 2);
        expect(100 * found.difficultAgreement).toBeCloseTo(difficultShare, 2);
      }
      const half = await compare(order('0.5b'), order('14b'));
      expect(half.spearman).toBeCloseTo(0.701, 3);
      expect(half.jaccardEasiest).toBeCloseTo(0.632, 3);
      expect(half.shareBelowLn2.a).toBeCloseTo(0.688, 3);
      expect(half.shareBelowLn2.b).toBeCloseTo(0.745, 3);
    },
  );
});
