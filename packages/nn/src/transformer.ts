import type { Tensor, TensorOptions } from "@descent/core";
import { causalMask } from "./attention.ts";
import { Module } from "./base.ts";
import { ModuleList } from "./containers.ts";
import { xavierUniform } from "./init.ts";
import { LayerNorm } from "./layer-norm.ts";
import { checkSizes, withDefaults } from "./options.ts";
import type { Layer } from "./sequential.ts";
import {
  DECODER_CALL,
  LAYER,
  type TransformerDecoderCall,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerEncoderLayerCall,
  type TransformerLayerOptions,
} from "./transformer-layer.ts";

/** What a `TransformerEncoder` can be made of. */
export type EncoderLayer = Module & { forward(src: Tensor, options?: TransformerEncoderLayerCall): Tensor };
/** What a `TransformerDecoder` can be made of. */
export type DecoderLayer = Module & {
  forward(tgt: Tensor, memory: Tensor, options?: TransformerDecoderCall): Tensor;
};

/** Options of `TransformerEncoder` and `TransformerDecoder`. */
export interface TransformerStackOptions {
  /** What comes after the last layer. Default `null`: nothing. */
  readonly norm?: Layer | null;
}

/** Options of a call of `TransformerEncoder`. In bool masks true hides a position, floating ones are added to the scores. */
export interface TransformerEncoderCall {
  /** The positions that each position does not see, `[S, S]` or `[N·nhead, S, S]`. Default `null`: none. */
  readonly mask?: Tensor | null;
  /** The positions that none sees, `[N, S]`, or `[S]` without a batch. Default `null`: none. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that `mask`, which has to be there, is causal. Default false. */
  readonly isCausal?: boolean;
}

/** As many layers as asked for, made by a function or copied. */
function layersOf<L extends Module>(op: string, layer: { copy(): L } | (() => L), numLayers: number): ModuleList<L> {
  checkSizes(op, { numLayers });
  return new ModuleList(
    Array.from({ length: numLayers }, () => (typeof layer === "function" ? layer() : layer.copy())),
  );
}

/** Encoder layers one after the other: copies of one, which begin with its values, or what a function makes, which is called for each. */
export class TransformerEncoder extends Module {
  readonly layers: ModuleList<EncoderLayer>;
  readonly norm: Layer | null;

  constructor(
    layer: TransformerEncoderLayer | (() => EncoderLayer),
    numLayers: number,
    options: TransformerStackOptions = {},
  ) {
    super();
    this.layers = layersOf<EncoderLayer>("TransformerEncoder", layer, numLayers);
    this.norm = withDefaults("TransformerEncoder", options, { norm: null }).norm;
  }

  forward(src: Tensor, options: TransformerEncoderCall = {}): Tensor {
    const { mask, ...rest } = withDefaults("TransformerEncoder", options, {
      mask: null,
      srcKeyPaddingMask: null,
      isCausal: false,
    });
    let x = src;
    for (const layer of this.layers) x = layer.call(x, { srcMask: mask, ...rest });
    return this.norm === null ? x : this.norm.call(x);
  }
}

/** Decoder layers one after the other: copies of one, which begin with its values, or what a function makes, which is called for each. */
export class TransformerDecoder extends Module {
  readonly layers: ModuleList<DecoderLayer>;
  readonly norm: Layer | null;

  constructor(
    layer: TransformerDecoderLayer | (() => DecoderLayer),
    numLayers: number,
    options: TransformerStackOptions = {},
  ) {
    super();
    this.layers = layersOf<DecoderLayer>("TransformerDecoder", layer, numLayers);
    this.norm = withDefaults("TransformerDecoder", options, { norm: null }).norm;
  }

  forward(tgt: Tensor, memory: Tensor, options: TransformerDecoderCall = {}): Tensor {
    let x = tgt;
    for (const layer of this.layers) x = layer.call(x, memory, options);
    return this.norm === null ? x : this.norm.call(x);
  }
}

/** What a `Transformer` takes as its encoder. */
export type Encoder = Module & { forward(src: Tensor, options?: TransformerEncoderCall): Tensor };

/** Options of `Transformer`. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** The features. Default 512. */
  readonly dModel?: number;
  /** The heads of attention. Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
  /** What takes the place of the encoder. Default `null`: nothing. */
  readonly customEncoder?: Encoder | null;
  /** What takes the place of the decoder. Default `null`: nothing. */
  readonly customDecoder?: DecoderLayer | null;
}

/** Options of a call of `Transformer`. In bool masks true hides a position, floating ones are added to the scores. */
export interface TransformerCall extends TransformerDecoderCall {
  /** The positions of the source that each of them does not see, `[S, S]` or `[N·nhead, S, S]`. Default `null`: none. */
  readonly srcMask?: Tensor | null;
  /** The positions of the source that none sees, `[N, S]`, or `[S]` without a batch. Default `null`: none. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that `srcMask`, which has to be there, is causal. Default false. */
  readonly srcIsCausal?: boolean;
}

/**
 * An encoder of a source and a decoder of a target that attends to what the encoder gave (Vaswani et al. 2017): source `[S, N, dModel]` and
 * target `[T, N, dModel]`, with `batchFirst` `[N, …]`, or without `N`, to the shape of the target. Embeddings and positions are not part of it.
 */
export class Transformer extends Module {
  readonly encoder: Encoder;
  readonly decoder: DecoderLayer;

  constructor(options: TransformerOptions = {}) {
    super();
    const { dModel, nhead, numEncoderLayers, numDecoderLayers, customEncoder, customDecoder, ...layer } = withDefaults(
      "Transformer",
      options,
      {
        dModel: 512,
        nhead: 8,
        numEncoderLayers: 6,
        numDecoderLayers: 6,
        customEncoder: null,
        customDecoder: null,
        ...LAYER,
      },
    );
    const norm = (): LayerNorm => new LayerNorm(dModel, { eps: layer.layerNormEps, bias: layer.bias });
    const encoderLayer = (): EncoderLayer => new TransformerEncoderLayer(dModel, nhead, layer);
    const decoderLayer = (): DecoderLayer => new TransformerDecoderLayer(dModel, nhead, layer);
    this.encoder = customEncoder ?? new TransformerEncoder(encoderLayer, numEncoderLayers, { norm: norm() });
    this.decoder = customDecoder ?? new TransformerDecoder(decoderLayer, numDecoderLayers, { norm: norm() });
    for (const p of this.parameters()) if (p.ndim > 1) xavierUniform(p);
  }

  /** `[size, size]` that hides from each position those behind it: −∞ above the diagonal, else 0. Default dtype float32. */
  static generateSquareSubsequentMask(size: number, options: Omit<TensorOptions, "requiresGrad"> = {}): Tensor {
    return causalMask(size, size, options);
  }

  forward(src: Tensor, tgt: Tensor, options: TransformerCall = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...decoding } = withDefaults("Transformer", options, {
      srcMask: null,
      srcKeyPaddingMask: null,
      srcIsCausal: false,
      ...DECODER_CALL,
    });
    const memory = this.encoder.call(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.call(tgt, memory, decoding);
  }
}
