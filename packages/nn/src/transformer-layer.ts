import { ArgumentError, defaultGenerator, type Generator, relu, scope, type Tensor } from "@descent/core";
import { gelu } from "./activation.ts";
import { Module } from "./base.ts";
import { Dropout } from "./dropout.ts";
import { LayerNorm } from "./layer-norm.ts";
import { Linear } from "./linear.ts";
import { MultiheadAttention, type MultiheadAttentionCall } from "./multihead-attention.ts";
import { checkSizes, oneOf, withDefaults } from "./options.ts";
import { keepsNothing } from "./sequential.ts";

/** Options of `TransformerEncoderLayer` and `TransformerDecoderLayer`. */
export interface TransformerLayerOptions {
  /** The features between the two linear layers. Default 2048. */
  readonly dimFeedforward?: number;
  /** The probability with which, in training, an element or a weight of attention is zeroed. Default 0.1. */
  readonly dropout?: number;
  /** What stands between the two linear layers. Default `"relu"`. */
  readonly activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** What layer norms add to variances. Default 1e-5. */
  readonly layerNormEps?: number;
  /** Whether the batch is the first axis, `[N, L, E]`, and not the second, `[L, N, E]`. Default false. */
  readonly batchFirst?: boolean;
  /** Whether norms come before attention and feedforward (Xiong et al. 2020), and not after the sum. Default false. */
  readonly normFirst?: boolean;
  /** Whether linear layers and layer norms have a bias. Default true. */
  readonly bias?: boolean;
  /** Where the random numbers of dropout come from. Default: the default generator. */
  readonly generator?: Generator;
}

/** The defaults of layers. */
export const LAYER: Required<TransformerLayerOptions> = {
  dimFeedforward: 2048,
  dropout: 0.1,
  activation: "relu",
  layerNormEps: 1e-5,
  batchFirst: false,
  normFirst: false,
  bias: true,
  generator: defaultGenerator,
};

/** What a layer is made of. Its fields are in the order in which PyTorch draws the weights. */
interface Parts {
  readonly attention: () => MultiheadAttention;
  readonly linear1: () => Linear;
  readonly linear2: () => Linear;
  readonly norm: () => LayerNorm;
  readonly dropout: () => Dropout;
}

const ACTIVATIONS: Record<"relu" | "gelu", (x: Tensor) => Tensor> = { relu, gelu };

type Make<L> = new (dModel: number, nhead: number, options: TransformerLayerOptions) => L;

abstract class TransformerLayer extends Module {
  abstract readonly linear1: Linear;
  abstract readonly dropout: Dropout;
  abstract readonly linear2: Linear;
  readonly #dModel: number;
  readonly #nhead: number;
  readonly #options: Required<TransformerLayerOptions>;

  constructor(op: string, dModel: number, nhead: number, options: TransformerLayerOptions) {
    super();
    this.#options = withDefaults(op, options, LAYER);
    const { dimFeedforward, activation } = this.#options;
    checkSizes(op, { dModel, nhead, dimFeedforward });
    if (typeof activation !== "function") oneOf(op, "activation", activation, Object.keys(ACTIVATIONS));
    this.#dModel = dModel;
    this.#nhead = nhead;
  }

  /** @internal */
  protected get make(): Parts {
    const { dimFeedforward, dropout, layerNormEps, batchFirst, bias, generator } = this.#options;
    const dModel = this.#dModel;
    return {
      attention: () => new MultiheadAttention(dModel, this.#nhead, { dropout, bias, batchFirst, generator }),
      linear1: () => new Linear(dModel, dimFeedforward, { bias }),
      linear2: () => new Linear(dimFeedforward, dModel, { bias }),
      norm: () => new LayerNorm(dModel, { eps: layerNormEps, bias }),
      dropout: () => new Dropout({ p: dropout, generator }),
    };
  }

  /** @internal Adds to `x` what each block makes of it, and normalises what goes into the block or the sum. */
  protected residual(
    x: Tensor,
    ...blocks: readonly (readonly [norm: LayerNorm, dropout: Dropout, block: (x: Tensor) => Tensor])[]
  ): Tensor {
    const { normFirst } = this.#options;
    const run = (): Tensor =>
      blocks.reduce((x, [norm, dropout, block]) => {
        const change = (x: Tensor): Tensor => dropout.call(block(x));
        return normFirst ? x.add(change(norm.call(x))) : norm.call(x.add(change(x)));
      }, x);
    // What nobody else can have got hold of is freed before a collector could find it.
    const isQuiet = typeof this.#options.activation !== "function" && this.children().every(keepsNothing);
    return isQuiet ? scope(run) : run();
  }

  /** @internal */
  protected feedforward(x: Tensor): Tensor {
    const { linear1, dropout, linear2 } = this;
    const { activation } = this.#options;
    const activate = typeof activation === "function" ? activation : ACTIVATIONS[activation];
    const isOne = activation === "relu" && keepsNothing(linear1);
    return linear2.call(dropout.call(isOne ? linear1.call(x, "relu") : activate(linear1.call(x))));
  }

  /** @internal Another layer with the same options and values. */
  protected duplicate<L extends Module>(Layer: Make<L>): L {
    if (this.constructor !== Layer)
      throw new ArgumentError(
        this.constructor.name,
        "a layer of this class cannot be copied",
        "pass a function that makes one",
      );
    const copy = new Layer(this.#dModel, this.#nhead, this.#options);
    const parameters = this.parameters();
    const { backend, dtype } = parameters[0]!;
    copy.to(backend).to(dtype).train(this.training).loadStateDict(this.stateDict());
    for (const [i, parameter] of copy.parameters().entries()) parameter.requiresGrad = parameters[i]!.requiresGrad;
    return copy;
  }
}

const attend = (attention: MultiheadAttention, x: Tensor, memory: Tensor, options: MultiheadAttentionCall): Tensor =>
  attention.call(x, memory, memory, { ...options, needWeights: false })[0];

/** Options of a call of an encoder layer. In bool masks true hides a position, floating ones are added to the scores. */
export interface TransformerEncoderLayerCall {
  /** The positions that each position does not see, `[S, S]` or `[N·nhead, S, S]`. Default `null`: none. */
  readonly srcMask?: Tensor | null;
  /** The positions that none sees, `[N, S]`, or `[S]` without a batch. Default `null`: none. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that `srcMask`, which has to be there, is causal. Default false. */
  readonly isCausal?: boolean;
}

/**
 * Self-attention, then two linear layers, each added to what went in and normalised (Vaswani et al. 2017): `[S, N, dModel]`, with `batchFirst`
 * `[N, S, dModel]`, or `[S, dModel]`, to the same shape.
 */
export class TransformerEncoderLayer extends TransformerLayer {
  readonly selfAttn = this.make.attention();
  readonly linear1 = this.make.linear1();
  readonly dropout = this.make.dropout();
  readonly linear2 = this.make.linear2();
  readonly norm1 = this.make.norm();
  readonly norm2 = this.make.norm();
  readonly dropout1 = this.make.dropout();
  readonly dropout2 = this.make.dropout();

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super("TransformerEncoderLayer", dModel, nhead, options);
  }

  forward(src: Tensor, options: TransformerEncoderLayerCall = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, isCausal } = withDefaults("TransformerEncoderLayer", options, {
      srcMask: null,
      srcKeyPaddingMask: null,
      isCausal: false,
    });
    const masks = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal };
    return this.residual(
      src,
      [this.norm1, this.dropout1, (x) => attend(this.selfAttn, x, x, masks)],
      [this.norm2, this.dropout2, (x) => this.feedforward(x)],
    );
  }

  /** Another layer with the same options and values. A subclass has to make its own. */
  copy(): TransformerEncoderLayer {
    return this.duplicate(TransformerEncoderLayer);
  }
}

/** Options of a call of a decoder or of one of its layers. In bool masks true hides a position, floating ones are added to the scores. */
export interface TransformerDecoderCall {
  /** The positions of the target that each of them does not see, `[T, T]` or `[N·nhead, T, T]`. Default `null`: none. */
  readonly tgtMask?: Tensor | null;
  /** The positions of the memory that each of the target does not see, `[T, S]` or `[N·nhead, T, S]`. Default `null`: none. */
  readonly memoryMask?: Tensor | null;
  /** The positions of the target that none sees, `[N, T]`, or `[T]` without a batch. Default `null`: none. */
  readonly tgtKeyPaddingMask?: Tensor | null;
  /** The positions of the memory that none sees, `[N, S]`, or `[S]` without a batch. Default `null`: none. */
  readonly memoryKeyPaddingMask?: Tensor | null;
  /** Says that `tgtMask`, which has to be there, is causal. Default false. */
  readonly tgtIsCausal?: boolean;
  /** Says that `memoryMask`, which has to be there, is causal. Default false. */
  readonly memoryIsCausal?: boolean;
}

/** The defaults of calls of decoders. */
export const DECODER_CALL: Required<TransformerDecoderCall> = {
  tgtMask: null,
  memoryMask: null,
  tgtKeyPaddingMask: null,
  memoryKeyPaddingMask: null,
  tgtIsCausal: false,
  memoryIsCausal: false,
};

/**
 * Self-attention, attention to what an encoder gave, then two linear layers, each added to what went in and normalised (Vaswani et al. 2017):
 * target `[T, N, dModel]` and memory `[S, N, dModel]`, with `batchFirst` `[N, …]`, or without `N`, to the shape of the target.
 */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly selfAttn = this.make.attention();
  readonly multiheadAttn = this.make.attention();
  readonly linear1 = this.make.linear1();
  readonly dropout = this.make.dropout();
  readonly linear2 = this.make.linear2();
  readonly norm1 = this.make.norm();
  readonly norm2 = this.make.norm();
  readonly norm3 = this.make.norm();
  readonly dropout1 = this.make.dropout();
  readonly dropout2 = this.make.dropout();
  readonly dropout3 = this.make.dropout();

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super("TransformerDecoderLayer", dModel, nhead, options);
  }

  forward(tgt: Tensor, memory: Tensor, options: TransformerDecoderCall = {}): Tensor {
    const { tgtMask, memoryMask, tgtKeyPaddingMask, memoryKeyPaddingMask, tgtIsCausal, memoryIsCausal } = withDefaults(
      "TransformerDecoderLayer",
      options,
      DECODER_CALL,
    );
    const own = { attnMask: tgtMask, keyPaddingMask: tgtKeyPaddingMask, isCausal: tgtIsCausal };
    const cross = { attnMask: memoryMask, keyPaddingMask: memoryKeyPaddingMask, isCausal: memoryIsCausal };
    return this.residual(
      tgt,
      [this.norm1, this.dropout1, (x) => attend(this.selfAttn, x, x, own)],
      [this.norm2, this.dropout2, (x) => attend(this.multiheadAttn, x, memory, cross)],
      [this.norm3, this.dropout3, (x) => this.feedforward(x)],
    );
  }

  /** Another layer with the same options and values. A subclass has to make its own. */
  copy(): TransformerDecoderLayer {
    return this.duplicate(TransformerDecoderLayer);
  }
}
