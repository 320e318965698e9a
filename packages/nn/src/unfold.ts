import { col2im, im2col, type Tensor } from "@descent/core";
import { FunctionLayer } from "./function-layer.ts";
import { type Size2, sizes, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** Options of `unfold`, `fold` and their layers. */
export interface UnfoldOptions {
  /** The distance of the pixels that a window sees. Default 1. */
  readonly dilation?: Size2;
  /** Zeros on either side of each axis. Default 0. */
  readonly padding?: Size2;
  /** Default 1. */
  readonly stride?: Size2;
}

const MOVES = { dilation: 1, padding: 0, stride: 1 } as const;

type Pair = readonly [height: number, width: number];
const pair = (op: string, name: string, size: Size2, least = 1): Pair =>
  sizes(op, name, size, 2, least) as unknown as Pair;

const windowOf = (op: string, kernelSize: Size2, { dilation, padding, stride }: Required<UnfoldOptions>) => ({
  kernel: pair(op, "kernelSize", kernelSize),
  dilation: pair(op, "dilation", dilation),
  padding: pair(op, "padding", padding, 0),
  stride: pair(op, "stride", stride),
});

const single = (x: Tensor, rank: number, fn: (batch: Tensor) => Tensor): Tensor =>
  x.ndim === rank ? fn(x.unsqueeze(0)).squeeze(0) : fn(x);

/**
 * What a window sees of images `[N, C, H, W]`, or one `[C, H, W]`, one column for each position: `[N, C·kh·kw, oh·ow]` (im2col).
 */
export function unfold(x: Tensor, kernelSize: Size2, options: UnfoldOptions = {}): Tensor {
  const window = windowOf("unfold", kernelSize, withDefaults("unfold", options, MOVES));
  return single(x, 3, (images) => im2col(images, window));
}

/**
 * The adjoint of `unfold`: columns `[N, C·kh·kw, oh·ow]`, or those of one image without `N`, added up to images `[N, C, H, W]` of
 * `outputSize` (col2im).
 */
export function fold(x: Tensor, outputSize: Size2, kernelSize: Size2, options: UnfoldOptions = {}): Tensor {
  const window = windowOf("fold", kernelSize, withDefaults("fold", options, MOVES));
  const size = pair("fold", "outputSize", outputSize);
  return single(x, 2, (columns) => col2im(columns, size, window));
}

/** Lists what a window sees, one column for each position: `[N, C, H, W] → [N, C·kh·kw, oh·ow]`, or the same without `N`. */
export class Unfold extends FunctionLayer {
  /** @internal */
  static override readonly discreet: unknown = Unfold;
  constructor(kernelSize: Size2, options: UnfoldOptions = {}) {
    const all = withDefaults("Unfold", options, MOVES);
    windowOf("Unfold", kernelSize, all);
    super((x) => unfold(x, kernelSize, all), keywords({ kernelSize, ...all }));
  }
}

/** Adds columns up to images of `outputSize`, the adjoint of `Unfold`: `[N, C·kh·kw, oh·ow] → [N, C, H, W]`, or the same without `N`. */
export class Fold extends FunctionLayer {
  /** @internal */
  static override readonly discreet: unknown = Fold;
  constructor(outputSize: Size2, kernelSize: Size2, options: UnfoldOptions = {}) {
    const all = withDefaults("Fold", options, MOVES);
    pair("Fold", "outputSize", outputSize);
    windowOf("Fold", kernelSize, all);
    super((x) => fold(x, outputSize, kernelSize, all), keywords({ outputSize, kernelSize, ...all }));
  }
}
