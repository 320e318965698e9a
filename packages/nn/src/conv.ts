import {
  ArgumentError,
  type ConvAttrs,
  convolution,
  type PadMode,
  type Parameter,
  pad,
  scope,
  type Tensor,
} from "@descent/core";
import { Module } from "./base.ts";
import { onBatch } from "./images.ts";
import {
  checkSizes,
  oneOf,
  type Size,
  type Size1,
  type Size2,
  type Size3,
  sizes,
  spread,
  withDefaults,
} from "./options.ts";
import { changes, keywords } from "./repr.ts";
import { weightAndBias } from "./variables.ts";

/** How a kernel moves over its input. */
export interface Moves<S extends Size> {
  /** Default 1. */
  readonly stride?: S;
  /** The distance of the elements that a kernel sees. Default 1. */
  readonly dilation?: S;
  /** The number of independent parts into which the channels fall. Default 1. */
  readonly groups?: number;
}

interface Padded<S extends Size> extends Moves<S> {
  /**
   * Zeros on either side of each axis, default 0. `"same"` adds as many as keep the size (an odd one at the end) and needs stride 1;
   * `"valid"` adds none.
   */
  readonly padding?: S | "same" | "valid";
}

/** Options of `conv1d`, `conv2d` and `conv3d`. */
export interface FunctionalConvOptions<S extends Size> extends Padded<S> {
  /** `[O]`, default `null`. */
  readonly bias?: Tensor | null;
}
export type FunctionalConv1dOptions = FunctionalConvOptions<Size1>;
export type FunctionalConv2dOptions = FunctionalConvOptions<Size2>;
export type FunctionalConv3dOptions = FunctionalConvOptions<Size3>;

type Convolve<S extends Size> = (x: Tensor, weight: Tensor, options?: FunctionalConvOptions<S>) => Tensor;

/** The defaults. */
export const MOVES = { stride: 1, padding: 0, dilation: 1, groups: 1 } as const;

/** A convolution whose options have been checked: what is left to do with every input. */
interface Plan {
  readonly attrs: ConvAttrs;
  /** What the input is padded with first, where the convolution cannot add zeros on the way. */
  readonly frame: readonly number[] | null;
  readonly mode: PadMode;
}

function planOf(
  op: string,
  kernel: readonly number[],
  { stride, dilation, groups, ...moves }: Required<Padded<Size>>,
  n: number,
  mode: PadMode = "constant",
): Plan {
  const lists = { ...sizes(op, n, { stride, dilation }), groups };
  const around = sides(op, moves.padding, kernel, lists.stride, lists.dilation);
  const even = mode === "constant" && around.every(([before, after]) => before === after);
  const padding = around.map(([before]) => (even ? before : 0));
  return { attrs: { ...lists, padding }, frame: even ? null : around.reverse().flat(), mode };
}

const run = (x: Tensor, weight: Tensor, bias: Tensor | null, { attrs, frame, mode }: Plan): Tensor =>
  onBatch(x, attrs.stride.length + 2, (images) =>
    frame === null
      ? convolution(images, weight, bias, attrs)
      : scope(() => convolution(pad(images, frame, { mode }), weight, bias, attrs)),
  );

const convolver =
  (n: number): Convolve<Size> =>
  (x, weight, options = {}) => {
    const op = `conv${n}d`;
    const { bias, ...moves } = withDefaults(op, options, { bias: null, ...MOVES });
    return run(x, weight, bias, planOf(op, weight.shape.slice(2), moves, n));
  };

/**
 * The cross-correlation of sequences `[N, C, L]`, or one `[C, L]`, with a weight `[O, C/groups, k]`, plus a bias `[O]`: `[N, O, l]` with
 * `l = ⌊(L + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1`.
 */
export const conv1d: Convolve<Size1> = convolver(1);
/**
 * The cross-correlation of images `[N, C, H, W]`, or one `[C, H, W]`, with a weight `[O, C/groups, kh, kw]`, plus a bias `[O]`:
 * `[N, O, oh, ow]`, sizes as in `conv1d`.
 */
export const conv2d: Convolve<Size2> = convolver(2);
/**
 * The cross-correlation of volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`, with a weight `[O, C/groups, kd, kh, kw]`, plus a bias `[O]`:
 * `[N, O, od, oh, ow]`, sizes as in `conv1d`.
 */
export const conv3d: Convolve<Size3> = convolver(3);

/** What stands before and after each axis. */
function sides(
  op: string,
  padding: Size | "same" | "valid",
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): (readonly [before: number, after: number])[] {
  if (typeof padding === "string") oneOf(op, "padding", padding, ["same", "valid"]);
  if (padding !== "same")
    return sizes(op, stride.length, { padding: padding === "valid" ? 0 : padding }).padding.map((n) => [n, n]);
  if (stride.some((step) => step !== 1))
    throw new ArgumentError(op, `padding "same" needs stride 1, got [${stride}]`, "give the padding as numbers");
  return dilation.map((gap, i) => {
    const total = gap * ((kernel[i] ?? 1) - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
}

/** Options of `Conv1d`, `Conv2d` and `Conv3d`. */
export interface ConvOptions<S extends Size> extends Padded<S> {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** What stands around the input: zeros (default), its reflection, its edge, or its other end. */
  readonly paddingMode?: "zeros" | "reflect" | "replicate" | "circular";
}
export type Conv1dOptions = ConvOptions<Size1>;
export type Conv2dOptions = ConvOptions<Size2>;
export type Conv3dOptions = ConvOptions<Size3>;

export type Channels = readonly [inChannels: number, outChannels: number, kernelSize: Size];

/** What convolutions and their adjoints share: weight and bias, and how PyTorch shows them. */
export abstract class AnyConv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #text: string;

  protected constructor(
    name: string,
    [inChannels, outChannels]: Channels,
    kernel: readonly number[],
    { stride, groups, bias, ...others }: Required<ConvOptions<Size>>,
    isTransposed = false,
  ) {
    super();
    checkSizes(name, { inChannels, outChannels, groups });
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(
        name,
        `inChannels ${inChannels} and outChannels ${outChannels} must be divisible by groups ${groups}`,
      );
    const channels = isTransposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    ({ weight: this.weight, bias: this.bias } = weightAndBias([...channels, ...kernel], bias, outChannels));
    const list = <T>(size: T | readonly T[]): readonly T[] => spread(name, "size", size, kernel.length);
    const { padding, dilation, outputPadding = 0, paddingMode } = others as typeof others & { outputPadding?: Size };
    const shown = {
      padding: typeof padding === "string" ? padding : list(padding as Size),
      dilation: list(dilation),
      outputPadding: list(outputPadding),
      ...{ groups, bias, paddingMode },
    };
    const usual = { padding: list(0), dilation: list(1), outputPadding: list(0), groups: 1, bias: true };
    const text =
      keywords({ kernelSize: kernel, stride: list(stride) }) + changes(shown, { ...usual, paddingMode: "zeros" });
    // PyTorch shows words without quotes here.
    this.#text = `${inChannels}, ${outChannels}, ${text.replaceAll("'", "")}`;
  }

  protected override extraRepr(): string {
    return this.#text;
  }
}

abstract class Conv extends AnyConv {
  /** @internal */
  static override readonly discreet: unknown = Conv;
  readonly #plan: Plan;

  protected constructor(n: number, channels: Channels, options: ConvOptions<Size>) {
    const name = `Conv${n}d`;
    const all = withDefaults<ConvOptions<Size>>(name, options, { ...MOVES, bias: true, paddingMode: "zeros" });
    const { paddingMode } = all;
    oneOf(name, "paddingMode", paddingMode, ["zeros", "reflect", "replicate", "circular"]);
    const { kernelSize } = sizes(name, n, { kernelSize: channels[2] });
    const plan = planOf(name, kernelSize, all, n, paddingMode === "zeros" ? "constant" : paddingMode);
    super(name, channels, kernelSize, all);
    this.#plan = plan;
  }

  forward(x: Tensor): Tensor {
    return run(x, this.weight, this.bias, this.#plan);
  }
}

/**
 * A convolution over sequences: `[N, C, L] → [N, O, l]`, or the same without `N`. Weight `[O, C/groups, k]` and bias start uniform over
 * `±1/√fanIn` with `fanIn = C/groups·k`.
 */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size1, options: Conv1dOptions = {}) {
    super(1, [inChannels, outChannels, kernelSize], options);
  }
}

/**
 * A convolution over images: `[N, C, H, W] → [N, O, oh, ow]`, or the same without `N`. Weight and bias start uniform over `±1/√fanIn` with
 * `fanIn = C/groups·kh·kw`.
 */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    super(2, [inChannels, outChannels, kernelSize], options);
  }
}

/**
 * A convolution over volumes: `[N, C, D, H, W] → [N, O, od, oh, ow]`, or the same without `N`. Weight and bias start uniform over
 * `±1/√fanIn` with `fanIn = C/groups·kd·kh·kw`.
 */
export class Conv3d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size3, options: Conv3dOptions = {}) {
    super(3, [inChannels, outChannels, kernelSize], options);
  }
}
