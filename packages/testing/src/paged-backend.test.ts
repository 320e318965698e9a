import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  type Block,
  DTYPES,
  type DType,
  full,
  grad,
  OutOfMemoryError,
  Parameter,
  type Spec,
  sizeOf,
  type Tensor,
  type TypedArray,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { SGD } from "@descent/optim";
import { describe, expect, test } from "vitest";
import { pagedBackend } from "./paged-backend.ts";

const KIB = 1024;
const spec = (dtype: DType, ...shape: number[]): Spec => ({ shape, dtype });
const float = (...values: number[]) => new Float32Array(values);

/** One of everything that returns handles, but for `fused`. */
type Family = Exclude<keyof Backend, "name" | "dtypes" | "synchronous" | "fused" | "download" | "read" | "free">;
type Results<H> = readonly (readonly [H, Spec])[];

/** Calls of every family on operands of every dtype. */
function calls<H>(backend: Backend<H>): Record<Family, () => Results<H>> {
  const operand = ({ dtype, shape }: Spec, values: readonly number[]) => {
    const array = { bool: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array }[dtype];
    const elements = Array.from({ length: sizeOf(shape) }, (_, i) => values[i % values.length]!);
    return { dtype, shape, handle: backend.upload(new array(elements), { dtype, shape }) };
  };
  const x = operand(spec("float32", 3, 4), [0.5, -1, 2, 1.5, Number.NaN]);
  const row = operand(spec("float32", 4), [3, -2, 0.25, 1]);
  const large = operand(spec("float64", 40, 30), [1.5, -2.5, 0.125]);
  const index = operand(spec("int32", 2), [2, 0]);
  const mask = operand(spec("bool", 3, 4), [1, 0, 0]);
  const all = DTYPES.map((dtype) => operand(spec(dtype, 5), [1, 0, 1, 1, 0]));
  const one = (handle: H, out: Spec): Results<H> => [[handle, out]];

  return {
    upload: () => [...all, large].map((x) => [x.handle, x]),
    fill: () => DTYPES.map((dtype) => [backend.fill(1, spec(dtype, 2, 3)), spec(dtype, 2, 3)]),
    cast: () => all.flatMap((x) => DTYPES.map((dtype) => [backend.cast(x, spec(dtype, 5)), spec(dtype, 5)] as const)),
    unary: () => one(backend.unary("tanh", x, x), x),
    binary: () => [
      [backend.binary("mul", x, row, x), x],
      [backend.binary("sub", 1, x, x), x],
      [backend.binary("add", large, large, large), large],
    ],
    select: () => one(backend.select(mask, x, 7, x), x),
    reduce: () => one(backend.reduce("sum", large, [0], spec("float64", 30)), spec("float64", 30)),
    argReduce: () => one(backend.argReduce("argmax", x, 1, spec("int32", 3)), spec("int32", 3)),
    matmul: () => one(backend.matmul(large, large, true, false, spec("float64", 30, 30)), spec("float64", 30, 30)),
    gatherView: () => {
      const out = spec("float32", 4, 3);
      return one(backend.gatherView(x, { shape: out.shape, strides: [1, 4], offset: 0 }, out), out);
    },
    scatterView: () => {
      const out = spec("float32", 8);
      return one(backend.scatterView(row, { shape: [4], strides: [-2], offset: 7 }, out), out);
    },
    take: () => one(backend.take(x, index, 0, spec("float32", 2, 4)), spec("float32", 2, 4)),
    put: () => [
      [backend.put("add", x, index, { ...x, shape: [2, 4] }, 0, x), x],
      [backend.put("set", 9, index, { ...x, shape: [2, 4] }, 0, x), x],
    ],
    sort: () => {
      const [values, indices] = backend.sort(x, 1, true);
      return [
        [values, x],
        [indices, spec("int32", 3, 4)],
      ];
    },
    scan: () => one(backend.scan("sum", x, 0, false, x), x),
    concat: () => one(backend.concat([row, row, row], 0, spec("float32", 12)), spec("float32", 12)),
  };
}

describe("paged backend", () => {
  test("computes what the reference does, with every operand and result moved out and in again", () => {
    const reference = cpu();
    const paged = pagedBackend({ budget: 48 * KIB });
    const expected = calls(reference);
    const evictAll = () => paged.free(paged.fill(0, spec("bool", 48 * KIB)));
    const actual = calls(paged);
    for (const family of Object.keys(expected) as Family[]) {
      evictAll();
      const values = actual[family]().map(([handle, out]) => {
        evictAll();
        expect(paged.pager.isResident(handle)).toBe(false);
        return paged.download({ ...out, handle });
      });
      expect(values, family).toEqual(expected[family]().map(([handle, out]) => reference.download({ ...out, handle })));
    }
  });

  test("trains to the same bits with a budget so small that every op evicts", () => {
    const train = (backend: Backend): number[] =>
      withBackend(backend, () => {
        const ramp = (rows: number, columns: number): Tensor =>
          tensor(
            Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => Math.sin(3 * i + j))),
          );
        const x = ramp(16, 20);
        const y = ramp(16, 5);
        const [w1, w2] = [new Parameter(ramp(20, 70)), new Parameter(ramp(70, 5))];
        const losses: number[] = [];
        for (let step = 0; step < 20; step++) {
          const error = x.matmul(w1).tanh().matmul(w2).sub(y);
          const loss = error.mul(error).mean();
          const gradients = grad(loss, [w1, w2]);
          for (const [i, w] of [w1, w2].entries()) w.assign(w.detach().sub(gradients[i]!.mul(0.01)));
          losses.push(loss.item());
        }
        return losses;
      });
    const paged = pagedBackend({ budget: 24 * KIB });
    const losses = train(paged);
    expect(losses).toEqual(train(cpu()));
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    expect(paged.pager.stats.reloads).toBeGreaterThan(100);
    expect(paged.pager.stats.peak).toBeLessThanOrEqual(24 * KIB);
  });

  test("reads what it downloads, and both are copies", async () => {
    const paged = pagedBackend();
    const x = { ...spec("float32", 2), handle: paged.upload(float(1, 2), spec("float32", 2)) };
    paged.download(x).fill(9);
    expect(await paged.read(x)).toEqual(float(1, 2));
  });

  test("frees the results of a kernel that throws", () => {
    const paged = pagedBackend({ budget: 16 * KIB });
    const x = { ...spec("float32", 2), handle: paged.upload(float(1, 2), spec("float32", 2)) };
    const index = { ...spec("int32", 1), handle: paged.upload(new Int32Array([2]), spec("int32", 1)) };
    expect(() => paged.take(x, index, 0, spec("float32", 1))).toThrow();
    expect(() => paged.concat([x, x], 0, spec("float32", 5000))).toThrow(OutOfMemoryError);
    expect(paged.pager.stats.live).toBe(2);
    expect(paged.download(x)).toEqual(float(1, 2));
  });

  test("runs fused kernels on the device's memory, where a write stays", () => {
    const paged = pagedBackend({
      budget: 16 * KIB,
      fused: {
        dropout([x, scale], attrs: { readonly bias: number }) {
          const { handle } = x as { handle: TypedArray };
          for (let i = 0; i < handle.length; i++) handle[i]! *= scale as number;
          return [handle.map((value) => value + attrs.bias)];
        },
      },
    });
    expect(Object.keys(paged.fused!)).toEqual(["dropout"]);
    const x = { ...spec("float32", 3), handle: paged.upload(float(1, 2, 3), spec("float32", 3)) };
    const [y] = paged.fused!.dropout!([x, 2, null], { bias: 1 } as never, [x])!;
    paged.free(paged.fill(0, spec("bool", 16 * KIB)));
    expect(paged.download({ ...x, handle: y as Block })).toEqual(float(3, 5, 7));
    expect(paged.download(x)).toEqual(float(2, 4, 6));
  });

  test("poisons what was freed, what left, and what a kernel did not write", () => {
    let seen: TypedArray | undefined;
    const paged = pagedBackend({
      budget: 16 * KIB,
      fused: {
        silu([x]) {
          seen = (x as { handle: TypedArray }).handle;
          return [float(1)];
        },
      },
    });
    const poison = new Float32Array(new Uint8Array(12).fill(0xdb).buffer);
    const look = (): Block => {
      const x = { ...spec("float32", 3), handle: paged.upload(float(1, 2, 3), spec("float32", 3)) };
      const [y] = paged.fused!.silu!([x], {} as never, [x])!;
      expect(seen).toEqual(float(1, 2, 3));
      expect(paged.download({ ...x, handle: y as Block })).toEqual(float(1, poison[0]!, poison[0]!));
      return x.handle;
    };
    look();
    paged.fill(0, spec("bool", 8 * KIB)); // makes the memory grow, and so move away from what was seen
    expect(seen).toEqual(poison);
    paged.free(paged.fill(0, spec("bool", 16 * KIB)));
    for (let i = 0; i < 4; i++) paged.fill(0, spec("float32"));
    paged.free(look());
    expect(seen).toEqual(poison);
    const block = look();
    paged.fill(0, spec("bool", 12 * KIB));
    paged.fill(0, spec("bool", 128)); // at the start of the page that left
    expect(paged.pager.isResident(block)).toBe(false);
    expect(seen).toEqual(poison);
  });

  test("frees without a reload", () => {
    const paged = pagedBackend({ budget: 16 * KIB });
    const blocks = [8, 16].map((size) => paged.fill(0, spec("bool", size * KIB)));
    expect(paged.pager.stats).toMatchObject({ live: 2, resident: 16 * KIB });
    blocks.forEach(paged.free);
    expect(paged.pager.stats).toMatchObject({ live: 0, resident: 0, reloads: 0 });
  });
});

test("an optimizer step that does not fit into the budget moves nothing", () => {
  const backend = pagedBackend({ budget: 64 * KIB });
  const parameter = (size: number): Parameter => {
    const p = new Parameter(full([size], 1, { backend }));
    p.grad = full([size], 1, { backend });
    return p;
  };
  const parameters = [3, 256].map(parameter);
  const optimizer = new SGD(parameters, { lr: 0.5 });
  optimizer.step();
  const huge = parameter(7 * KIB); // 28 KiB, of which a product has three
  optimizer.addParamGroup({ params: huge });
  expect(() => optimizer.step()).toThrow(OutOfMemoryError);
  expect([...parameters, huge].map((p) => p.narrow(0, 0, 1).item())).toEqual([0.5, 0.5, 1]);
});
