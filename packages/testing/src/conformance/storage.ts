import { type DType, isFloat, type Operand, type Shape, sizeOf } from "@descent/core";
import fc from "fast-check";
import { bools, dtype, integers, shape } from "../arbitraries.ts";
import { expectClose } from "../expect-close.ts";
import { arrayOf, compute, type Host, host, upload } from "./operands.ts";
import type { Suite } from "./suite.ts";

/** Anything that a dtype holds: NaN, infinities, −0, the smallest and the largest. */
function elements(dtype: DType, shape: Shape, maxInt: number): fc.Arbitrary<Host> {
  const n = sizeOf(shape);
  const values: Record<DType, fc.Arbitrary<number[]>> = {
    bool: bools(shape),
    int32: integers(shape, -maxInt - 1, maxInt),
    float32: fc.array(fc.float(), { minLength: n, maxLength: n }),
    float64: fc.array(fc.double(), { minLength: n, maxLength: n }),
  };
  return values[dtype].map((values) => host(dtype, shape, values));
}

/** Upload, download, read, fill, free. */
export function storageConformance(suite: Suite): void {
  const {
    backend,
    options: { maxInt = 2 ** 31 - 1 },
  } = suite;
  const anything = (options: Parameters<typeof shape>[0]): fc.Arbitrary<Host> =>
    fc.tuple(dtype(...backend.dtypes), shape(options)).chain(([dtype, shape]) => elements(dtype, shape, maxInt));
  const expectRead = async (x: Operand, { shape, values }: Host): Promise<void> =>
    expectClose({ ...x, data: await backend.read(x) }, { shape, data: values }, 0);

  suite.test("storage: what was uploaded is read back, bit for bit, as copies", async () => {
    await fc.assert(
      fc.asyncProperty(anything({ minSize: 0, maxRank: 2 }), async (x) => {
        const array = arrayOf(x);
        const operand = { ...x, handle: backend.upload(array, x) };
        array.fill(1);
        await expectRead(operand, x);
        (await backend.read(operand)).fill(1);
        await expectRead(operand, x);
        if (backend.synchronous) {
          backend.download(operand).fill(1);
          expectClose({ ...x, data: backend.download(operand) }, { shape: x.shape, data: x.values }, 0);
        }
        backend.free(operand.handle);
      }),
    );
  });

  suite.test("storage: what was freed leaves the others alone", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anything({ maxRank: 2, maxSize: 20 }), fc.boolean()), { minLength: 1, maxLength: 30 }),
        async (all) => {
          const alive: [Operand, Host][] = [];
          for (const [x, freeOne] of all) {
            alive.push([upload(backend, x), x]);
            if (freeOne) backend.free(alive.splice(Math.floor(alive.length / 2), 1)[0]![0].handle);
          }
          for (const [operand, x] of alive) await expectRead(operand, x);
          for (const [{ handle }] of alive) backend.free(handle);
        },
      ),
      { numRuns: 50 },
    );
  });

  suite.test("storage: fill", async () => {
    for (const dtype of backend.dtypes)
      for (const shape of [[], [0], [1], [3, 5], [1000]])
        for (const value of isFloat(dtype) ? [0, -0, 2.5, Number.NaN, Number.NEGATIVE_INFINITY] : [0, 1, 7]) {
          const stored = dtype === "bool" ? Number(value !== 0) : value;
          const [y] = await compute(backend, [], [{ dtype, shape }], (b) => [b.fill(value, { dtype, shape })]);
          expectClose(y!, { shape, data: new Array(sizeOf(shape)).fill(stored) }, 0, `fill(${value}) of ${dtype}`);
        }
  });
}
