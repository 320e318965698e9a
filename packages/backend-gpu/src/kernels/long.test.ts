import { cpu } from "@descent/backend-cpu";
import { type Backend, type DType, type Operand, type Shape, type Spec, sizeOf, type TypedArray } from "@descent/core";
import { expectClose } from "@descent/testing";
import { beforeAll, describe, test } from "vitest";
import { gpu } from "../index.ts";
import { provideWebGpu } from "../testing/webgpu.ts";

// Loops of shaders have 1,024 turns at most. What is longer is computed in parts.

let backend: Backend;
beforeAll(async () => {
  await provideWebGpu();
  backend = await gpu({ mode: "webgpu" });
});

const float = (...shape: number[]): Spec => ({ shape, dtype: "float32" });

/** Elements on a coarse grid, many of them equal. */
const elements = (shape: Shape, dtype: DType = "float32", most = 9): [Spec, TypedArray] => {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7919 + (i >> 5)) % most);
  return [{ shape, dtype }, dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values, (v) => v / 8)];
};

type Kernel = (on: Backend, operands: Operand[]) => unknown;

async function expectSame(inputs: readonly [Spec, TypedArray][], out: Spec, kernel: Kernel): Promise<void> {
  const [actual, expected] = await Promise.all(
    [backend, cpu() as Backend].map(async (on) => {
      const operands = inputs.map(([{ shape, dtype }, values]) => ({
        shape,
        dtype,
        handle: on.upload(values, { shape, dtype }),
      }));
      const { shape, dtype } = out;
      return { shape, dtype, data: await on.read({ shape, dtype, handle: kernel(on, operands) }) };
    }),
  );
  expectClose(actual!, expected!, 1e-5);
}

describe("more than one loop", () => {
  test.each(["sum", "max", "min"] as const)("reduce %s", (fn) =>
    expectSame([elements([2, 3001, 3])], float(2, 3), (on, [x]) => on.reduce(fn, x!, [1], float(2, 3))),
  );

  test("a sum of two million in two stages, over axes that are no neighbours", () =>
    expectSame([elements([1100, 2, 1000])], float(2), (on, [x]) => on.reduce("sum", x!, [0, 2], float(2))));

  test.each(["argmax", "argmin"] as const)("%s", (fn) => {
    const out = { shape: [2, 2], dtype: "int32" as const };
    return expectSame([elements([2, 2500, 2], "float32", 2300)], out, (on, [x]) => on.argReduce(fn, x!, 1, out));
  });

  test("matmul", () =>
    expectSame([elements([2, 3, 2100]), elements([1, 4, 2100])], float(2, 3, 4), (on, [a, b]) =>
      on.matmul(a!, b!, false, true, float(2, 3, 4)),
    ));

  test.each(["set", "add"] as const)("put %s", (mode) => {
    const [index, values] = [elements([2500], "int32", 40), elements([2, 2500])];
    return expectSame([elements([2, 40]), index, values], float(2, 40), (on, [x, i, v]) =>
      on.put(mode, x!, i!, v!, 1, float(2, 40)),
    );
  });

  test("scatterView of a tensor that was expanded", () =>
    expectSame([elements([3000, 5])], float(5), (on, [x]) =>
      on.scatterView(x!, { shape: [3000, 5], strides: [0, 1], offset: 0 }, float(5)),
    ));

  test("sort and scan", async () => {
    const x = elements([3, 1500], "float32", 700);
    for (const part of [0, 1])
      await expectSame(
        [x],
        { shape: [3, 1500], dtype: part === 0 ? "float32" : "int32" },
        (on, [x]) => on.sort(x!, 1, true)[part as 0 | 1],
      );
    await expectSame([x], float(3, 1500), (on, [x]) => on.scan("sum", x!, 1, true, float(3, 1500)));
  });

  test("concat of more arrays than one shader joins", () =>
    expectSame(
      Array.from({ length: 9 }, (_, i) => elements([2, i + 1])),
      float(2, 45),
      (on, xs) => on.concat(xs, 1, float(2, 45)),
    ));
});
