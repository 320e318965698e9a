import {
  type ArgReduceFn,
  broadcastShapes as broadcast,
  type DType,
  normalizeAxes,
  type ReduceFn,
  reducedShape,
  type ScanFn,
  type Shape,
} from "@descent/core";
import fc from "fast-check";
import { axes, broadcastShapes, size } from "../../arbitraries.ts";
import type { Suite } from "../suite.ts";
import { alongAxis, among, type Call, numeric, operand, spec, testFamily, words } from "./call.ts";

const REDUCE: Record<ReduceFn, readonly DType[]> = {
  sum: ["int32", "float32", "float64"],
  max: ["bool", "int32", "float32", "float64"],
  min: ["bool", "int32", "float32", "float64"],
};
const ARG_REDUCE: Record<ArgReduceFn, true> = { argmax: true, argmin: true };
const SCAN: Record<ScanFn, true> = { sum: true, prod: true, max: true, min: true };

export function reduce(suite: Suite): void {
  for (const fn of words(REDUCE)) {
    const xs = spec(among(suite, ...REDUCE[fn]), { minSize: fn === "sum" ? 0 : 1, maxRank: 4 });
    testFamily(
      suite,
      `reduce ${fn}`,
      xs
        .chain(({ dtype, shape }) => fc.tuple(operand(dtype, shape), axes(shape.length), fc.boolean()))
        .map(([x, dims, keepdim]) => {
          const axes = normalizeAxes("reduce", dims, x.shape.length);
          const out = { shape: reducedShape(x.shape, axes, keepdim), dtype: x.dtype };
          return {
            inputs: [x],
            out: [out],
            kernel: (b, [x]) => [b.reduce(fn, x!, axes, out)],
            attrs: { axes, keepdim },
          };
        }),
    );
  }
}

export function argReduce(suite: Suite): void {
  for (const fn of words(ARG_REDUCE))
    testFamily(
      suite,
      `argReduce ${fn}`,
      alongAxis(suite.backend.dtypes, { minSize: 1 }).map(([x, axis, keepdim]) => {
        const out = { shape: reducedShape(x.shape, [axis], keepdim), dtype: "int32" as const };
        const attrs = { axis, keepdim };
        return { inputs: [x], out: [out], kernel: (b, [x]) => [b.argReduce(fn, x!, axis, out)], attrs };
      }),
    );
}

export function scan(suite: Suite): void {
  for (const fn of words(SCAN))
    testFamily(
      suite,
      `scan ${fn}`,
      alongAxis(numeric(suite)).map(([x, axis, reverse]) => ({
        inputs: [x],
        out: [x],
        kernel: (b, [x]) => [b.scan(fn, x!, axis, reverse, x!)],
        attrs: { axis, reverse },
      })),
    );
}

export function sort(suite: Suite): void {
  testFamily(
    suite,
    "sort",
    alongAxis(suite.backend.dtypes, { maxSize: 9, maxRank: 2 }).map(([x, axis, descending]) => ({
      inputs: [x],
      out: [x, { shape: x.shape, dtype: "int32" }],
      kernel: (b, [x]) => b.sort(x!, axis, descending),
      attrs: { axis, descending },
    })),
  );
}

export function matmul(suite: Suite): void {
  const sizes = fc.tuple(size(9, 0), size(9, 0), size(9, 0));
  const stacks = broadcastShapes(2, { minSize: 0, maxRank: 2 });
  testFamily(
    suite,
    "matmul",
    fc
      .tuple(fc.constantFrom(...numeric(suite)), stacks, sizes, fc.boolean(), fc.boolean())
      .chain(([dtype, [s, t], [m, k, n], transposeA, transposeB]) => {
        const rank = Math.max(s!.length, t!.length);
        const lift = (stack: Shape): number[] => [...new Array<number>(rank - stack.length).fill(1), ...stack];
        const a = operand(dtype, [...lift(s!), ...(transposeA ? [k, m] : [m, k])]);
        const b = operand(dtype, [...lift(t!), ...(transposeB ? [n, k] : [k, n])]);
        const out = { shape: [...broadcast("matmul", s!, t!), m, n], dtype };
        return fc.tuple(a, b).map(
          (inputs): Call => ({
            inputs,
            out: [out],
            kernel: (on, [a, b]) => [on.matmul(a!, b!, transposeA, transposeB, out)],
            attrs: { transposeA, transposeB },
          }),
        );
      }),
  );
}
