import { basename, dirname } from 'node:path';
import type { DecoderConfig } from '../model/architecture.ts';
import { headGraph } from '../model/head.ts';
import { type LayerGraph, type LoraShape, layerGraph } from '../model/layer.ts';
import type { TensorEntry } from '../model/safetensors.ts';
import { EMBEDDING, layerPrefix } from '../model/tensors.ts';
import { evaluateDim } from '../tensor/dim.ts';
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

/** A layer with its backward pass. */
interface TrainedLayer {
  readonly graph: LayerGraph;
  /** The gradient that arrives, of `graph.out`. */
  readonly gradientOut: Value;
  /** By name within the layer, `d.` in front: those of `hidden` and of what is trained. */
  readonly gradients: Readonly<Record<string, Value>>;
  /** What the backward pass takes from the forward pass: of what is worth keeping, where its graph can be cut. */
  readonly saved: Readonly<Record<string, Value>>;
}

/**
 * The compiled parts of a decoder, made when first used. With frozen weights every layer has programs of its
 * own, bound to its weights; with fed weights all layers share one of each kind.
 */
export class Programs {
  readonly #residence: Residence;
  readonly #made = new Map<string, Promise<Program>>();
  readonly #layers = new Map<number, TrainedLayer>();

  constructor(residence: Residence) {
    this.#residence = residence;
  }

  /** hidden → out, and the values that the backward pass will take, if it is asked for them. */
  forward(layer: number, segments: number, saving: boolean): Promise<Program> {
    return this.#layerProgram(`${saving ? 'forward-saving' : 'forward'}-${segments}`, layer, () => {
      const { graph, saved } = this.#layer(segments);
      return { graph, outputs: { out: graph.out, ...(saving ? saved : {}) } };
    });
  }

  /**
   * dOut → dHidden and the gradients of what is trained, by name within the layer (`d.` in front).
   * From saved values, or by computing the forward pass again. The first layer of a decoder with frozen
   * embeddings has no use for dHidden.
   */
  backward(layer: number, segments: number, saving: boolean): Promise<Program> {
    const skipHidden = layer === 0 && this.#residence.files !== null;
    return this.#layerProgram(`${saving ? 'backward-saved' : 'backward-again'}-${segments}`, layer, () => {
      const { graph, gradients: all, gradientOut, saved } = this.#layer(segments);
      const outputs = Object.entries(all).filter(([name]) => !(skipHidden && name === 'd.hidden'));
      const more = { dOut: gradientOut, ...(saving ? saved : {}) };
      return { graph, outputs: Object.fromEntries(outputs), more };
    });
  }

  /** hidden, past keys and values → out, keys, values. */
  decode(layer: number): Promise<Program> {
    return this.#layerProgram('decode', layer, () => {
      const graph = layerGraph(this.#residence.config, this.#residence.lora, 'past');
      return { graph, outputs: { out: graph.out, ...graph.present } };
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

  /** Bytes of activations that one layer keeps for the backward pass of a batch of B rows of T tokens. */
  savedBytes(bindings: Readonly<Record<'B' | 'T', number>>): number {
    return Object.values(this.#layer(1).saved).reduce(
      (sum, value) =>
        sum + 4 * value.shape.reduce<number>((product, dim) => product * evaluateDim(dim, bindings), 1),
      0,
    );
  }

  async dispose(): Promise<void> {
    for (const program of this.#made.values()) await (await program).dispose();
    this.#made.clear();
  }

  #layer(segments: number): TrainedLayer {
    let made = this.#layers.get(segments);
    if (made === undefined) {
      const { config, lora, files } = this.#residence;
      made = trainedLayer(layerGraph(config, lora, { segments }), files === null);
      this.#layers.set(segments, made);
    }
    return made;
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

function trainedLayer(graph: LayerGraph, allWeights: boolean): TrainedLayer {
  const gradientOut = input('dOut', graph.out.shape);
  const trained = new Map([
    ['hidden', graph.hidden],
    ...(allWeights ? graph.weights : []),
    ...graph.adapters,
  ]);
  const grads = gradients([{ value: graph.out, cotangent: gradientOut }], [...trained.values()]);
  const worth = new Set(graph.worthKeeping);
  const met = new Set<Value>();
  for (const node of topological(grads, worth))
    for (const value of node.inputs) if (worth.has(value)) met.add(value);
  return {
    graph,
    gradientOut,
    gradients: Object.fromEntries([...trained.keys()].map((name, i) => [`d.${name}`, grads[i] as Value])),
    saved: Object.fromEntries([...met].map((value, i) => [`saved${i}`, value])),
  };
}
