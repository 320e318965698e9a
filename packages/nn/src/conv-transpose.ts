import { ArgumentError, type Tensor, type TransposedConvAttrs, transposedConvolution } from "@descent/core";
import { AnyConv, type Channels, MOVES, type Moves } from "./conv.ts";
import { onBatch } from "./images.ts";
import { oneOf, type Size, type Size1, type Size2, type Size3, sizes, withDefaults } from "./options.ts";

interface TransposedMoves<S extends Size> extends Moves<S> {
  /** How much is cut off either side of each axis of the result, besides the kernel. Default 0. */
  readonly padding?: S;
  /** What is added to the end of each axis of the result, where several sizes fit. Default 0. */
  readonly outputPadding?: S;
}

/** Options of `convTranspose1d`, `convTranspose2d` and `convTranspose3d`. */
export interface FunctionalConvTransposeOptions<S extends Size> extends TransposedMoves<S> {
  /** `[O]`, default `null`. */
  readonly bias?: Tensor | null;
}
type Transpose<S extends Size> = (x: Tensor, weight: Tensor, options?: FunctionalConvTransposeOptions<S>) => Tensor;

const TRANSPOSED = { ...MOVES, outputPadding: 0 } as const;

const attrsOf = (
  op: string,
  n: number,
  { stride, padding, dilation, outputPadding, groups }: Required<TransposedMoves<Size>>,
): TransposedConvAttrs => ({ ...sizes(op, n, { stride, padding, dilation, outputPadding }), groups });

const run = (x: Tensor, weight: Tensor, bias: Tensor | null, attrs: TransposedConvAttrs): Tensor =>
  onBatch(x, attrs.stride.length + 2, (images) => transposedConvolution(images, weight, bias, attrs));

const transposer =
  (n: number): Transpose<Size> =>
  (x, weight, options = {}) => {
    const op = `convTranspose${n}d`;
    const { bias, ...moves } = withDefaults(op, options, { bias: null, ...TRANSPOSED });
    return run(x, weight, bias, attrsOf(op, n, moves));
  };

/**
 * The adjoint of `conv1d` in its input: `[N, C, L]`, or one `[C, L]`, with a weight `[C, O/groups, k]`, plus a bias `[O]`: `[N, O, l]` with
 * `l = (L − 1)·stride − 2·padding + dilation·(k − 1) + outputPadding + 1`.
 */
export const convTranspose1d: Transpose<Size1> = transposer(1);
/** The adjoint of `conv2d` in its input: `[N, C, H, W]` with a weight `[C, O/groups, kh, kw]`, sizes as in `convTranspose1d`. */
export const convTranspose2d: Transpose<Size2> = transposer(2);
/** The adjoint of `conv3d` in its input: `[N, C, D, H, W]` with a weight `[C, O/groups, kd, kh, kw]`, sizes as in `convTranspose1d`. */
export const convTranspose3d: Transpose<Size3> = transposer(3);

/** Options of `ConvTranspose1d`, `ConvTranspose2d` and `ConvTranspose3d`. */
export interface ConvTransposeOptions<S extends Size> extends TransposedMoves<S> {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** What stands around the input. Only `"zeros"`, the default. */
  readonly paddingMode?: "zeros";
}
export type ConvTranspose1dOptions = ConvTransposeOptions<Size1>;
export type ConvTranspose2dOptions = ConvTransposeOptions<Size2>;
export type ConvTranspose3dOptions = ConvTransposeOptions<Size3>;

/** @internal What the transposed convolutions share. */
export abstract class ConvTranspose extends AnyConv {
  /** @internal */
  static override readonly discreet: unknown = ConvTranspose;
  readonly #attrs: TransposedConvAttrs;

  protected constructor(n: number, channels: Channels, options: ConvTransposeOptions<Size>) {
    const name = `ConvTranspose${n}d`;
    const all = withDefaults<ConvTransposeOptions<Size>>(name, options, {
      ...TRANSPOSED,
      bias: true,
      paddingMode: "zeros",
    });
    oneOf(name, "paddingMode", all.paddingMode, ["zeros"]);
    const attrs = attrsOf(name, n, all);
    super(name, channels, sizes(name, n, { kernelSize: channels[2] }).kernelSize, all, true);
    this.#attrs = attrs;
  }

  /** `outputSize` picks one of the sizes that fit a stride, with or without batch and channels, in place of `outputPadding`. */
  forward(x: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const attrs = this.#attrs;
    const wanted = outputSize === null ? attrs : { ...attrs, outputPadding: this.#paddingFor(x, outputSize) };
    return run(x, this.weight, this.bias, wanted);
  }

  #paddingFor(x: Tensor, outputSize: readonly number[]): readonly number[] {
    const { stride, padding, dilation } = this.#attrs;
    const kernel = this.weight.shape.slice(2);
    const n = kernel.length;
    const least = kernel.map(
      (k, i) => (x.shape.at(i - n)! - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (k - 1) + 1,
    );
    const wanted = outputSize.length === x.ndim ? outputSize.slice(-n) : outputSize;
    const more = least.map((size, i) => wanted[i]! - size);
    if (wanted.length !== n || !more.every((size, i) => Number.isInteger(size) && size >= 0 && size < stride[i]!))
      throw new ArgumentError(
        `ConvTranspose${n}d`,
        `outputSize [${outputSize}] is not possible`,
        `the sizes run from [${least}] to [${least.map((size, i) => size + stride[i]! - 1)}]`,
      );
    return more;
  }
}

/**
 * The adjoint of a convolution over sequences: `[N, C, L] → [N, O, l]`, or the same without `N`. Weight `[C, O/groups, k]` and bias start
 * uniform over `±1/√fanIn` with `fanIn = O/groups·k`.
 */
export class ConvTranspose1d extends ConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Size1, options: ConvTranspose1dOptions = {}) {
    super(1, [inChannels, outChannels, kernelSize], options);
  }
}

/** The adjoint of a convolution over images: `[N, C, H, W] → [N, O, oh, ow]`, or the same without `N`. Starts as `ConvTranspose1d`. */
export class ConvTranspose2d extends ConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: ConvTranspose2dOptions = {}) {
    super(2, [inChannels, outChannels, kernelSize], options);
  }
}

/** The adjoint of a convolution over volumes: `[N, C, D, H, W] → [N, O, od, oh, ow]`, or the same without `N`. Starts as `ConvTranspose1d`. */
export class ConvTranspose3d extends ConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Size3, options: ConvTranspose3dOptions = {}) {
    super(3, [inChannels, outChannels, kernelSize], options);
  }
}
