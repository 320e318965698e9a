import { ArgumentError, floating, ShapeError, scope, show, type Tensor, tensor } from "@descent/core";
import { averager } from "./adaptive-pooling.ts";
import { functionOf, layerOf, type Plan } from "./function-layer.ts";
import { checkSizes, oneOf, type Size, spread, withDefaults } from "./options.ts";
import { python, pythonFloat } from "./repr.ts";

/** How values between the elements are found. The words with a number of axes in them are for that many. */
export type InterpolationMode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area";

/** Options of `interpolate`. Either `size` or `scaleFactor` is given. */
export interface InterpolateOptions {
  /** The size of the result, one for all axes or one for each. */
  readonly size?: Size | null;
  /** What the sizes are multiplied by, rounded down. */
  readonly scaleFactor?: Size | null;
  /** Default `"nearest"`. */
  readonly mode?: InterpolationMode;
  /** Whether the centres of the first and last elements keep their places, instead of the edges. Only for the linear and cubic modes. */
  readonly alignCorners?: boolean | null;
  /** Whether places follow from the rounded sizes instead of `scaleFactor`. */
  readonly recomputeScaleFactor?: boolean | null;
}

/** What elements nearby weigh by their distance, `reach` of them on either side. */
interface Kernel {
  readonly reach: number;
  weight(distance: number): number;
}

const LINEAR: Kernel = { reach: 1, weight: (d) => 1 - d };
/** The cubic kernel of `a = −0.75` (Keys 1981). */
const CUBIC: Kernel = {
  reach: 2,
  weight: (d) => (d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : ((-0.75 * d + 3.75) * d - 6) * d + 3),
};

/** The number of axes that a mode with a kernel is for. */
const MODES: Record<InterpolationMode, readonly [n: number, kernel: Kernel] | null> = {
  nearest: null,
  "nearest-exact": null,
  linear: [1, LINEAR],
  bilinear: [2, LINEAR],
  trilinear: [3, LINEAR],
  bicubic: [2, CUBIC],
  area: null,
};

function resizer(op: string, options: InterpolateOptions): Plan {
  const all = withDefaults<InterpolateOptions>(op, options, {
    size: null,
    scaleFactor: null,
    mode: "nearest",
    alignCorners: null,
    recomputeScaleFactor: null,
  });
  const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = all;
  oneOf(op, "mode", mode, Object.keys(MODES) as InterpolationMode[]);
  const [axes, kernel] = MODES[mode] ?? [];
  if ((size === null) === (scaleFactor === null))
    throw new ArgumentError(op, "either size or scaleFactor must be given, and not both");
  if (size !== null) checkSizes(op, { size });
  const given = [scaleFactor ?? 1].flat();
  if (!given.every((factor) => factor > 0 && factor < Number.POSITIVE_INFINITY))
    throw new ArgumentError(op, `scaleFactor must be positive, got ${show(given)}`);
  if (alignCorners !== null && kernel === undefined)
    throw new ArgumentError(op, `mode "${mode}" has no alignCorners`, "leave it out");
  if (recomputeScaleFactor && size !== null)
    throw new ArgumentError(op, "recomputeScaleFactor has no meaning beside a size", "leave it out");

  const resize = (x: Tensor): Tensor => {
    const n = x.ndim - 2;
    const from = x.shape.slice(2);
    if (n < 1 || n > 3 || from.includes(0) || n !== (axes ?? n))
      throw new ShapeError(
        op,
        `mode "${mode}" expects [N,C] and ${axes ?? "1 to 3"} axes that are not empty, got ${show(x.shape)}`,
      );
    floating(op)([x.dtype]);
    const factors = scaleFactor === null ? null : spread(op, "scaleFactor", scaleFactor, n);
    const to = factors?.map((factor, i) => Math.floor(from[i]! * factor)) ?? spread(op, "size", size!, n);
    checkSizes(op, { size: to });
    if (mode === "area") return averager(n)(op, to)[0](x);
    return scope(() =>
      to.reduce((y, length, i) => {
        const old = from[i]!;
        const scale = alignCorners
          ? (old - 1) / Math.max(1, length - 1)
          : factors === null || recomputeScaleFactor
            ? old / length
            : 1 / factors[i]!;
        const shift = alignCorners ? 0 : 0.5;
        if (kernel) return weighted(y, i + 2, length, kernel, (k) => (k + shift) * scale - shift);
        // As PyTorch, in float32.
        const centre = mode === "nearest" ? 0 : 0.5;
        return picked(y, i + 2, length, (k) => Math.fround((k + centre) * Math.fround(scale)));
      }, x),
    );
  };
  return [
    resize,
    () => `${size === null ? `scale_factor=${floats(scaleFactor!)}` : `size=${python(size)}`}, mode=${python(mode)}`,
  ];
}

/** An axis of `length` elements of another, each the one at a place or before it; the ends go on beyond. */
function picked(x: Tensor, axis: number, length: number, place: (k: number) => number): Tensor {
  const last = x.shape[axis]! - 1;
  const index = Int32Array.from({ length }, (_, k) => Math.min(Math.max(Math.floor(place(k)), 0), last));
  return x.indexSelect(axis, tensor(index, { backend: x.backend }));
}

/** An axis of `length` elements, each the sum of those around a place, times their weights. */
function weighted(
  x: Tensor,
  axis: number,
  length: number,
  { reach, weight }: Kernel,
  place: (k: number) => number,
): Tensor {
  const { backend, dtype } = x;
  const rest = x.shape.slice(axis + 1).map(() => 1);
  const parts = Array.from({ length: 2 * reach }, (_, i) => {
    const tap = (k: number): number => Math.floor(place(k)) + 1 - reach + i;
    const weights = Float64Array.from({ length }, (_, k) => weight(Math.abs(place(k) - tap(k))));
    return picked(x, axis, length, tap).mul(tensor(weights, { dtype, backend }).reshape([length, ...rest]));
  });
  return parts.reduce((sum, part) => sum.add(part));
}

/** PyTorch makes factors floats. */
const floats = (factors: Size): string =>
  typeof factors === "number" ? pythonFloat(factors) : `(${factors.map(pythonFloat).join(", ")})`;

/**
 * Sequences `[N, C, L]`, images `[N, C, H, W]` or volumes `[N, C, D, H, W]` of another size. `"area"` averages as `adaptiveAvgPool2d`
 * does; the other modes weigh the elements nearby, axis by axis.
 */
export const interpolate = functionOf("interpolate", resizer);

/** Options of `Upsample`. */
export type UpsampleOptions = InterpolateOptions;

/** Makes sequences, images or volumes of another size, `[N, C, …] → [N, C, …]`. Options as those of `interpolate`. */
export class Upsample extends layerOf("Upsample", resizer) {}

/** Either the size of the result or what the sizes are multiplied by. */
type Upsampling2dOptions = Pick<InterpolateOptions, "size" | "scaleFactor">;

/** Makes images of another size out of the nearest pixels: `[N, C, H, W] → [N, C, oh, ow]`. */
export class UpsamplingNearest2d extends layerOf("UpsamplingNearest2d", (name, options: Upsampling2dOptions) =>
  resizer(name, { ...options, mode: "nearest" }),
) {}

/** Makes images of another size, linear between the pixels, whose corners keep their places: `[N, C, H, W] → [N, C, oh, ow]`. */
export class UpsamplingBilinear2d extends layerOf("UpsamplingBilinear2d", (name, options: Upsampling2dOptions) =>
  resizer(name, { ...options, mode: "bilinear", alignCorners: true }),
) {}
