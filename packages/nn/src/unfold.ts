import { col2im, im2col } from "@descent/core";
import { functionOf, layerOf, type Planner } from "./function-layer.ts";
import { onBatch } from "./images.ts";
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

type Pairs = Readonly<Record<"kernel" | "dilation" | "padding" | "stride", readonly [height: number, width: number]>>;

/** The options of a window, and its sizes along both axes. */
function windowOf(
  op: string,
  kernelSize: Size2,
  options: UnfoldOptions,
): { moves: Required<UnfoldOptions>; window: Pairs } {
  const moves = withDefaults<UnfoldOptions>(op, options, { dilation: 1, padding: 0, stride: 1 });
  const { kernelSize: kernel, ...lists } = sizes(op, 2, { kernelSize, ...moves });
  return { moves, window: { kernel, ...lists } as unknown as Pairs };
}

const unfolder: Planner<[kernelSize: Size2, options?: UnfoldOptions]> = (op, kernelSize, options = {}) => {
  const { moves, window } = windowOf(op, kernelSize, options);
  return [(x) => onBatch(x, 4, (images) => im2col(images, window)), () => keywords({ kernelSize, ...moves })];
};

const folder: Planner<[outputSize: Size2, kernelSize: Size2, options?: UnfoldOptions]> = (
  op,
  outputSize,
  kernelSize,
  options = {},
) => {
  const [height, width] = sizes(op, 2, { outputSize }).outputSize as readonly [number, number];
  const { moves, window } = windowOf(op, kernelSize, options);
  return [
    (x) => onBatch(x, 3, (columns) => col2im(columns, [height, width], window)),
    () => keywords({ outputSize, kernelSize, ...moves }),
  ];
};

/**
 * What a window sees of images `[N, C, H, W]`, or one `[C, H, W]`, one column for each position: `[N, C·kh·kw, oh·ow]` (im2col).
 */
export const unfold = functionOf("unfold", unfolder);
/**
 * The adjoint of `unfold`: columns `[N, C·kh·kw, oh·ow]`, or those of one image without `N`, added up to images `[N, C, H, W]` of
 * `outputSize` (col2im).
 */
export const fold = functionOf("fold", folder);

/** Lists what a window sees, one column for each position: `[N, C, H, W] → [N, C·kh·kw, oh·ow]`, or the same without `N`. */
export class Unfold extends layerOf("Unfold", unfolder) {}

/** Adds columns up to images of `outputSize`, the adjoint of `Unfold`: `[N, C·kh·kw, oh·ow] → [N, C, H, W]`, or the same without `N`. */
export class Fold extends layerOf("Fold", folder) {}
