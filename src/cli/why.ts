import type { Command } from 'commander';
import { SCORERS } from '../difficulty/scorers.ts';
import type { Text } from '../pairs/pair.ts';
import { plainText } from '../pairs/survey/text.ts';
import type { Why } from '../pipeline/why.ts';
import { looksLikeUnit } from '../run/unit-view.ts';
import { configOf } from './options.ts';
import type { Outside } from './outside.ts';

interface WhyFlags {
  readonly out?: string;
  readonly json?: boolean;
}

/** `winnow why`: the story of one pair. */
export function addWhy(program: Command, outside: Outside): void {
  program
    .command('why')
    .description(
      'all that a run knows of one pair (its texts, its difficulty, the rules and people that decided), or of one unit (its tries)',
    )
    .argument(
      '<id or row>',
      'the beginning of a pair’s id, a row of the data (the first is 0), or a unit as `winnow status` names it',
    )
    .option('--out <run>', 'the run folder (default: winnow-run)')
    .option('--json', 'data as JSON on stdout')
    .action(async (which: string, flags: WhyFlags) => {
      if (looksLikeUnit(which)) return (await import('./units.ts')).whyUnit(which, flags, outside);
      const { why } = await import('../pipeline/why.ts');
      const found = await why(configOf({ ...flags }), which);
      outside.print(
        flags.json === true ? `${JSON.stringify(found, null, 2)}\n` : `${found.map(whyText).join('\n\n')}\n`,
      );
    });
}

const LONGEST = 400;

/** A text on one line, its middle left out where it is long. */
export function shortened(text: Text, longest = LONGEST): string {
  const characters = [...plainText(text).replaceAll(/\s*\n\s*/g, ' ⏎ ')];
  if (characters.length <= longest) return characters.join('');
  const head = Math.ceil(0.7 * longest);
  const tail = longest - head;
  return `${characters.slice(0, head).join('')} … ${characters.slice(-tail).join('')}`;
}

function whyText(story: Why): string {
  const { id, row, role, pair, refused, tokens, difficulty, suspicion, selection } = story;
  const lines = [`row ${row}, ${id ?? 'no id'} (${role})`];
  if (pair !== null) {
    const count = (side: 'prompt' | 'chosen' | 'rejected') =>
      tokens === null ? '' : ` (${tokens[side]} tokens)`;
    for (const side of ['prompt', 'chosen', 'rejected'] as const)
      lines.push(`  ${side}${count(side)}: ${shortened(pair[side])}`);
    if (Object.keys(pair.meta).length > 0) lines.push(`  meta: ${shortened(JSON.stringify(pair.meta))}`);
  }
  if (refused !== null) lines.push(`refused: ${refused.message}. ${refused.remedy}`);
  if (role === 'held-out') lines.push('kept apart for evaluation: not scored, and no rule is asked about it');
  if (difficulty !== null) {
    const { difficulty: value, spread, rank, of, percentile, n } = difficulty;
    const unit = SCORERS[story.scorer].unit;
    const said =
      value < Math.LN2
        ? 'below ln 2: held-out models order it as labelled'
        : 'above ln 2: held-out models do not order it as labelled';
    lines.push(
      `difficulty ${value.toFixed(4)}${unit === '' ? '' : ` ${unit}`} (${story.scorer}, mean of ${n}; ${spread === null ? 'no spread known' : `spread ${spread.toFixed(4)}`})${story.scorer === 'validation-loss' ? `, ${said}, on average` : ''}`,
      `rank ${rank} of ${of}: as hard as or harder than ${percentile.toFixed(1)} % of the pairs`,
    );
  }
  for (const score of story.scores)
    lines.push(
      `  seed ${score.seed}, part ${score.part}, checkpoint ${score.checkpoint}: log p(chosen) ${score.chosenLogProb.toFixed(3)} (reference ${score.refChosenLogProb.toFixed(3)}), log p(rejected) ${score.rejectedLogProb.toFixed(3)} (reference ${score.refRejectedLogProb.toFixed(3)}), margin ${score.margin.toFixed(4)}, loss ${score.loss.toFixed(4)}`,
    );
  if (suspicion !== null)
    lines.push(`label: ${SUSPICIONS[suspicion.suspicion]} (z ${suspicion.z.toFixed(2)})`);
  for (const { name, line, action, because, decides } of story.rules)
    lines.push(
      `rule ${name} (line ${line}) matches: ${action}${decides && action !== 'review' ? ', and decides' : ''}${because === null ? '' : `. ${because}`}`,
    );
  for (const { decision, note, time, reviewer } of story.decisions)
    lines.push(`${reviewer ?? 'a person'} said ${decision} (${time})${note === null ? '' : `: ${note}`}`);
  if (selection !== null && role === 'pool') {
    const { decision, reason, position, kept, threshold, keepFraction } = selection;
    lines.push(
      `${decision}: ${reason}`,
      `threshold ${threshold.toFixed(4)} (keep fraction ${keepFraction})${difficulty === null ? '' : `, ${Math.abs(difficulty.difficulty - threshold).toFixed(4)} ${difficulty.difficulty > threshold ? 'below this pair' : 'above this pair'}`}`,
      position === null ? 'not trained on' : `place ${position + 1} of ${kept} in the training order`,
    );
  } else if (selection === null && role === 'pool') lines.push('not selected yet');
  if (story.neighbours.length > 0) lines.push('next in rank:');
  for (const near of story.neighbours)
    lines.push(
      `  rank ${near.rank}, row ${near.row} (${near.id.slice(0, 12)}), difficulty ${near.difficulty.toFixed(4)}${near.decision === null ? '' : `, ${near.decision}`}: ${shortened(near.prompt, 60)}`,
    );
  return lines.join('\n');
}

const SUSPICIONS = {
  learned: 'held-out models agree with it beyond what seeds differ by',
  unclear: 'held-out models cannot tell, within what seeds differ by',
  against: 'held-out models order the pair against it beyond what seeds differ by: it may be wrong',
} as const;
