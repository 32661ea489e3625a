import { join } from 'node:path';
import type { Command } from 'commander';
import { writeFileAtomic } from '../base/files.ts';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { modelName } from '../model/hub.ts';
import { refusedBy } from '../pairs/check.ts';
import type { RefusedRow } from '../pairs/pair.ts';
import { readPairs } from '../pairs/read.ts';
import { type DataSurvey, Surveyor } from '../pairs/survey/survey.ts';
import { pairOptions } from '../pipeline/prepare.ts';
import { tokenSurvey } from '../pipeline/token-survey.ts';
import { VERSION } from '../pipeline/version.ts';
import type { CheckData } from '../report/check-data.ts';
import { renderCheck } from '../report/check-page.ts';
import { checkFindings } from '../report/check-sentences.ts';
import { wrap } from '../report/width.ts';
import type { Language } from '../report/words.ts';
import { type Config, requireKey } from '../run/config.ts';
import { openRun } from '../run/folder.ts';
import { type CommonFlags, configOf, withRunFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { type Said, travel } from './verbs.ts';

/** `winnow check`: what is in the data, before anything is trained. Alone, or under a model's tokenizer. */
export function addCheck(program: Command, outside: Outside): void {
  const command = program
    .command('check')
    .description(
      'say what is in the pairs before anything is trained: refused rows, contradictions, shortcuts, duplicates, languages; with --model also tokens and cost',
    )
    .argument('[data]', 'file or folder of pairs (or --data)');
  withRunFlags(command).action(async (data: string | undefined, flags: CommonFlags) => {
    const config = configOf(data === undefined ? flags : { ...flags, data });
    if (config.model === null) {
      const { looked, refused } = await lookAt(config, outside);
      openRun(config.out, { create: true, version: VERSION, command: outside.commandLine });
      writeJsonLines(join(config.out, 'refused.jsonl'), refused);
      const said = saidOf(config, { ...looked, model: null, split: null, tokens: null }, refused);
      outside.print(flags.json === true ? `${JSON.stringify(said.data, null, 2)}\n` : `${said.text}\n`);
      return;
    }
    await travel(config, flags, outside, async (way) => {
      // A model that cannot be used is told before all data are looked at.
      const prepared = await way.prepared();
      const { looked } = await lookAt(config, outside);
      const { pool, heldOut, refused, notes, checkpoint } = prepared;
      const found: CheckData = {
        ...looked,
        model: modelName(checkpoint.dir),
        ...counts(looked.read, pool.length + heldOut.length, refused),
        split: { pool: pool.length, heldOut: heldOut.length },
        tokens: tokenSurvey(prepared, config.out),
        notes,
      };
      return saidOf(config, found, refused);
    });
  });
}

interface Looked {
  readonly looked: Omit<CheckData, 'model' | 'split' | 'tokens'>;
  readonly refused: readonly RefusedRow[];
}

/** The data without any model, read pair by pair. */
async function lookAt(config: Config, outside: Outside): Promise<Looked> {
  const surveyor = new Surveyor(config.seed);
  const each = surveyor.add.bind(surveyor);
  const file = requireKey(config, 'data');
  const { refused, read, source, notes } = await readPairs(file, { ...pairOptions(config), each });
  outside.signal.throwIfAborted();
  const survey: DataSurvey = surveyor.done();
  const looked = {
    version: VERSION,
    command: outside.commandLine,
    seed: config.seed,
    source,
    ...counts(read, survey.pairs, refused),
    survey,
    notes,
  };
  return { looked, refused };
}

/** So many refused rows of each cause are told; refused.jsonl has all. */
const OF_EACH_CAUSE = 3;

function counts(read: number, used: number, refused: readonly RefusedRow[]) {
  const told = new Map<string, number>();
  const refusedRows = refused.filter(({ cause }) => {
    told.set(cause, 1 + (told.get(cause) ?? 0));
    return (told.get(cause) as number) <= OF_EACH_CAUSE;
  });
  return { read, used, refused: refused.length, refusedBy: refusedBy(refused), refusedRows };
}

/** Writes `check.json` and `check.html`, and says what they say. `refused` are all rows. */
function saidOf(config: Config, data: CheckData, refused: readonly RefusedRow[]): Said {
  writeJson(join(config.out, 'check.json'), data);
  writeFileAtomic(join(config.out, 'check.html'), renderCheck(data, config.language));
  return {
    data: {
      ...data,
      findings: checkFindings(data),
      pool: data.split?.pool ?? null,
      heldOut: data.split?.heldOut ?? null,
      promptsCut: data.tokens?.promptsCut ?? null,
      refusedRows: refused,
    },
    text: textOf(config, data),
  };
}

const MARKS = { good: '+', neutral: '-', warn: '!' } as const;
const WIDTH = 100;

function textOf(config: Config, data: CheckData): string {
  const lang: Language = config.language === 'ja' ? 'ja' : 'en';
  const { source, split, refusedRows, refused } = data;
  return [
    `${source.file} (${source.format})${split === null ? '' : `: ${split.pool} to learn from, ${split.heldOut} held out`}`,
    '',
    ...checkFindings(data).flatMap((sentence) =>
      wrap(sentence[lang], WIDTH - 2).map((line, i) =>
        i === 0 ? `${MARKS[sentence.level]} ${line}` : `  ${line}`,
      ),
    ),
    ...(data.notes.length === 0 ? [] : ['', ...data.notes]),
    ...(refusedRows.length === 0 ? [] : ['', 'Refused:']),
    ...refusedRows.map(
      ({ row, place, cause, message, remedy }) =>
        `  row ${row}${place === undefined ? '' : ` (${place.file}, row ${place.row})`}: ${cause}: ${message}. ${remedy}`,
    ),
    ...(refused > refusedRows.length
      ? [`  … and ${refused - refusedRows.length} more: ${join(config.out, 'refused.jsonl')}`]
      : []),
    '',
    join(config.out, 'check.html'),
  ].join('\n');
}
