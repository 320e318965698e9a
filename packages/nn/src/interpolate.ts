import { ArgumentError, floating, ShapeError, scope, show, type Tensor, tensor } from "@descent/core";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./adaptive-pooling.ts";
import { FunctionLayer } from "./function-layer.ts";
import { checkSizes, oneOf, type Size, spread, withDefaults } from "./options.ts";
import { python } from "./repr.ts";

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

const DEFAULTS: Required<InterpolateOptions> = {
  size: null,
  scaleFactor: null,
  mode: "nearest",
  alignCorners: null,
  recomputeScaleFactor: null,
};

/** What an element of the result is made of: elements of the axis and their weights. */
type Taps = readonly (readonly [index: number, weight: number])[];

/** Where the centre of element `i` of the result lies among `size` elements, `scale` of them to one. */
interface Place {
  readonly i: number;
  readonly size: number;
  readonly scale: number;
  readonly alignCorners: boolean;
}
const sourceOf = ({ i, scale, alignCorners }: Place): number => (alignCorners ? i * scale : (i + 0.5) * scale - 0.5);

/** PyTorch finds the nearest element in float32. */
const nearest =
  (centre: number) =>
  ({ i, size, scale }: Place): Taps => [
    [Math.min(Math.floor(Math.fround((i + centre) * Math.fround(scale))), size - 1), 1],
  ];

function linear(place: Place): Taps {
  const at = Math.max(0, sourceOf(place));
  const left = Math.min(Math.floor(at), place.size - 1);
  const t = Math.min(at - left, 1);
  return [
    [left, 1 - t],
    [Math.min(left + 1, place.size - 1), t],
  ];
}

/** Convolution with the cubic kernel of `a = −0.75` (Keys 1981). */
function cubic(place: Place): Taps {
  const at = sourceOf(place);
  const left = Math.floor(at);
  return [-1, 0, 1, 2].map((k) => {
    const d = Math.abs(at - left - k);
    const weight = d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : ((-0.75 * d + 3.75) * d - 6) * d + 3;
    return [Math.min(Math.max(left + k, 0), place.size - 1), weight];
  });
}

/** The axes that a mode is for, where it has a say, and the taps of an element. */
const MODES: Record<Exclude<InterpolationMode, "area">, readonly [n: number | null, taps: (place: Place) => Taps]> = {
  nearest: [null, nearest(0)],
  "nearest-exact": [null, nearest(0.5)],
  linear: [1, linear],
  bilinear: [2, linear],
  trilinear: [3, linear],
  bicubic: [2, cubic],
};

/**
 * Sequences `[N, C, L]`, images `[N, C, H, W]` or volumes `[N, C, D, H, W]` of another size. `"area"` averages as `adaptiveAvgPool2d`
 * does; the other modes weigh the elements nearby, axis by axis.
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { mode, ...rest } = withDefaults("interpolate", options, DEFAULTS);
  checkOptions("interpolate", { mode, ...rest });
  const n = x.ndim - 2;
  const from = x.shape.slice(2);
  const wanted = mode === "area" ? null : MODES[mode][0];
  if (n < 1 || n > 3 || from.includes(0) || (wanted !== null && n !== wanted))
    throw new ShapeError(
      "interpolate",
      `mode "${mode}" expects [N,C] and ${wanted ?? "1 to 3"} axes that are not empty, got ${show(x.shape)}`,
    );
  floating("interpolate")([x.dtype]);
  const factors = rest.scaleFactor === null ? null : spread("interpolate", "scaleFactor", rest.scaleFactor, n);
  const to = factors?.map((factor, i) => Math.floor(from[i]! * factor)) ?? spread("interpolate", "size", rest.size!, n);
  checkSizes("interpolate", { size: to });
  if (mode === "area") return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][n - 1]!(x, to as never);
  const [, taps] = MODES[mode];
  const alignCorners = rest.alignCorners ?? false;
  return scope(() =>
    to.reduce((y, size, i) => {
      const old = from[i]!;
      const scale = alignCorners
        ? (old - 1) / Math.max(1, size - 1)
        : factors === null || rest.recomputeScaleFactor
          ? old / size
          : 1 / factors[i]!;
      return resample(
        y,
        i + 2,
        Array.from({ length: size }, (_, i) => taps({ i, size: old, scale, alignCorners })),
      );
    }, x),
  );
}

/** Each element of an axis made of others: the first of each, the second, … with their weights. */
function resample(x: Tensor, axis: number, taps: readonly Taps[]): Tensor {
  const { backend, dtype } = x;
  const rest = x.shape.slice(axis + 1).map(() => 1);
  const parts = taps[0]!.map((_, k) => {
    const index = Int32Array.from(taps, (list) => list[k]![0]);
    const seen = x.indexSelect(axis, tensor(index, { backend }));
    if (taps[0]!.length === 1) return seen;
    const weights = Float64Array.from(taps, (list) => list[k]![1]);
    return seen.mul(tensor(weights, { dtype, backend }).reshape([taps.length, ...rest]));
  });
  return parts.reduce((sum, part) => sum.add(part));
}

function checkOptions(op: string, options: Required<InterpolateOptions>): void {
  const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = options;
  oneOf(op, "mode", mode, [...(Object.keys(MODES) as InterpolationMode[]), "area"]);
  if ((size === null) === (scaleFactor === null))
    throw new ArgumentError(op, "either size or scaleFactor must be given, and not both");
  if (size !== null) checkSizes(op, { size });
  if (![scaleFactor ?? 1].flat().every((factor) => factor > 0 && factor < Number.POSITIVE_INFINITY))
    throw new ArgumentError(op, `scaleFactor must be positive, got ${show([scaleFactor ?? 1].flat())}`);
  if (alignCorners !== null && (mode === "area" || MODES[mode][0] === null))
    throw new ArgumentError(op, `mode "${mode}" has no alignCorners`, "leave it out");
  if (recomputeScaleFactor && size !== null)
    throw new ArgumentError(op, "recomputeScaleFactor has no meaning beside a size", "leave it out");
}

/** Options of `Upsample`. */
export type UpsampleOptions = InterpolateOptions;

/** What PyTorch shows of an interpolation, whose factors it makes floats. */
function text({ size, scaleFactor, mode }: Required<InterpolateOptions>): string {
  const float = (factor: number): string => (Number.isInteger(factor) ? `${factor}.0` : python(factor));
  const factors = typeof scaleFactor === "number" ? float(scaleFactor) : `(${scaleFactor?.map(float).join(", ")})`;
  return `${size === null ? `scale_factor=${factors}` : `size=${python(size)}`}, mode=${python(mode)}`;
}

abstract class Interpolation extends FunctionLayer {
  protected constructor(name: string, options: InterpolateOptions) {
    const all = withDefaults(name, options, DEFAULTS);
    checkOptions(name, all);
    super((x) => interpolate(x, all), text(all));
  }
}

/** Makes sequences, images or volumes of another size, `[N, C, …] → [N, C, …]`. Options as those of `interpolate`. */
export class Upsample extends Interpolation {
  /** @internal */
  static override readonly discreet: unknown = Upsample;
  constructor(options: UpsampleOptions) {
    super("Upsample", options);
  }
}

/** Either the size of the result or what the sizes are multiplied by. */
type Upsampling2dOptions = Pick<InterpolateOptions, "size" | "scaleFactor">;

/** Makes images of another size out of the nearest pixels: `[N, C, H, W] → [N, C, oh, ow]`. */
export class UpsamplingNearest2d extends Interpolation {
  /** @internal */
  static override readonly discreet: unknown = UpsamplingNearest2d;
  constructor(options: Upsampling2dOptions) {
    super("UpsamplingNearest2d", { ...options, mode: "nearest" });
  }
}

/** Makes images of another size, linear between the pixels, whose corners keep their places: `[N, C, H, W] → [N, C, oh, ow]`. */
export class UpsamplingBilinear2d extends Interpolation {
  /** @internal */
  static override readonly discreet: unknown = UpsamplingBilinear2d;
  constructor(options: Upsampling2dOptions) {
    super("UpsamplingBilinear2d", { ...options, mode: "bilinear", alignCorners: true });
  }
}
