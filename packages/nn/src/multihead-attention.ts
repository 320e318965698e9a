import {
  ArgumentError,
  cat,
  defaultGenerator,
  type Generator,
  type Parameter,
  padZeros,
  type Shape,
  ShapeError,
  sameShape,
  scope,
  show,
  type Tensor,
  zeros,
} from "@descent/core";
import { checkMask, hiding, scaledDotProductAttention } from "./attention.ts";
import { Module } from "./base.ts";
import { dropout } from "./dropout.ts";
import { zeros as fillZeros, xavierNormal, xavierUniform } from "./init.ts";
import { Linear, linear } from "./linear.ts";
import { checkFraction, checkSizes, withDefaults } from "./options.ts";
import { parameter } from "./variables.ts";

/** Options of `MultiheadAttention`. */
export interface MultiheadAttentionOptions {
  /** The probability with which, in training, a weight is zeroed. Default 0. */
  readonly dropout?: number;
  /** Whether projections add a bias, which starts as zeros. Default true. */
  readonly bias?: boolean;
  /** Whether a learnt key and value is added to those given. Default false. */
  readonly addBiasKv?: boolean;
  /** Whether a key and value of zeros is added to those given. Default false. */
  readonly addZeroAttn?: boolean;
  /** The size of keys. Default `null`: `embedDim`. */
  readonly kdim?: number | null;
  /** The size of values. Default `null`: `embedDim`. */
  readonly vdim?: number | null;
  /** Whether the batch is the first axis, `[N, L, E]`, and not the second, `[L, N, E]`. Default false. */
  readonly batchFirst?: boolean;
  /** Where the random numbers of dropout come from. Default: the default generator. */
  readonly generator?: Generator;
}

/** Options of a call of `MultiheadAttention`. In bool masks true hides a key, floating ones are added to the scores. */
export interface MultiheadAttentionCall {
  /** The keys that no query sees: `[N, S]`, or `[S]` without a batch. Default `null`: none. */
  readonly keyPaddingMask?: Tensor | null;
  /** Whether the weights are returned too. Default true; false is faster. */
  readonly needWeights?: boolean;
  /** The keys that each query does not see: `[L, S]`, or for each sample and head `[N·numHeads, L, S]`. Default `null`: none. */
  readonly attnMask?: Tensor | null;
  /** Whether the weights are averaged over heads. Default true. */
  readonly averageAttnWeights?: boolean;
  /** Says that `attnMask`, which has to be there, is causal. Default false. */
  readonly isCausal?: boolean;
}

/** Named as in PyTorch, so that models print alike. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention of several heads, each in a projection of its own (Vaswani et al. 2017): query `[L, N, embedDim]`, key `[S, N, kdim]` and value
 * `[S, N, vdim]`, without `N`, or with `batchFirst` `[N, L, …]`.
 *
 * Gives `[output, weights]`: the output shaped like the query, and weights `[N, L, S]`, per head `[N, numHeads, L, S]`, or `null`. A query
 * that sees no key gets NaN where weights are needed, and otherwise zeros.
 */
export class MultiheadAttention extends Module {
  /** @internal */
  static override readonly discreet: unknown = MultiheadAttention;
  readonly qProjWeight: Parameter | null;
  readonly kProjWeight: Parameter | null;
  readonly vProjWeight: Parameter | null;
  readonly inProjWeight: Parameter | null;
  readonly inProjBias: Parameter | null;
  readonly biasK: Parameter | null;
  readonly biasV: Parameter | null;
  readonly outProj: Linear;
  readonly #numHeads: number;
  readonly #options: Required<MultiheadAttentionOptions>;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    this.#options = withDefaults(NAME, options, {
      dropout: 0,
      bias: true,
      addBiasKv: false,
      addZeroAttn: false,
      kdim: null,
      vdim: null,
      batchFirst: false,
      generator: defaultGenerator,
    });
    const { bias, addBiasKv } = this.#options;
    const kdim = this.#options.kdim ?? embedDim;
    const vdim = this.#options.vdim ?? embedDim;
    checkSizes(NAME, { embedDim, numHeads, kdim, vdim });
    checkFraction(NAME, "dropout", this.#options.dropout);
    if (embedDim % numHeads !== 0)
      throw new ArgumentError(NAME, `embedDim ${embedDim} does not divide into ${numHeads} heads`);
    const isPacked = kdim === embedDim && vdim === embedDim;
    const projection = (size: number): Parameter | null =>
      isPacked ? null : parameter(() => xavierUniform([embedDim, size]));
    this.qProjWeight = projection(embedDim);
    this.kProjWeight = projection(kdim);
    this.vProjWeight = projection(vdim);
    this.inProjWeight = isPacked ? parameter(() => xavierUniform([3 * embedDim, embedDim])) : null;
    this.inProjBias = bias ? parameter(() => zeros([3 * embedDim])) : null;
    const extra = (): Parameter | null => (addBiasKv ? parameter(() => xavierNormal([1, 1, embedDim])) : null);
    this.biasK = extra();
    this.biasV = extra();
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias });
    if (bias) fillZeros(this.outProj.bias!);
    this.#numHeads = numHeads;
  }

  /** Whether the batch is the first axis. */
  get batchFirst(): boolean {
    return this.#options.batchFirst;
  }

  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: MultiheadAttentionCall = {},
  ): [output: Tensor, weights: Tensor | null] {
    const { keyPaddingMask, needWeights, attnMask, averageAttnWeights, isCausal } = withDefaults(NAME, options, {
      keyPaddingMask: null,
      needWeights: true,
      attnMask: null,
      averageAttnWeights: true,
      isCausal: false,
    });
    if (isCausal && attnMask === null)
      throw new ArgumentError(NAME, "isCausal needs attnMask", "pass Transformer.generateSquareSubsequentMask(L)");
    this.#checkInputs(query, key, value);
    const isBatched = query.ndim === 3;
    const p = this.training ? this.#options.dropout : 0;
    const { generator } = this.#options;
    return scope(() => {
      const [q, givenK, givenV] = this.#project([query, key, value]) as [Tensor, Tensor, Tensor];
      const [k, v] = [this.#extend(givenK, this.biasK), this.#extend(givenV, this.biasV)];
      const sizes = [...q.shape.slice(0, 3), givenK.shape[2]!] as [number, number, number, number];
      const mask = this.#mask(attnMask, keyPaddingMask, query, sizes, k.shape[2]!);
      let weights: Tensor | null = null;
      let heads: Tensor;
      if (needWeights) {
        const scores = q.mul(1 / Math.sqrt(q.shape[3]!)).matmul(k, false, true);
        const all = dropout((mask === null ? scores : scores.add(mask)).softmax(-1), { p, generator });
        heads = all.matmul(v);
        const wanted = averageAttnWeights ? all.mean(1) : all;
        weights = isBatched ? wanted : wanted.squeeze(0);
      } else heads = scaledDotProductAttention(q, k, v, { attnMask: mask, dropoutP: p, generator });
      const joined = heads.permute(this.#isFirst(query) ? [0, 2, 1, 3] : [2, 0, 1, 3]).reshape(query.shape);
      return [linear(joined, this.outProj.weight, this.outProj), weights];
    });
  }

  /** Whether the batch, of one where there is none, is the first axis. */
  #isFirst(x: Tensor): boolean {
    return this.#options.batchFirst || x.ndim === 2;
  }

  /** Query, key and value in each head, `[N, H, …, D]`. What is one tensor is projected in one go. */
  #project(inputs: readonly [query: Tensor, key: Tensor, value: Tensor]): Tensor[] {
    const [query, key, value] = inputs;
    const { inProjWeight, inProjBias } = this;
    const embedDim = this.outProj.weight.shape[0]!;
    const isFirst = this.#isFirst(query);
    const rows = (p: Tensor, first: number, count: number): Tensor =>
      count === 3 ? p : p.narrow(0, first * embedDim, count * embedDim);
    const runs = inProjWeight === null || key !== value ? [1, 1, 1] : query === key ? [3] : [1, 2];
    let first = 0;
    return runs.flatMap((count) => {
      const x = inputs[first]!;
      const weight = inProjWeight
        ? rows(inProjWeight, first, count)
        : [this.qProjWeight, this.kProjWeight, this.vProjWeight][first]!;
      const y = linear(x, weight, { bias: inProjBias && rows(inProjBias, first, count) });
      first += count;
      const lead = x.ndim === 2 ? [1, x.shape[0]!] : x.shape.slice(0, 2);
      return y
        .reshape([...lead, count, this.#numHeads, embedDim / this.#numHeads])
        .permute(isFirst ? [2, 0, 3, 1, 4] : [2, 1, 3, 0, 4])
        .unbind(0);
    });
  }

  /** Key or value `[N, H, S, D]` with what the options add. */
  #extend(x: Tensor, learnt: Tensor | null): Tensor {
    const [n, h, , d] = x.shape as [number, number, number, number];
    const parts = learnt === null ? [x] : [x, learnt.reshape([1, h, 1, d]).expand([n, h, 1, d])];
    if (this.#options.addZeroAttn) parts.push(zeros([n, h, 1, d], { dtype: x.dtype, backend: x.backend }));
    return parts.length === 1 ? x : cat(parts, 2);
  }

  /** What is added to the scores `[N, H, L, S]`, with zeros for keys that the options have added to those given. */
  #mask(
    attnMask: Tensor | null,
    keyPaddingMask: Tensor | null,
    query: Tensor,
    [n, h, l, s]: readonly [number, number, number, number],
    all: number,
  ): Tensor | null {
    const added = (name: string, mask: Tensor | null, shapes: readonly Shape[], to: Shape): Tensor[] => {
      if (mask === null) return [];
      checkMask(NAME, name, mask, query.dtype);
      if (!shapes.some((shape) => sameShape(shape, mask.shape)))
        throw new ShapeError(NAME, `${name} must be ${shapes.map(show).join(" or ")}, got ${show(mask.shape)}`);
      const bias = (mask.dtype === "bool" ? hiding(mask, query) : mask).reshape(to);
      if (all === s) return [bias];
      return [
        padZeros(
          bias,
          to.map((_, i) => [0, i + 1 < to.length ? 0 : all - s]),
        ),
      ];
    };
    const [own, perHead] = [
      [l, s],
      [n * h, l, s],
    ];
    const masks = [
      ...added("attnMask", attnMask, [own, perHead], attnMask?.ndim === 3 ? [n, h, l, s] : own),
      ...added("keyPaddingMask", keyPaddingMask, [query.ndim === 3 ? [n, s] : [s]], [n, 1, 1, s]),
    ];
    return masks.length === 0 ? null : masks.reduce((a, b) => a.add(b));
  }

  #checkInputs(query: Tensor, key: Tensor, value: Tensor): void {
    const { kdim, vdim, batchFirst } = this.#options;
    const embedDim = this.outProj.weight.shape[0]!;
    const inputs = [query, key, value];
    const sizes = [embedDim, kdim ?? embedDim, vdim ?? embedDim];
    const batch = batchFirst ? 0 : 1;
    const fits =
      (query.ndim === 2 || query.ndim === 3) &&
      inputs.every((x, i) => x.ndim === query.ndim && x.shape.at(-1) === sizes[i]) &&
      sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1)) &&
      (query.ndim === 2 || query.shape[batch] === key.shape[batch]);
    if (fits) return;
    const layout = (length: string, size: number): string => `[${batchFirst ? `N,${length}` : `${length},N`},${size}]`;
    const layouts = sizes.map((size, i) => layout(i === 0 ? "L" : "S", size));
    throw new ShapeError(
      NAME,
      `expected ${layouts.join(", ")}, all with or without N, got ${inputs.map((x) => show(x.shape)).join(", ")}`,
    );
  }
}

const NAME = "MultiheadAttention";
