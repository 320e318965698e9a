import {
  avgPool,
  type ConvAttrs,
  col2im,
  convolution,
  im2col,
  maxPool,
  type PadMode,
  pad,
  type Shape,
  transposedConvolution,
} from "@descent/core";
import { functional, type InterpolationMode } from "@descent/nn";
import fc from "fast-check";
import { size, windowed } from "../arbitraries.ts";
import { distinctFloats, draw, floats, type OpCase, opCase } from "../op-case.ts";

/** One axis of an input, and the window that moves over it. */
const line = fc
  .record({ kernel: size(2), stride: size(2), dilation: size(2), padding: fc.nat(1), extra: fc.nat(1) })
  .map(({ extra, ...rest }) => ({
    ...rest,
    size: Math.max(1, rest.dilation * (rest.kernel - 1) + 1 - 2 * rest.padding + extra),
  }));

/** The axes that images do not cover: one, or three. */
const lines = fc.constantFrom(1, 3).chain((n) => fc.array(line, { minLength: n, maxLength: n }));

const each = <T extends object, K extends keyof T>(axes: readonly T[], key: K): T[K][] => axes.map((axis) => axis[key]);

interface Convolution {
  readonly image: Shape;
  readonly weight: Shape;
  readonly attrs: ConvAttrs;
}

const convolutions: fc.Arbitrary<Convolution> = fc
  .tuple(lines, size(2), size(2), size(2))
  .map(([axes, groups, channels, outputs]) => ({
    image: [1, channels * groups, ...each(axes, "size")],
    weight: [outputs * groups, channels, ...each(axes, "kernel")],
    attrs: {
      stride: each(axes, "stride"),
      padding: each(axes, "padding"),
      dilation: each(axes, "dilation"),
      groups,
    },
  }));

const biasOf = (wanted: boolean, outputs: number) => (wanted ? [floats([outputs])] : []);

/** Pools of which every window sees an element. */
const pools = lines.map((axes) => ({
  image: [1, 2, ...axes.map((axis) => axis.size + 2 * axis.padding)],
  window: {
    kernel: each(axes, "kernel"),
    stride: each(axes, "stride"),
    padding: axes.map(({ kernel, dilation, padding }) => (dilation === 1 ? Math.min(padding, kernel >> 1) : 0)),
    dilation: each(axes, "dilation"),
  },
}));

const padded = fc.constantFrom<PadMode>("constant", "reflect", "replicate", "circular").chain((mode) =>
  fc
    .tuple(
      fc.constantFrom(0, 1.5),
      fc.array(fc.tuple(size(3, 2), size(1, -1), size(1, -1)), { minLength: 1, maxLength: 3 }),
    )
    .filter(([, axes]) => axes.every(([, before, after]) => before + after > -2))
    .chain(([value, axes]) =>
      draw(
        { padding: axes.flatMap(([, before, after]) => [before, after]), mode, value },
        floats([2, ...axes.map(([n]) => n).reverse()]),
      ),
    ),
);

const MODES: readonly (readonly [InterpolationMode, n: number])[] = [
  ["nearest", 1],
  ["nearest-exact", 2],
  ["linear", 1],
  ["bilinear", 2],
  ["bicubic", 2],
  ["trilinear", 3],
  ["area", 2],
];

const resized = fc.constantFrom(...MODES).chain(([mode, n]) =>
  fc
    .tuple(fc.boolean(), fc.array(fc.tuple(size(3), size(4)), { minLength: n, maxLength: n }))
    .chain(([corners, axes]) =>
      draw(
        {
          mode,
          size: axes.map(([, to]) => to),
          alignCorners: mode.endsWith("r") || mode.endsWith("c") ? corners : null,
        },
        floats([1, 2, ...axes.map(([from]) => from)]),
      ),
    ),
);

const adaptive = (values: typeof floats | typeof distinctFloats) =>
  lines.chain((axes) =>
    fc
      .tuple(...axes.map(() => fc.option(size(3))))
      .chain((outputSize) => draw({ outputSize }, values([1, 2, ...each(axes, "size")]))),
  );

const { adaptiveAvgPool1d, adaptiveAvgPool3d, adaptiveMaxPool1d, adaptiveMaxPool3d } = functional;

export const WINDOWS: Record<string, OpCase> = {
  convolution: opCase(
    fc
      .tuple(convolutions, fc.boolean())
      .chain(([{ image, weight, attrs }, bias]) =>
        draw(attrs, floats(image), floats(weight), ...biasOf(bias, weight[0]!)),
      ),
    ([x, weight, bias], attrs) => convolution(x!, weight!, bias ?? null, attrs),
  ),
  transposedConvolution: opCase(
    fc
      .tuple(convolutions, fc.boolean(), fc.boolean())
      .map(([{ image, weight, attrs }, bias, more]) => ({
        // At least as long as what is cut off.
        image: [image[0]!, weight[0]!, ...image.slice(2).map((n, i) => Math.min(n, 2) + 2 * attrs.padding[i]!)],
        weight,
        attrs: {
          ...attrs,
          outputPadding: attrs.stride.map((n, i) => (more ? Math.max(n, attrs.dilation[i]!) - 1 : 0)),
        },
        bias,
      }))
      .chain(({ image, weight, attrs, bias }) =>
        draw(attrs, floats(image), floats(weight), ...biasOf(bias, weight[1]! * attrs.groups)),
      ),
    ([x, weight, bias], attrs) => transposedConvolution(x!, weight!, bias ?? null, attrs),
  ),
  maxPool: opCase(
    pools.chain(({ image, window }) => draw(window, distinctFloats(image))),
    ([x], window) => maxPool(x!, window),
  ),
  avgPool: opCase(
    fc
      .tuple(pools, fc.boolean(), fc.constantFrom(null, 3))
      .chain(([{ image, window }, countIncludePad, divisorOverride]) =>
        draw({ ...window, dilation: window.dilation.map(() => 1), countIncludePad, divisorOverride }, floats(image)),
      ),
    ([x], window) => avgPool(x!, window),
  ),
  adaptiveAvgPool: opCase(adaptive(floats), ([x], { outputSize }) =>
    x!.ndim === 3 ? adaptiveAvgPool1d(x!, outputSize as never) : adaptiveAvgPool3d(x!, outputSize as never),
  ),
  adaptiveMaxPool: opCase(adaptive(distinctFloats), ([x], { outputSize }) =>
    x!.ndim === 3 ? adaptiveMaxPool1d(x!, outputSize as never) : adaptiveMaxPool3d(x!, outputSize as never),
  ),
  pad: opCase(padded, ([x], { padding, ...options }) =>
    pad(x!, padding, options.mode === "constant" ? options : { mode: options.mode }),
  ),
  unfold: opCase(
    fc
      .tuple(size(5), size(5), size(3))
      .chain(([n, width, step]) => draw({ width: Math.min(n, width), step }, floats([2, n, 2]))),
    ([x], { width, step }) => x!.unfold(1, width, step),
  ),
  im2col: opCase(
    windowed().chain(({ image, ...window }) => draw(window, floats(image))),
    ([x], window) => im2col(x!, window),
  ),
  col2im: opCase(
    windowed().chain(({ image, ...window }) => {
      const [height, width] = image.slice(2) as [number, number];
      const count = ([0, 1] as const).map((i) => {
        const room = [height, width][i]! + 2 * window.padding[i] - window.dilation[i] * (window.kernel[i] - 1) - 1;
        return Math.floor(room / window.stride[i]) + 1;
      });
      const rows = image[1]! * window.kernel[0] * window.kernel[1];
      return draw({ size: [height, width] as const, window }, floats([image[0]!, rows, count[0]! * count[1]!]));
    }),
    ([x], { size, window }) => col2im(x!, size, window),
  ),
  interpolate: opCase(resized, ([x], options) => functional.interpolate(x!, options)),
  gridSample: opCase(
    fc
      .tuple(
        size(3),
        size(3),
        fc.constantFrom("bilinear", "nearest"),
        fc.constantFrom("zeros", "border", "reflection"),
        fc.boolean(),
      )
      .chain(([h, w, mode, paddingMode, alignCorners]) =>
        draw({ mode, paddingMode, alignCorners } as const, floats([2, 2, h, w]), floats([2, 1, 2, 2])),
      ),
    ([x, grid], options) => functional.gridSample(x!, grid!, options),
  ),
  affineGrid: opCase(
    fc
      .tuple(fc.boolean(), fc.array(size(3), { minLength: 2, maxLength: 3 }))
      .chain(([alignCorners, axes]) =>
        draw({ alignCorners, size: [2, 1, ...axes] }, floats([2, axes.length, axes.length + 1])),
      ),
    ([theta], { size, alignCorners }) => functional.affineGrid(theta!, size, { alignCorners }),
  ),
  lpPool: opCase(
    fc
      .tuple(size(4), fc.constantFrom(1.5, 2, 3))
      .chain(([n, p]) => draw(p, floats([1, 2, n + 1, 2], { min: 0, max: 4 }))),
    ([x], p) => functional.lpPool2d(x!, p, 2),
  ),
  localResponseNorm: opCase(
    fc.tuple(size(4), size(3)).chain(([channels, width]) => draw(width, floats([2, channels, 2]))),
    ([x], width) => functional.localResponseNorm(x!, width, { alpha: 0.5, k: 2 }),
  ),
  pixelShuffle: opCase(
    size(3).chain((r) => draw(r, floats([2, r * r, 2, 1]))),
    ([x], r) => functional.pixelShuffle(x!, r),
  ),
};
