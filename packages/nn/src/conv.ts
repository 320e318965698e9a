import { ArgumentError, conv2d as conv2dOp, type Parameter, padZeros, scope, type Tensor } from "@descent/core";
import { Module } from "./base.ts";
import { onImages } from "./images.ts";
import { checkSizes, oneOf, type Pair, pair, type Size2, withDefaults } from "./options.ts";
import { python } from "./repr.ts";
import { weightAndBias } from "./variables.ts";

/** How a convolution kernel moves over an image. */
interface Moves {
  /** Default 1. */
  readonly stride?: Size2;
  /**
   * Zeros on either side of each axis, default 0. `"same"` adds as many as keep the size (an odd one at the end) and needs stride 1;
   * `"valid"` adds none.
   */
  readonly padding?: Size2 | "same" | "valid";
  /** The distance of the pixels that a kernel sees. Default 1. */
  readonly dilation?: Size2;
  /** The number of independent parts into which the channels fall. Default 1. */
  readonly groups?: number;
}

/** Options of `conv2d`. */
export interface FunctionalConv2dOptions extends Moves {
  /** `[O]`, default `null`. */
  readonly bias?: Tensor | null;
}

/**
 * The cross-correlation of images `[N, C, H, W]`, or one `[C, H, W]`, with a weight `[O, C/groups, kh, kw]`, plus a bias `[O]`:
 * `[N, O, oh, ow]` with `oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1`.
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 }: FunctionalConv2dOptions = {},
): Tensor {
  const steps = pair("conv2d", "stride", stride);
  const gaps = pair("conv2d", "dilation", dilation);
  const [kh = 1, kw = 1] = weight.shape.slice(2);
  const [rows, columns] = sides("conv2d", padding, [kh, kw], steps, gaps);
  const even = rows[0] === rows[1] && columns[0] === columns[1];
  const attrs = { stride: steps, padding: even ? ([rows[0], columns[0]] as const) : NONE, dilation: gaps, groups };
  return onImages(x, (images) =>
    even
      ? conv2dOp(images, weight, bias, attrs)
      : scope(() => conv2dOp(padZeros(images, [rows, columns]), weight, bias, attrs)),
  );
}

const NONE: Pair = [0, 0];

/** The zeros before and after each axis. */
function sides(
  op: string,
  padding: Size2 | "same" | "valid",
  kernel: Pair,
  stride: Pair,
  dilation: Pair,
): readonly [rows: Pair, columns: Pair] {
  if (typeof padding === "string") oneOf(op, "padding", padding, ["same", "valid"]);
  if (padding === "valid") return [NONE, NONE];
  if (padding === "same") {
    if (stride[0] !== 1 || stride[1] !== 1)
      throw new ArgumentError(op, `padding "same" needs stride 1, got [${stride}]`, "give the padding as numbers");
    const split = (total: number): Pair => [Math.floor(total / 2), Math.ceil(total / 2)];
    return [split(dilation[0] * (kernel[0] - 1)), split(dilation[1] * (kernel[1] - 1))];
  }
  const [height, width] = pair(op, "padding", padding);
  return [
    [height, height],
    [width, width],
  ];
}

/** Options of `Conv2d`. */
export interface Conv2dOptions extends Moves {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** What stands around the image. Only `"zeros"`, the default. */
  readonly paddingMode?: "zeros";
}

/**
 * A convolution over images: `[N, C, H, W] → [N, O, oh, ow]`, or the same without `N`. Weight and bias start uniform over `±1/√fanIn` with
 * `fanIn = C/groups·kh·kw`.
 */
export class Conv2d extends Module {
  /** @internal */
  static override readonly discreet: unknown = Conv2d;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #moves: Required<Moves>;

  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    super();
    const { bias, paddingMode, ...moves } = withDefaults("Conv2d", options, {
      stride: 1,
      padding: 0,
      dilation: 1,
      groups: 1,
      bias: true,
      paddingMode: "zeros",
    });
    const { stride, padding, dilation, groups } = moves;
    checkSizes("Conv2d", { inChannels, outChannels, kernelSize, stride, dilation, groups });
    if (typeof padding !== "string") checkSizes("Conv2d", { padding }, 0);
    oneOf("Conv2d", "paddingMode", paddingMode, ["zeros"]);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(
        "Conv2d",
        `inChannels ${inChannels} and outChannels ${outChannels} must be divisible by groups ${groups}`,
      );
    const kernel = pair("Conv2d", "kernelSize", kernelSize);
    sides("Conv2d", padding, kernel, pair("Conv2d", "stride", stride), pair("Conv2d", "dilation", dilation));
    this.#moves = moves;
    ({ weight: this.weight, bias: this.bias } = weightAndBias([outChannels, inChannels / groups, ...kernel], bias));
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, { ...this.#moves, bias: this.bias });
  }

  protected override extraRepr(): string {
    const { stride, padding, dilation, groups } = this.#moves;
    const [outChannels, channels, ...kernel] = this.weight.shape as [number, number, number, number];
    const both = (size: Size2): string => python(pair("Conv2d", "size", size));
    const parts = [`${channels * groups}, ${outChannels}, kernel_size=${python(kernel)}, stride=${both(stride)}`];
    if (typeof padding === "string") parts.push(`padding=${padding}`);
    else if (both(padding) !== "(0, 0)") parts.push(`padding=${both(padding)}`);
    if (both(dilation) !== "(1, 1)") parts.push(`dilation=${both(dilation)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push("bias=False");
    return parts.join(", ");
  }
}
