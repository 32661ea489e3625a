import { basename, dirname } from 'node:path';
import type { DecoderConfig } from '../model/architecture.ts';
import { headGraph, rewardGraph } from '../model/head.ts';
import { type LayerGraph, type LoraShape, layerGraph } from '../model/layer.ts';
import type { TensorEntry } from '../model/safetensors.ts';
import { EMBEDDING, layerPrefix } from '../model/tensors.ts';
import { evaluateDim } from '../tensor/dim.ts';
import { scale } from '../tensor/elementwise.ts';
import { gatherRows } from '../tensor/gather.ts';
import type { Device } from '../tensor/gpu.ts';
import { gradients, topological } from '../tensor/gradients.ts';
import type { Precision } from '../tensor/integer-products.ts';
import type { FileTensor } from '../tensor/onnx.ts';
import { compile, compileModes, type Program } from '../tensor/program.ts';
import { input, type Value } from '../tensor/value.ts';

/** How the weights reach the programs: mapped from their files, or fed (trained in full, or frozen and held). */
export interface Residence {
  readonly config: DecoderConfig;
  /** Checkpoint name → place in a file; null where all weights are trained: they are fed. */
  readonly files: ReadonlyMap<string, TensorEntry> | null;
  /** Whether frozen weights are fed too, held as float32 by the caller. Default: not. */
  readonly held?: boolean;
  readonly lora: LoraShape | null;
  readonly threads: number;
  /** Default: the CPU. */
  readonly device?: Device;
  /** How scoring computes its products with frozen weights. Default: in float32, as all else does. */
  readonly precision?: Precision;
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
 * The compiled parts of a decoder, made when first used. With frozen weights every layer has programs of its own,
 * bound to its weights; with fed weights all layers share them. What runs over the same weights (forward and
 * backward of a layer, the head's ways) is one session, so that the weights are mapped once.
 */
export class Programs {
  readonly #residence: Residence;
  readonly #made = new Map<string, Promise<Record<string, Program>>>();
  readonly #layers = new Map<number, TrainedLayer>();
  /** Scoring between training steps uses the sessions that are there. */
  #lastKind: LayerKind = 'score';

  constructor(residence: Residence) {
    this.#residence = residence;
  }

  /** Weights that are trained change with every step: rounding them anew would cost more than it saves. */
  get #scoring(): Precision {
    const { files, precision = 'f32' } = this.#residence;
    return files === null ? 'f32' : precision;
  }

  /** hidden → out, without a backward pass to come. */
  score(layer: number, segments: number): Promise<Program> {
    const kind = this.#scoring === 'f32' ? this.#lastKind : 'score';
    return this.#layerProgram(layer, segments, kind, 'score');
  }

  /** hidden → out, and, where the backward pass is to be from saved values, these. */
  forward(layer: number, segments: number, saving: boolean): Promise<Program> {
    return this.#layerProgram(layer, segments, saving ? 'saving' : 'again', 'forward');
  }

  /**
   * dOut → dHidden and the gradients of what is trained, by name within the layer (`d.` in front).
   * From saved values, or by computing the forward pass again. The first layer of a decoder with frozen
   * embeddings has no use for dHidden.
   */
  backward(layer: number, segments: number, saving: boolean): Promise<Program> {
    return this.#layerProgram(layer, segments, saving ? 'saving' : 'again', 'backward');
  }

  /** hidden, past keys and values → out, keys, values. */
  decode(layer: number): Promise<Program> {
    const { config, lora } = this.#residence;
    return this.#make(this.#fed('f32') ? 'decode' : `decode-${layer}`, 'decode', () => {
      const graph = layerGraph(config, lora, 'past');
      const mode = { feeds: layerFeeds(graph), outputs: { out: graph.out, ...graph.present } };
      return { weights: graph.weights, prefix: layerPrefix(layer), modes: { decode: mode } };
    });
  }

  /** ids [B, T] → hidden [B, T, D]. */
  embed(): Promise<Program> {
    const { config } = this.#residence;
    return this.#make('embed', 'embed', () => {
      const table = input(EMBEDDING, [config.vocabSize, config.hiddenSize]);
      const ids = input('ids', ['B', 'T'], 'i64');
      const rows = gatherRows(table, ids);
      const hidden = config.embeddingScale === 1 ? rows : scale(rows, config.embeddingScale);
      return {
        weights: new Map([[EMBEDDING, table]]),
        modes: { embed: { feeds: { ids }, outputs: { hidden } } },
      };
    });
  }

  /**
   * The head: `logProbs` of the tokens that came, `logits`, or `gradients`: logProbs together with the
   * gradients of Σ g·logProb with respect to the hidden states and what is trained.
   */
  head(kind: 'logProbs' | 'logits' | 'gradients'): Promise<Program> {
    const scoring = this.#scoring;
    if (kind === 'logProbs' && scoring !== 'f32') return this.#scoringHead(scoring);
    return this.#make('head', kind, () => {
      const { hidden, targets, weights, logProbs, logits } = headGraph(this.#residence.config);
      const g = input('g', ['N', 1]);
      const trained = new Map([['hidden', hidden], ...(this.#residence.files === null ? weights : [])]);
      const grads = gradients([{ value: logProbs, cotangent: g }], [...trained.values()]);
      const named = [...trained.keys()].map((name, i) => [`d.${name}`, grads[i] as Value]);
      return {
        weights,
        modes: {
          logits: { feeds: { hidden }, outputs: { logits } },
          logProbs: { feeds: { hidden, targets }, outputs: { logProbs } },
          gradients: {
            feeds: { hidden, targets, g },
            outputs: { logProbs, ...Object.fromEntries(named) },
          },
        },
      };
    });
  }

  /** A reward model's head: hidden states of last tokens → `rewards`. */
  rewards(): Promise<Program> {
    return this.#make('rewards', 'rewards', () => {
      const { hidden, rewards, weights } = rewardGraph(this.#residence.config);
      return { weights, modes: { rewards: { feeds: { hidden }, outputs: { rewards } } } };
    });
  }

  /** The head for scoring alone, where its products are not float32's. */
  #scoringHead(precision: Precision): Promise<Program> {
    return this.#make(`head-${precision}`, 'logProbs', () => {
      const { hidden, targets, weights, logProbs } = headGraph(this.#residence.config);
      const modes = { logProbs: { feeds: { hidden, targets }, outputs: { logProbs } } };
      return { weights, modes, precision };
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
    for (const programs of this.#made.values())
      for (const program of Object.values(await programs)) await program.dispose();
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

  #layerProgram(layer: number, segments: number, kind: LayerKind, mode: LayerMode): Promise<Program> {
    const { files } = this.#residence;
    const precision = kind === 'score' ? this.#scoring : 'f32';
    if (precision === 'f32') this.#lastKind = kind;
    // Nobody asks for the first layer's dHidden where the embeddings are frozen.
    const first = layer === 0 && files !== null && kind !== 'score';
    const place = this.#fed(precision) ? (first ? '-first' : '') : `-${layer}`;
    return this.#make(`layer${place}-of-${segments}-${kind}-${precision}`, mode, () => {
      const trained = this.#layer(segments);
      const modes = layerModes(trained, kind, first);
      return { weights: trained.graph.weights, prefix: layerPrefix(layer), modes, precision };
    });
  }

  /** Whether the weights of a program with this precision are fed. */
  #fed(precision: Precision): boolean {
    const { files, held = false } = this.#residence;
    return files === null || (held && precision === 'f32');
  }

  async #make(key: string, mode: string, build: () => Parts): Promise<Program> {
    let made = this.#made.get(key);
    if (made === undefined) {
      made = this.#compile(build());
      this.#made.set(key, made);
    }
    return (await made)[mode] as Program;
  }

  async #compile({
    weights,
    prefix = '',
    modes,
    precision = 'f32',
  }: Parts): Promise<Record<string, Program>> {
    const { files, threads, device = 'cpu' } = this.#residence;
    const fed = this.#fed(precision);
    const bound = new Map<Value, FileTensor>();
    let folder: string | undefined;
    const specs = Object.entries(modes).map(([mode, { feeds, outputs }]) => {
      const needed = neededValues(Object.values(outputs), new Set(Object.values(feeds)));
      const inputs = { ...feeds };
      for (const [name, value] of weights) {
        if (!needed.has(value)) continue;
        const entry = fed ? undefined : files?.get(prefix + name);
        if (entry === undefined) {
          inputs[name] = value;
          continue;
        }
        folder ??= dirname(entry.file);
        bound.set(value, fileTensor(entry));
      }
      const used = Object.fromEntries(Object.entries(inputs).filter(([, value]) => needed.has(value)));
      return [mode, { inputs: used, outputs }] as const;
    });
    const options = { threads, device, precision, ...(folder === undefined ? {} : { folder }) };
    const [only, ...others] = specs;
    if (only !== undefined && others.length === 0)
      return { [only[0]]: await compile({ ...only[1], files: bound }, options) };
    return compileModes(Object.fromEntries(specs), bound, options);
  }
}

/** What programs over the same weights are made of; the weights are fed or mapped as the residence says. */
interface Parts {
  readonly weights: ReadonlyMap<string, Value>;
  /** In front of the weights' names in the checkpoint. */
  readonly prefix?: string;
  /** Default: f32. */
  readonly precision?: Precision;
  readonly modes: Readonly<Record<string, ModeParts>>;
}

interface ModeParts {
  readonly feeds: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
}

/** What a layer's session can do: only score, or train from saved values, or by computing them again. */
type LayerKind = 'score' | 'saving' | 'again';
type LayerMode = 'score' | 'forward' | 'backward';

function layerModes(
  { graph, gradients: all, gradientOut, saved }: TrainedLayer,
  kind: LayerKind,
  skipHidden: boolean,
): Partial<Record<LayerMode, ModeParts>> {
  const feeds = layerFeeds(graph);
  const score = { feeds, outputs: { out: graph.out } };
  if (kind === 'score') return { score };
  const outputs = Object.fromEntries(
    Object.entries(all).filter(([name]) => !(skipHidden && name === 'd.hidden')),
  );
  const back = { ...feeds, dOut: gradientOut };
  if (kind === 'again') return { score, forward: score, backward: { feeds: back, outputs } };
  return {
    score,
    forward: { feeds, outputs: { out: graph.out, ...saved } },
    backward: { feeds: { ...back, ...saved }, outputs },
  };
}

function layerFeeds({ hidden, shared, past, adapters }: LayerGraph): Record<string, Value> {
  return { hidden, ...shared, ...past, ...Object.fromEntries(adapters) };
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
