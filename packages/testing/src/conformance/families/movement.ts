import type { DType, PutMode } from "@descent/core";
import fc from "fast-check";
import { indices, shape, size, view } from "../../arbitraries.ts";
import { host } from "../operands.ts";
import type { Suite } from "../suite.ts";
import { among, type Call, numeric, operand, spec, testFamily, words } from "./call.ts";

const PUT: Record<PutMode, readonly DType[]> = {
  set: ["bool", "int32", "float32", "float64"],
  add: ["int32", "float32", "float64"],
};

const views = (dtypes: readonly DType[]) =>
  spec(dtypes, { minSize: 1, maxRank: 4 }).chain((from) => view(from.shape).map((view) => ({ from, view })));

export function gatherView(suite: Suite): void {
  testFamily(
    suite,
    "gatherView",
    views(suite.backend.dtypes).chain(({ from, view }) => {
      const out = { shape: view.shape, dtype: from.dtype };
      return operand(from.dtype, from.shape).map(
        (x): Call => ({ inputs: [x], out: [out], kernel: (b, [x]) => [b.gatherView(x!, view, out)], attrs: view }),
      );
    }),
  );
}

export function scatterView(suite: Suite): void {
  testFamily(
    suite,
    "scatterView",
    views(numeric(suite)).chain(({ from, view }) =>
      operand(from.dtype, view.shape).map(
        (x): Call => ({ inputs: [x], out: [from], kernel: (b, [x]) => [b.scatterView(x!, view, from)], attrs: view }),
      ),
    ),
  );
}

/** A tensor, an index into one of its axes, and what the index selects. */
const indexed = (dtypes: readonly DType[]) =>
  spec(dtypes, { minRank: 1, minSize: 1 }).chain(({ dtype, shape: whole }) =>
    fc.tuple(fc.nat(whole.length - 1), shape({ minSize: 0, maxRank: 2 })).chain(([axis, at]) =>
      fc.record({
        base: operand(dtype, whole),
        index: indices(at, whole[axis]!).map((values) => host("int32", at, values)),
        values: operand(dtype, [...whole.slice(0, axis), ...at, ...whole.slice(axis + 1)]),
        axis: fc.constant(axis),
        fill: fc.boolean(),
      }),
    ),
  );

export function take(suite: Suite): void {
  testFamily(
    suite,
    "take",
    indexed(suite.backend.dtypes).map(({ base, index, values, axis }) => ({
      inputs: [base, index],
      out: [values],
      kernel: (b, [x, index]) => [b.take(x!, index!, axis, values)],
      attrs: { axis },
    })),
  );
}

export function put(suite: Suite): void {
  for (const mode of words(PUT))
    testFamily(
      suite,
      `put ${mode}`,
      indexed(among(suite, ...PUT[mode])).map(({ base, index, values, axis, fill }) => ({
        inputs: [base, index, values],
        out: [base],
        kernel: (b, [x, index, values]) => [b.put(mode, fill ? 1 : x!, index!, values!, axis, base)],
        attrs: { axis, fill },
      })),
    );
}

export function concat(suite: Suite): void {
  testFamily(
    suite,
    "concat",
    spec(suite.backend.dtypes, { minRank: 1 }).chain(({ dtype, shape }) =>
      fc
        .tuple(fc.nat(shape.length - 1), fc.array(size(4, 0), { minLength: 1, maxLength: 4 }))
        .chain(([axis, sizes]) => {
          const total = sizes.reduce((a, b) => a + b);
          const out = { shape: shape.with(axis, total), dtype };
          return fc
            .tuple(...sizes.map((n) => operand(dtype, shape.with(axis, n))))
            .map(
              (inputs): Call => ({ inputs, out: [out], kernel: (b, xs) => [b.concat(xs, axis, out)], attrs: { axis } }),
            );
        }),
    ),
  );
}
