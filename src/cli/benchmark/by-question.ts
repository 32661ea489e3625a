import { NOT_TRIED } from '../../judge/question.ts';

/** What is asked of one model about one question; `id` is the question's. */
export interface Asked {
  readonly id: string;
}

/**
 * What is asked of all models, question by question: where asking ends early, all models have been asked the same
 * questions. Ids become those of model and question together.
 */
export function byQuestion<T extends Asked>(models: readonly (readonly T[])[], order: readonly Asked[]): T[] {
  const places = new Map(order.map(({ id }, place) => [id, place]));
  return models
    .flatMap((items, model) => items.map((item) => ({ model, item })))
    .map((one) => ({ ...one, place: places.get(one.item.id) as number }))
    .sort((a, b) => a.place - b.place || a.model - b.model)
    .map(({ model, item }) => ({ ...item, id: `${model}:${item.id}` }));
}

/** The results of each model, their ids those of the questions again. */
export function byModel<T extends Asked>(results: readonly T[], models: number): T[][] {
  const own: T[][] = Array.from({ length: models }, () => []);
  for (const result of results) {
    const { model, id } = parted(result.id);
    own[model]?.push({ ...result, id });
  }
  return own;
}

/**
 * Where asking ended early, results of questions on which some model was not asked to its end are left out: a model
 * that was asked less would else be held against others by what needs no asking, such as equal answers.
 */
export function onSameQuestions<T extends Asked>(
  results: readonly T[],
  failures: (result: T) => readonly (string | undefined)[],
): T[] {
  const open = new Set(
    results
      .filter((result) => failures(result).some((failure) => failure !== undefined && NOT_TRIED.has(failure)))
      .map(({ id }) => parted(id).id),
  );
  return results.filter(({ id }) => !open.has(parted(id).id));
}

function parted(id: string): { readonly model: number; readonly id: string } {
  const colon = id.indexOf(':');
  return { model: Number(id.slice(0, colon)), id: id.slice(colon + 1) };
}
