import {
  gather,
  IndexError,
  indexSelect,
  oneHot,
  ones,
  softmaxCrossEntropy,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { expect } from "vitest";
import { expectClose } from "../expect-close.ts";
import { compute, type Host, host } from "./operands.ts";
import type { Suite } from "./suite.ts";

const WRONG = [-1, 3];

/** An index out of range is an error at the call where the device can look, and harms nothing. */
export function indexConformance(suite: Suite): void {
  const { backend } = suite;
  const x = host("float32", [3, 2], [1, 2, 3, 4, 5, 6]);
  const rows = host("float32", [2, 2], [7, 8, 9, 10]);
  const wrong = WRONG.map((i) => host("int32", [2], [0, i]));

  suite.test("index: where one repeats, put keeps the last value or adds them all", async () => {
    const twice = host("int32", [2], [1, 1]);
    for (const [mode, row] of [
      ["set", [9, 10]],
      ["add", [3 + 7 + 9, 4 + 8 + 10]],
    ] as const) {
      const [y] = await compute(backend, [x, twice, rows], [x], (b, [x, i, v]) => [b.put(mode, x!, i!, v!, 0, x!)]);
      expectClose(y!, { shape: [3, 2], data: [1, 2, ...row, 5, 6] }, 0, mode);
    }
  });

  if (!backend.synchronous) return;

  suite.test("index: take and put reject one out of range, and go on", async () => {
    const take = (index: Host): unknown =>
      compute(backend, [x, index], [rows], (b, [x, i]) => [b.take(x!, i!, 0, rows)]);
    const put = (index: Host): unknown =>
      compute(backend, [x, index, rows], [x], (b, [x, i, v]) => [b.put("add", x!, i!, v!, 0, x!)]);
    for (const index of wrong)
      for (const kernel of [take, put]) await expect(kernel(index)).rejects.toThrow(IndexError);
    const right = host("int32", [2], [2, 0]);
    const [y] = await compute(backend, [x, right], [rows], (b, [x, i]) => [b.take(x!, i!, 0, rows)]);
    expectClose(y!, { shape: [2, 2], data: [5, 6, 1, 2] }, 0);
  });

  suite.test("index: functions reject one out of range", () => {
    withBackend(backend, () => {
      const calls: Record<string, (index: Tensor) => Tensor> = {
        indexSelect: (i) => indexSelect(ones([3, 2]), 0, i),
        gather: (i) => gather(ones([2, 3]), 1, i.unsqueeze(1)),
        scatter: (i) => ones([2, 3]).scatter(1, i.unsqueeze(1), 0),
        scatterReduce: (i) => ones([2, 3]).scatterReduce(1, i.unsqueeze(1), ones([2, 1]), "mean"),
        indexCopy: (i) => ones([3]).indexCopy(0, i, ones([2])),
        indexFill: (i) => ones([3]).indexFill(0, i.mul(4), 0),
        at: (i) => ones([3]).at(i.mul(4)),
        oneHot: (i) => oneHot(i, 3),
        softmaxCrossEntropy: (i) => softmaxCrossEntropy(ones([2, 3]), i),
      };
      for (const [name, call] of Object.entries(calls))
        for (const i of WRONG)
          expect(() => call(tensor([0, i], { dtype: "int32" })), `${name} of ${i}`).toThrow(IndexError);
    });
  });
}
