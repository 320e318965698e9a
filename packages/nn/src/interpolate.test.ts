import { cpu } from "@descent/backend-cpu";
import { arange, gradcheck, oneHot, ones, randn, setBackend, type Tensor, tensor } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { functional, type InterpolateOptions, Upsample, UpsamplingBilinear2d, UpsamplingNearest2d } from "./index.ts";

setBackend(cpu());
const { adaptiveAvgPool2d, interpolate } = functional;
const values = (x: Tensor): number[] => [...x.dataSync()];
const size = fc.integer({ min: 1, max: 7 });

test("away from the edges, straight lines stay what they are", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 20 }), (n, m) => {
      const x = arange(n).to("float64").reshape([1, 1, n]);
      values(interpolate(x, { mode: "linear", size: m })).forEach((value, i) => {
        expect(value).toBeCloseTo(Math.min(Math.max(((i + 0.5) * n) / m - 0.5, 0), n - 1), 12);
      });
    }),
  );
});

test("one pixel becomes the cubic kernel of Keys with a = −0.75", () => {
  const a = -0.75;
  const kernel = (d: number): number =>
    d < 1 ? (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1 : d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), (m) => {
      const x = oneHot(tensor([4], { dtype: "int32" }), 9, { dtype: "float64" }).reshape([1, 1, 9, 1]);
      values(interpolate(x, { mode: "bicubic", size: [m, 1] })).forEach((value, i) => {
        expect(value).toBeCloseTo(kernel(Math.abs(((i + 0.5) * 9) / m - 4.5)), 12);
      });
    }),
  );
});

test("aligned corners keep the first and the last element", () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 2, max: 9 }), (n, m) => {
      const x = randn([1, 2, n, 1], { dtype: "float64" });
      for (const mode of ["bilinear", "bicubic"] as const) {
        const y = interpolate(x, { mode, size: [m, 1], alignCorners: true });
        expect(y.narrow(2, 0, 1).toArray()).toEqual(x.narrow(2, 0, 1).toArray());
        values(y.narrow(2, m - 1, 1)).forEach((value, i) => {
          expect(value).toBeCloseTo(values(x.narrow(2, n - 1, 1))[i]!, 12);
        });
      }
    }),
  );
});

test("the nearest element is the one at the left edge, or at the centre", () => {
  fc.assert(
    fc.property(size, size, (n, m) => {
      const x = arange(n).to("float32").reshape([1, 1, n]);
      const at = (shift: number): number[] =>
        Array.from({ length: m }, (_, i) => Math.min(n - 1, Math.floor(((i + shift) * n) / m)));
      expect(values(interpolate(x, { size: m }))).toEqual(at(0));
      expect(values(interpolate(x, { size: m, mode: "nearest-exact" }))).toEqual(at(0.5));
    }),
  );
});

test("constants stay what they are, in every mode", () => {
  const modes = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3, nearest: 3, "nearest-exact": 2, area: 3 } as const;
  for (const [mode, n] of Object.entries(modes) as [keyof typeof modes, number][]) {
    const x = ones([1, 1, ...[3, 4, 2].slice(0, n)], { dtype: "float64" });
    const y = interpolate(x, { mode, size: [5, 3, 4].slice(0, n) });
    expect(y.shape).toEqual([1, 1, ...[5, 3, 4].slice(0, n)]);
    for (const value of values(y)) expect(value).toBeCloseTo(1, 12);
  }
});

test("area is adaptive averaging", () => {
  const x = randn([2, 3, 5, 7]);
  expect(values(interpolate(x, { size: [2, 4], mode: "area" }))).toEqual(values(adaptiveAvgPool2d(x, [2, 4])));
});

test("a factor also says where elements lie, unless it is computed again", () => {
  const x = arange(5).to("float64").reshape([1, 1, 5]);
  const options = { scaleFactor: 1.5, mode: "linear" } as const;
  // Seven elements, 1/1.5 apart or 5/7.
  expect(values(interpolate(x, options))[3]).toBeCloseTo(3.5 / 1.5 - 0.5, 12);
  expect(values(interpolate(x, { ...options, recomputeScaleFactor: true }))[3]).toBeCloseTo((3.5 * 5) / 7 - 0.5, 12);
  expect(interpolate(randn([1, 1, 4, 4]), { scaleFactor: [0.5, 1.3] }).shape).toEqual([1, 1, 2, 5]);
});

test("gradients", () => {
  const like = { dtype: "float64", requiresGrad: true } as const;
  for (const mode of ["nearest", "bilinear", "bicubic", "area"] as const)
    gradcheck((x) => interpolate(x!, { mode, size: [5, 2] }), [randn([1, 2, 3, 4], like)]);
});

test("the layers are interpolations", () => {
  const x = randn([1, 2, 3, 4]);
  expect(values(new UpsamplingNearest2d({ scaleFactor: 2 }).call(x))).toEqual(
    values(interpolate(x, { scaleFactor: 2 })),
  );
  expect(values(new UpsamplingBilinear2d({ size: 5 }).call(x))).toEqual(
    values(interpolate(x, { size: 5, mode: "bilinear", alignCorners: true })),
  );
});

describe("bad arguments", () => {
  const x = ones([1, 1, 4, 4]);
  test.each<[options: InterpolateOptions, message: string]>([
    [{}, "either size or scaleFactor must be given, and not both"],
    [{ size: 2, scaleFactor: 2 }, "either size or scaleFactor must be given, and not both"],
    [{ size: 0 }, "size must be a positive integer, got 0"],
    [{ scaleFactor: -1 }, "scaleFactor must be positive, got [-1]"],
    [
      { size: 2, mode: "cubic" as "bicubic" },
      'unknown mode "cubic"; use one of "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"',
    ],
    [{ size: 2, alignCorners: false }, 'mode "nearest" has no alignCorners; leave it out'],
    [{ size: 2, mode: "area", alignCorners: true }, 'mode "area" has no alignCorners; leave it out'],
    [{ size: 2, recomputeScaleFactor: true }, "recomputeScaleFactor has no meaning beside a size; leave it out"],
    [{ scale: 2 } as never, 'there is no option "scale"; the options are size, scaleFactor, mode, '],
  ])("%j", (options, message) => {
    expect(() => interpolate(x, options)).toThrow(`interpolate: ${message}`);
    expect(() => new Upsample(options)).toThrow(`Upsample: ${message}`);
  });

  test("that depend on the input", () => {
    expect(() => interpolate(x, { size: 2, mode: "linear" })).toThrow(
      'interpolate: mode "linear" expects [N,C] and 1 axes that are not empty, got [1,1,4,4]',
    );
    expect(() => interpolate(ones([2, 3]), { size: 2 })).toThrow(
      'interpolate: mode "nearest" expects [N,C] and 1 to 3 axes that are not empty, got [2,3]',
    );
    expect(() => interpolate(ones([1, 1, 0]), { size: 2 })).toThrow("axes that are not empty, got [1,1,0]");
    expect(() => interpolate(x, { size: [1, 2, 3] })).toThrow(
      "interpolate: size must be a number or [height, width], got [1,2,3]",
    );
    expect(() => interpolate(x, { scaleFactor: 0.1 })).toThrow(
      "interpolate: size must be a positive integer, got [0,0]",
    );
    expect(() => interpolate(ones([1, 1, 2], { dtype: "int32" }), { size: 2 })).toThrow(
      'interpolate: expected a floating dtype, got int32; convert it with .to("float32")',
    );
  });
});
