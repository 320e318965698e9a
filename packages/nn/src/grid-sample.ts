import {
  ArgumentError,
  arange,
  floating,
  linspace,
  meshgrid,
  onesLike,
  type Shape,
  ShapeError,
  scope,
  show,
  sizeOf,
  stack,
  type Tensor,
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
  const { dtype, backend } = theta;
  return scope(() => {
    const places = axes.map((length) => {
      const edge = alignCorners ? Number(length > 1) : 1 - 1 / length;
      return linspace(-edge, edge, length, { dtype, backend });
    });
    const grids = meshgrid(places).toReversed();
    const base = stack([...grids, onesLike(grids[0]!)], -1).flatten(0, -2);
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
  const [, h, w] = grid.shape as [number, number, number];
  return scope(() => {
    const [columns, rows] = grid
      .reshape([batch * h * w, 2])
      .unbind(1)
      .map((g, i) => {
        const size = [width, height][i]!;
        const [edge, span] = alignCorners ? [0, size - 1] : [-0.5, size];
        const far = g.add(1).mul(span / 2);
        if (paddingMode === "zeros") return far.add(edge);
        return (paddingMode === "border" || span === 0 ? far : fold(far.abs(), span)).add(edge).clamp(0, size - 1);
      }) as [Tensor, Tensor];
    const pixels = x.permute(0, 2, 3, 1).reshape([batch * height * width, channels]);
    const area = height * width;
    const first = arange(0, batch * area, area, { backend: x.backend }).repeatInterleave(h * w);
    /** The pixels of a column and a row, by their weight, zero where there are none. */
    const read = (column: Tensor, row: Tensor, weight: Tensor): Tensor => {
      const [i, j] = [row.clamp(0, height - 1), column.clamp(0, width - 1)];
      const isInside = i.eq(row).logicalAnd(j.eq(column)).unsqueeze(1);
      const seen = pixels.indexSelect(0, i.to("int32").mul(width).add(j.to("int32")).add(first));
      return where(isInside, seen.mul(weight.unsqueeze(1)), 0);
    };
    return sampled(columns, rows, mode, read).reshape([batch, h, w, channels]).permute(0, 3, 1, 2);
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
  /** The elements before and after each place, and what they weigh. */
  const sides = (places: Tensor): [at: Tensor, weight: Tensor][] => {
    const before = places.floor();
    const rest = places.sub(before);
    return [
      [before, rest.neg().add(1)],
      [before.add(1), rest],
    ];
  };
  const across = sides(columns);
  return sides(rows)
    .flatMap(([row, high]) => across.map(([column, wide]) => read(column, row, wide.mul(high))))
    .reduce((sum, part) => sum.add(part));
}

/** Distances from an edge reflected at the other edge and at it, any number of times. */
function fold(far: Tensor, span: number): Tensor {
  const rest = far.remainder(span);
  const isOdd = far.div(span).floor().remainder(2).ne(0);
  return where(isOdd, rest.neg().add(span), rest);
}
