import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The floors of the house, ground first (docs: the house). A file imports from its own floor or a lower one. */
const FLOORS = [
  'base',
  'stats',
  'tensor',
  'model',
  'pairs',
  'text',
  'policy',
  'train',
  'difficulty',
  'select',
  'judge',
  'evaluate',
  'run',
  'pipeline',
  'lab',
  'report',
  'cli',
];
const MOST_LINES = 400;

const src = join(import.meta.dirname, '..', 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts'))
  .sort();
const imports = new Map(files.map((name) => [name, importsOf(name)]));

/** Relative imports of a file (type imports too: a circle of types is a circle), as paths inside src. */
function importsOf(name: string): string[] {
  const text = readFileSync(join(src, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const found = text.matchAll(
    /^\s*(?:(?:import|export)\b[^'"`;]*?\bfrom|import)\s*['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]/gm,
  );
  return [...found].map(([, from, lazy]) =>
    relative(src, join(src, dirname(name), from ?? lazy ?? '')).replaceAll('\\', '/'),
  );
}

/** The folder of a file, or null for `index.ts` on the roof. */
function floorOf(name: string): string | null {
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : null;
}

describe('the house', () => {
  it('has no folder that is not a floor', () => {
    const unknown = files.map(floorOf).filter((floor) => floor !== null && !FLOORS.includes(floor));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('finds the imports', () => {
    expect(imports.get('run/unit.ts')).toEqual([
      'base/errors.ts',
      'base/files.ts',
      'base/hash.ts',
      'base/json.ts',
    ]);
  });

  it('imports down the floors only', () => {
    const wrong: string[] = [];
    for (const [name, targets] of imports) {
      const floor = floorOf(name);
      for (const target of targets) {
        const other = floorOf(target);
        const up = floor !== null && (other === null || FLOORS.indexOf(other) > FLOORS.indexOf(floor));
        if (up || target.startsWith('../')) wrong.push(`${name} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps the run machinery free of DPO: run imports base alone', () => {
    const wrong = [...imports]
      .filter(([name]) => floorOf(name) === 'run')
      .flatMap(([name, targets]) =>
        targets
          .filter((target) => !/^(run|base)\//.test(target))
          .map((target) => `${name} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('has no circles', () => {
    const circles: string[] = [];
    const finished = new Set<string>();
    const visit = (name: string, path: readonly string[]) => {
      if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(' -> '));
      if (path.includes(name) || finished.has(name)) return;
      for (const target of imports.get(name) ?? []) visit(target, [...path, name]);
      finished.add(name);
    };
    for (const name of files) visit(name, []);
    expect(circles).toEqual([]);
  });

  it('has no file that should be two', () => {
    const long = files
      .map((name) => [name, readFileSync(join(src, name), 'utf8').split('\n').length - 1] as const)
      .filter(([, lines]) => lines > MOST_LINES);
    expect(long).toEqual([]);
  });
});
