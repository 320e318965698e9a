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
import { checkSizes, oneOf, type Size, type Size1, type Size2, type Size3, sizes, withDefaults } from "./options.ts";
import { python } from "./repr.ts";
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

function plan(
  op: string,
  kernel: readonly number[],
  { stride, dilation, groups, ...moves }: Required<Padded<Size>>,
  n: number,
  mode: PadMode = "constant",
): Plan {
  const lists = { stride: sizes(op, "stride", stride, n), dilation: sizes(op, "dilation", dilation, n), groups };
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
    return run(x, weight, bias, plan(op, weight.shape.slice(2), moves, n));
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
    return sizes(op, "padding", padding === "valid" ? 0 : padding, stride.length, 0).map((n) => [n, n]);
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

interface Described {
  readonly stride: Size;
  readonly padding: Size | "same" | "valid";
  readonly dilation: Size;
  readonly outputPadding: Size;
  readonly groups: number;
  readonly bias: boolean;
  readonly paddingMode: string;
}

/** Checks the sizes of a layer, and shows them as PyTorch does. */
export function describe(
  name: string,
  n: number,
  [inChannels, outChannels, kernelSize]: Channels,
  { groups, bias, paddingMode, ...given }: Described,
): { readonly kernel: readonly number[]; readonly text: string } {
  checkSizes(name, { inChannels, outChannels });
  const list = (what: string, size: Size, least = 1): readonly number[] => sizes(name, what, size, n, least);
  const kernel = list("kernelSize", kernelSize);
  const [stride, dilation] = [list("stride", given.stride), list("dilation", given.dilation)];
  checkSizes(name, { groups });
  if (inChannels % groups !== 0 || outChannels % groups !== 0)
    throw new ArgumentError(
      name,
      `inChannels ${inChannels} and outChannels ${outChannels} must be divisible by groups ${groups}`,
    );
  const padding = typeof given.padding === "string" ? given.padding : list("padding", given.padding, 0);
  const outputPadding = list("outputPadding", given.outputPadding, 0);
  const part = (word: string, value: readonly number[] | string, usual: number): string =>
    typeof value === "string"
      ? `, ${word}=${value}`
      : value.some((size) => size !== usual)
        ? `, ${word}=${python(value)}`
        : "";
  const text = [
    `${inChannels}, ${outChannels}, kernel_size=${python(kernel)}, stride=${python(stride)}`,
    part("padding", padding, 0),
    part("dilation", dilation, 1),
    part("output_padding", outputPadding, 0),
    groups === 1 ? "" : `, groups=${groups}`,
    bias ? "" : ", bias=False",
    paddingMode === "zeros" ? "" : part("padding_mode", paddingMode, 0),
  ].join("");
  return { kernel, text };
}

export type Channels = readonly [inChannels: number, outChannels: number, kernelSize: Size];

abstract class Conv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #plan: Plan;
  readonly #text: string;

  protected constructor(n: number, channels: Channels, options: ConvOptions<Size>) {
    super();
    const name = `Conv${n}d`;
    const all = withDefaults(name, options, { ...MOVES, bias: true, paddingMode: "zeros" });
    const { bias, paddingMode, ...moves } = all;
    oneOf(name, "paddingMode", paddingMode, ["zeros", "reflect", "replicate", "circular"]);
    const { kernel, text } = describe(name, n, channels, { ...all, outputPadding: 0 });
    this.#plan = plan(name, kernel, moves, n, paddingMode === "zeros" ? "constant" : paddingMode);
    this.#text = text;
    const shape = [channels[1], channels[0] / moves.groups, ...kernel];
    ({ weight: this.weight, bias: this.bias } = weightAndBias(shape, bias));
  }

  forward(x: Tensor): Tensor {
    return run(x, this.weight, this.bias, this.#plan);
  }

  protected override extraRepr(): string {
    return this.#text;
  }
}

/**
 * A convolution over sequences: `[N, C, L] → [N, O, l]`, or the same without `N`. Weight `[O, C/groups, k]` and bias start uniform over
 * `±1/√fanIn` with `fanIn = C/groups·k`.
 */
export class Conv1d extends Conv {
  /** @internal */
  static override readonly discreet: unknown = Conv1d;
  constructor(inChannels: number, outChannels: number, kernelSize: Size1, options: Conv1dOptions = {}) {
    super(1, [inChannels, outChannels, kernelSize], options);
  }
}

/**
 * A convolution over images: `[N, C, H, W] → [N, O, oh, ow]`, or the same without `N`. Weight and bias start uniform over `±1/√fanIn` with
 * `fanIn = C/groups·kh·kw`.
 */
export class Conv2d extends Conv {
  /** @internal */
  static override readonly discreet: unknown = Conv2d;
  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    super(2, [inChannels, outChannels, kernelSize], options);
  }
}

/**
 * A convolution over volumes: `[N, C, D, H, W] → [N, O, od, oh, ow]`, or the same without `N`. Weight and bias start uniform over
 * `±1/√fanIn` with `fanIn = C/groups·kd·kh·kw`.
 */
export class Conv3d extends Conv {
  /** @internal */
  static override readonly discreet: unknown = Conv3d;
  constructor(inChannels: number, outChannels: number, kernelSize: Size3, options: Conv3dOptions = {}) {
    super(3, [inChannels, outChannels, kernelSize], options);
  }
}
