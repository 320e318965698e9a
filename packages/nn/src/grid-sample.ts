import {
  ArgumentError,
  floating,
  type Shape,
  ShapeError,
  scope,
  show,
  sizeOf,
  type Tensor,
  tensor,
  where,
} from "@descent/core";
import { oneOf, withDefaults } from "./options.ts";

/** Options of `affineGrid`. */
export interface AffineGridOptions {
  /** Whether −1 and 1 are the centres of the first and last pixels, instead of the edges of the image. Default false. */
  readonly alignCorners?: boolean;
}

/** Options of `gridSample`. */
export interface GridSampleOptions extends AffineGridOptions {
  /** Default `"bilinear"`. */
  readonly mode?: "bilinear" | "nearest";
  /** What lies beyond the image: zeros (default), its edge, or its reflection. */
  readonly paddingMode?: "zeros" | "border" | "reflection";
}

/**
 * Places for `gridSample`, moved by matrices `theta` `[N, 2, 3]`: `[N, H, W, 2]` for images of `size` `[N, C, H, W]`. Volumes have `[N, 3,
 * 4]`, and places `[N, D, H, W, 3]`.
 */
export function affineGrid(theta: Tensor, size: Shape, options: AffineGridOptions = {}): Tensor {
  const { alignCorners } = withDefaults("affineGrid", options, { alignCorners: false });
  const axes = size.slice(2);
  const n = axes.length;
  if (n < 2 || n > 3 || show(theta.shape) !== show([size[0]!, n, n + 1]) || sizeOf(size) === 0)
    throw new ShapeError(
      "affineGrid",
      `theta ${show(theta.shape)} does not fit the size ${show(size)}`,
      "use [N,2,3] with [N,C,H,W], or [N,3,4] with [N,C,D,H,W]",
    );
  floating("affineGrid")([theta.dtype]);
  const along = (i: number, n: number): number =>
    alignCorners ? (n === 1 ? 0 : (2 * i) / (n - 1) - 1) : (2 * i + 1) / n - 1;
  let places: number[][] = [[1]];
  for (const length of axes)
    places = places.flatMap((rest) => Array.from({ length }, (_, i) => [along(i, length), ...rest]));
  return scope(() => {
    const base = tensor(places, { dtype: theta.dtype, backend: theta.backend });
    return base.matmul(theta, false, true).reshape([size[0]!, ...axes, n]);
  });
}

/**
 * Images `[N, C, H, W]` read at the places of a grid `[N, h, w, 2]`: `[N, C, h, w]`. A place is a pair of column and row, where −1 and 1 are
 * the edges of the image (Jaderberg et al. 2015).
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { mode, paddingMode, alignCorners } = withDefaults("gridSample", options, {
    mode: "bilinear",
    paddingMode: "zeros",
    alignCorners: false,
  });
  oneOf("gridSample", "mode", mode, ["bilinear", "nearest"]);
  oneOf("gridSample", "paddingMode", paddingMode, ["zeros", "border", "reflection"]);
  if (x.ndim !== 4 || grid.ndim !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0])
    throw new ShapeError(
      "gridSample",
      `expected images [N,C,H,W] and a grid [N,h,w,2], got ${show(x.shape)} and ${show(grid.shape)}`,
    );
  floating("gridSample")([x.dtype, grid.dtype]);
  if (sizeOf(x.shape.slice(1)) === 0) throw new ArgumentError("gridSample", `the images ${show(x.shape)} are empty`);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const count = grid.numel() / 2;
  return scope(() => {
    const [columns, rows] = grid
      .reshape([count, 2])
      .unbind(1)
      .map((g, i) => {
        const size = [width, height][i]!;
        const at = alignCorners ? g.add(1).mul((size - 1) / 2) : g.add(1).mul(size).sub(1).div(2);
        return paddingMode === "zeros" ? at : fold(at, size, alignCorners, paddingMode).clamp(0, size - 1);
      }) as [Tensor, Tensor];
    const pixels = x.permute(0, 2, 3, 1).reshape([batch * height * width, channels]);
    const first = tensor(
      Float64Array.from({ length: count }, (_, i) => Math.floor((i * batch) / count) * height * width),
      { dtype: "int32", backend: x.backend },
    );
    /** The pixels of a column and a row, by their weight, zero where there are none. */
    const read = (column: Tensor, row: Tensor, weight: Tensor): Tensor => {
      const inside = column.ge(0).logicalAnd(column.lt(width)).logicalAnd(row.ge(0)).logicalAnd(row.lt(height));
      const [i, j] = [row.clamp(0, height - 1).to("int32"), column.clamp(0, width - 1).to("int32")];
      const seen = pixels.indexSelect(0, i.mul(width).add(j).add(first));
      return where(inside.unsqueeze(1), seen.mul(weight.unsqueeze(1)), 0);
    };
    return sampled(columns, rows, mode, read)
      .reshape([batch, grid.shape[1]!, grid.shape[2]!, channels])
      .permute(0, 3, 1, 2);
  });
}

function sampled(
  columns: Tensor,
  rows: Tensor,
  mode: "bilinear" | "nearest",
  read: (column: Tensor, row: Tensor, weight: Tensor) => Tensor,
): Tensor {
  // Of steps the gradient is zero: it reaches the grid through a weight that is always 1.
  if (mode === "nearest") return read(columns.round(), rows.round(), columns.add(rows).round().mul(0).add(1));
  const [left, top] = [columns.floor(), rows.floor()];
  const [right, bottom] = [columns.sub(left), rows.sub(top)];
  const parts = [0, 1].flatMap((dy) =>
    [0, 1].map((dx) => {
      const weight = (dx === 1 ? right : right.neg().add(1)).mul(dy === 1 ? bottom : bottom.neg().add(1));
      return read(left.add(dx), top.add(dy), weight);
    }),
  );
  return parts.reduce((sum, part) => sum.add(part));
}

/** Places beyond the edges reflected into the image, any number of times. */
function fold(at: Tensor, size: number, alignCorners: boolean, paddingMode: "border" | "reflection"): Tensor {
  const [edge, span] = alignCorners ? [0, size - 1] : [-0.5, size];
  if (paddingMode === "border" || span === 0) return at;
  const far = at.sub(edge).abs();
  const rest = far.remainder(span);
  const isOdd = far.div(span).floor().remainder(2).ne(0);
  return where(isOdd, rest.neg().add(span), rest).add(edge);
}
