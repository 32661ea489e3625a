import { basename, dirname } from 'node:path';
import type { DecoderConfig } from '../model/architecture.ts';
import { headGraph } from '../model/head.ts';
import { type LayerGraph, type LoraShape, layerGraph } from '../model/layer.ts';
import type { TensorEntry } from '../model/safetensors.ts';
import { EMBEDDING, layerPrefix } from '../model/tensors.ts';
import { type Bindings, evaluateDim } from '../tensor/dim.ts';
import { scale } from '../tensor/elementwise.ts';
import { gatherRows } from '../tensor/gather.ts';
import { gradients, topological } from '../tensor/gradients.ts';
import type { FileTensor } from '../tensor/onnx.ts';
import { compile, type Program } from '../tensor/program.ts';
import { input, type Value } from '../tensor/value.ts';

/** How the weights reach the programs: mapped from their files (frozen), or fed (trained in full). */
export interface Residence {
  readonly config: DecoderConfig;
  /** Checkpoint name → place in a file; null where the weights are fed. */
  readonly files: ReadonlyMap<string, TensorEntry> | null;
  readonly lora: LoraShape | null;
  readonly threads: number;
}

/** What the backward pass takes from the forward pass of a layer. */
export interface SavedValues {
  readonly names: readonly string[];
  readonly values: readonly Value[];
}

/**
 * The compiled parts of a decoder, made when first used. With frozen weights every layer has programs of its
 * own, bound to its weights; with fed weights all layers share one of each kind.
 */
export class Programs {
  readonly #residence: Residence;
  readonly #made = new Map<string, Promise<Program>>();
  readonly #layer: LayerGraph;
  readonly #gradients: ReadonlyMap<string, Value>;
  readonly #gradientOut: Value;
  readonly saved: SavedValues;

  constructor(residence: Residence) {
    this.#residence = residence;
    const layer = layerGraph(residence.config, residence.lora, false);
    this.#layer = layer;
    this.#gradientOut = input('dOut', layer.out.shape);
    const trained = new Map([
      ['hidden', layer.hidden],
      ...(residence.files === null ? layer.weights : []),
      ...layer.adapters,
    ]);
    const grads = gradients([{ value: layer.out, cotangent: this.#gradientOut }], [...trained.values()]);
    this.#gradients = new Map([...trained.keys()].map((name, i) => [name, grads[i] as Value]));
    this.saved = savedValues(layer.out, [...this.#gradients.values()]);
  }

  /** hidden → out, and the values that the backward pass will take, if it is asked for them. */
  forward(layer: number, saving: boolean): Promise<Program> {
    return this.#layerProgram(saving ? 'forward-saving' : 'forward', layer, () => ({
      graph: this.#layer,
      outputs: { out: this.#layer.out, ...(saving ? this.#savedRecord() : {}) },
    }));
  }

  /**
   * dOut → dHidden and the gradients of what is trained, by name within the layer (`d.` in front).
   * From saved values, or by computing the forward pass again. The first layer of a decoder with frozen
   * embeddings has no use for dHidden.
   */
  backward(layer: number, saving: boolean): Promise<Program> {
    const skipHidden = layer === 0 && this.#residence.files !== null;
    return this.#layerProgram(`${saving ? 'backward-saved' : 'backward-again'}`, layer, () => ({
      graph: this.#layer,
      outputs: Object.fromEntries(
        [...this.#gradients]
          .filter(([name]) => !(skipHidden && name === 'hidden'))
          .map(([name, value]) => [`d.${name}`, value]),
      ),
      more: { dOut: this.#gradientOut, ...(saving ? this.#savedRecord() : {}) },
    }));
  }

  /** hidden, past keys and values → out, keys, values. */
  decode(layer: number): Promise<Program> {
    return this.#layerProgram('decode', layer, () => {
      const graph = layerGraph(this.#residence.config, this.#residence.lora, true);
      return { graph, outputs: { out: graph.out, keys: graph.keys, values: graph.values } };
    });
  }

  /** ids [B, T] → hidden [B, T, D]. */
  embed(): Promise<Program> {
    const { config } = this.#residence;
    return this.#make('embed', () => {
      const table = input(EMBEDDING, [config.vocabSize, config.hiddenSize]);
      const ids = input('ids', ['B', 'T'], 'i64');
      const rows = gatherRows(table, ids);
      const hidden = config.embeddingScale === 1 ? rows : scale(rows, config.embeddingScale);
      return { feeds: { ids }, weights: new Map([[EMBEDDING, table]]), outputs: { hidden } };
    });
  }

  /**
   * The head: `logProbs` of the tokens that came, `logits`, or `gradients`: logProbs together with the
   * gradients of Σ g·logProb with respect to the hidden states and what is trained.
   */
  head(kind: 'logProbs' | 'logits' | 'gradients'): Promise<Program> {
    return this.#make(`head-${kind}`, () => {
      const graph = headGraph(this.#residence.config);
      const { hidden, targets, weights, logProbs, logits } = graph;
      if (kind === 'logits') return { feeds: { hidden }, weights, outputs: { logits } };
      if (kind === 'logProbs') return { feeds: { hidden, targets }, weights, outputs: { logProbs } };
      const g = input('g', ['N', 1]);
      const trained = new Map([['hidden', hidden], ...(this.#residence.files === null ? weights : [])]);
      const grads = gradients([{ value: logProbs, cotangent: g }], [...trained.values()]);
      const named = [...trained.keys()].map((name, i) => [`d.${name}`, grads[i] as Value]);
      return { feeds: { hidden, targets, g }, weights, outputs: { logProbs, ...Object.fromEntries(named) } };
    });
  }

  /** Bytes of activations that one layer keeps for the backward pass of a batch. */
  savedBytes(bindings: Bindings): number {
    return this.saved.values.reduce(
      (sum, value) =>
        sum + 4 * value.shape.reduce<number>((product, dim) => product * evaluateDim(dim, bindings), 1),
      0,
    );
  }

  async dispose(): Promise<void> {
    for (const program of this.#made.values()) await (await program).dispose();
    this.#made.clear();
  }

  #savedRecord(): Record<string, Value> {
    return Object.fromEntries(this.saved.names.map((name, i) => [name, this.saved.values[i] as Value]));
  }

  #layerProgram(
    kind: string,
    layer: number,
    build: () => { graph: LayerGraph; outputs: Record<string, Value>; more?: Record<string, Value> },
  ): Promise<Program> {
    const key = this.#residence.files === null ? kind : `${kind}-${layer}`;
    return this.#make(key, () => {
      const { graph, outputs, more } = build();
      const { hidden, shared, past, adapters, weights } = graph;
      const feeds = { hidden, ...shared, ...(past ?? {}), ...Object.fromEntries(adapters), ...(more ?? {}) };
      return { feeds, weights, prefix: layerPrefix(layer), outputs };
    });
  }

  #make(key: string, build: () => Parts): Promise<Program> {
    let made = this.#made.get(key);
    if (made === undefined) {
      made = this.#compile(build());
      this.#made.set(key, made);
    }
    return made;
  }

  #compile({ feeds, weights, prefix = '', outputs }: Parts): Promise<Program> {
    const { files, threads } = this.#residence;
    const inputs = { ...feeds };
    const bound = new Map<Value, FileTensor>();
    let folder: string | undefined;
    const needed = neededValues(Object.values(outputs), new Set(Object.values(feeds)));
    for (const [name, value] of weights) {
      if (!needed.has(value)) continue;
      if (files === null) {
        inputs[name] = value;
        continue;
      }
      const entry = files.get(prefix + name) as TensorEntry;
      folder ??= dirname(entry.file);
      bound.set(value, fileTensor(entry));
    }
    const used = Object.fromEntries(Object.entries(inputs).filter(([, value]) => needed.has(value)));
    const place = folder === undefined ? {} : { folder };
    return compile({ inputs: used, outputs, files: bound }, { threads, ...place });
  }
}

/** What a program is made of; weights are fed or mapped as the residence says. */
interface Parts {
  readonly feeds: Readonly<Record<string, Value>>;
  readonly weights: ReadonlyMap<string, Value>;
  /** In front of the weights' names in the checkpoint. */
  readonly prefix?: string;
  readonly outputs: Readonly<Record<string, Value>>;
}

function fileTensor(entry: TensorEntry): FileTensor {
  const { dtype, shape, begin, end, file } = entry;
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
    throw new Error(`weight ${entry.name} is ${dtype}`);
  return { dtype, shape, location: basename(file), offset: begin, length: end - begin };
}

/** The values that a program with these outputs takes in, graph inputs and cuts alike. */
function neededValues(outputs: readonly Value[], cut: ReadonlySet<Value>): ReadonlySet<Value> {
  const needed = new Set<Value>(outputs.filter((value) => cut.has(value)));
  for (const node of topological(outputs, cut)) for (const value of node.inputs) needed.add(value);
  return needed;
}

/** What the gradients take from the forward pass: the forward values at which the backward graph can be cut. */
function savedValues(out: Value, grads: readonly Value[]): SavedValues {
  const forward = new Set(topological([out]).flatMap((node) => node.outputs));
  const values = new Set<Value>();
  for (const node of topological(grads, forward))
    for (const value of node.inputs) if (forward.has(value)) values.add(value);
  return { values: [...values], names: [...values].map((_, i) => `saved${i}`) };
}
