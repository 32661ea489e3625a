import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configJsonSchema, explainConfig, loadConfig } from '../src/run/config.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = ['CONTRIBUTING.md', 'README.md', 'docs', 'examples']
  .flatMap((place) =>
    place.endsWith('.md') ? [place] : readdirSync(join(root, place)).map((name) => `${place}/${name}`),
  )
  .filter((path) => path.endsWith('.md') && existsSync(join(root, path)));

const CONFIG_PAGE = `# Configuration

Every key of \`winnow.yaml\`, its default, the values that it may have, and where the default comes from. This is what
\`winnow config\` prints. "The paper" is Gao et al., ICML 2025 (arXiv 2502.09650); its released recipes are those of
glorgao/SelectiveDPO. On the command line a key is given by its own flag (\`winnow run --help\`) or by
\`--set SECTION.KEY=VALUE\`; flags win over the file. Relative paths in the file are relative to the file's folder, those
of flags to the working folder.

Editors that read JSON Schema check the file while it is written, with this as its first line:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/winnow-dpo/docs/winnow.schema.json
\`\`\`

\`\`\`text
${explainConfig()}\`\`\`

Generated: \`UPDATE_DOCS=1 npx vitest run test/docs.test.ts\`.
`;

describe('the docs', () => {
  it.each([
    ['docs/config.md', CONFIG_PAGE],
    ['docs/winnow.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
  ])('%s is what the code says (UPDATE_DOCS=1 rewrites it)', (path, text) => {
    if (process.env.UPDATE_DOCS === '1') writeFileSync(join(root, path), text);
    expect(read(path)).toBe(text);
  });

  it('name every floor of the house', () => {
    const section = /## The floors\n([\s\S]*?)\n## /.exec(read('docs/house.md'))?.[1] ?? '';
    const named = [...section.matchAll(/^\| `(\w+)` *\|/gm)].map(([, floor]) => floor).sort();
    const floors = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
    expect(named).toEqual(floors);
  });

  it.each(pages)('%s points only to files that are there', (page) => {
    const text = read(page);
    const inCode = [...text.matchAll(/`((?:src|test|bench|docs|examples)\/[\w./-]+\.\w+)`/g)].map(
      ([, path]) => join(root, path as string),
    );
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, path]) =>
      join(root, page, '..', path as string),
    );
    expect([...inCode, ...links].filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('the examples', () => {
  it('hh-stories.yaml is a configuration; its paths lie beside it', () => {
    const config = loadConfig(join(root, 'examples/hh-stories.yaml'));
    expect(config).toMatchObject({ limit: 400, difficulty: { folds: 2, seeds: 2 } });
    for (const path of [config.model, config.data, config.out])
      expect(path?.startsWith(join(root, 'examples'))).toBe(true);
  });
});
