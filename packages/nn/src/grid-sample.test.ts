import { cpu } from "@descent/backend-cpu";
import { arange, ones, randn, setBackend, type Tensor, tensor } from "@descent/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { functional } from "./index.ts";

setBackend(cpu());
const { affineGrid, gridSample } = functional;
const values = (x: Tensor): number[] => [...x.dataSync()];
const identity = tensor([
  [
    [1, 0, 0],
    [0, 1, 0],
  ],
]).to("float64");

test("the places of an image that is not moved give the image", () => {
  const size = fc.integer({ min: 1, max: 5 });
  const modes = fc.constantFrom<("bilinear" | "nearest")[]>("bilinear", "nearest");
  const paddings = fc.constantFrom<("zeros" | "border" | "reflection")[]>("zeros", "border", "reflection");
  fc.assert(
    fc.property(size, size, fc.boolean(), modes, paddings, (h, w, alignCorners, mode, paddingMode) => {
      const x = randn([1, 2, h, w], { dtype: "float64" });
      const grid = affineGrid(identity, [1, 2, h, w], { alignCorners });
      const y = gridSample(x, grid, { alignCorners, mode, paddingMode });
      values(y).forEach((value, i) => {
        expect(value).toBeCloseTo(values(x)[i]!, 12);
      });
    }),
  );
});

test("beyond the edge lie zeros, the edge, or the reflection", () => {
  const x = arange(1, 5).to("float32").reshape([1, 1, 1, 4]);
  // Columns −1.5, −0.5, 1.5 and 4.
  const grid = tensor([-1.5, -1, 0, 1.25].map((column) => [column, 0])).reshape([1, 1, 4, 2]);
  const read = (paddingMode: "zeros" | "border" | "reflection"): number[] =>
    values(gridSample(x, grid, { paddingMode }));
  expect(read("zeros")).toEqual([0, 0.5, 2.5, 0]);
  expect(read("border")).toEqual([1, 1, 2.5, 4]);
  expect(read("reflection")).toEqual([1.5, 1, 2.5, 4]);
  expect(values(gridSample(x, grid, { mode: "nearest" }))).toEqual([0, 1, 3, 0]);
  // Between the centres of the pixels: columns −0.75, 0, 1.5 and 3.375.
  const options = { paddingMode: "reflection", alignCorners: true } as const;
  expect(values(gridSample(x, grid, options))).toEqual([1.75, 1, 2.5, 3.625]);
});

test("a place is a column and a row, and volumes have slices too", () => {
  const theta = tensor([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 5]).reshape([1, 3, 4]);
  const places = affineGrid(theta, [1, 1, 2, 1, 3], { alignCorners: true });
  expect(places.shape).toEqual([1, 2, 1, 3, 3]);
  expect(values(places).slice(0, 6)).toEqual([-1, 0, 4, 0, 0, 4]);
  expect(values(places).slice(-3)).toEqual([1, 0, 6]);
});

test("the gradient of the nearest pixel in its place is zero", () => {
  const grid = randn([1, 2, 2, 2], { requiresGrad: true });
  gridSample(ones([1, 1, 3, 3]), grid, { mode: "nearest" })
    .sum()
    .backward();
  expect(values(grid.grad!).every((g) => g === 0)).toBe(true);
});

test("bad arguments", () => {
  const [x, grid] = [ones([1, 2, 3, 3]), ones([1, 2, 2, 2])];
  expect(() => gridSample(x, grid, { mode: "bicubic" as "nearest" })).toThrow(
    'gridSample: unknown mode "bicubic"; use one of "bilinear", "nearest"',
  );
  expect(() => gridSample(x, grid, { paddingMode: "reflect" as "border" })).toThrow(
    'gridSample: unknown paddingMode "reflect"; use one of "zeros", "border", "reflection"',
  );
  expect(() => gridSample(x, ones([2, 2, 2, 2]))).toThrow(
    "gridSample: expected images [N,C,H,W] and a grid [N,h,w,2], got [1,2,3,3] and [2,2,2,2]",
  );
  expect(() => gridSample(x, grid.to("float64"))).toThrow(
    "gridSample: operands have different dtypes: float32 and float64",
  );
  expect(() => affineGrid(ones([1, 2, 3], { dtype: "int32" }), [1, 1, 2, 2])).toThrow(
    "affineGrid: expected a floating dtype, got int32",
  );
  expect(() => gridSample(ones([1, 2, 0, 3]), grid)).toThrow("gridSample: the images [1,2,0,3] are empty");
  expect(() => affineGrid(ones([1, 2, 2]), [1, 1, 2, 2])).toThrow(
    "affineGrid: theta [1,2,2] does not fit the size [1,1,2,2]; use [N,2,3] with [N,C,H,W], or [N,3,4] with [N,C,D,H,W]",
  );
});
