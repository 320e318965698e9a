import { allocate, DTYPES, type Operand, type TypedArray } from "@descent/core";
import { describe, expect, test } from "vitest";
import { cpu } from "./index.ts";

const backend = cpu();

test("declares what it can do, and every call makes another device", () => {
  expect(backend).toMatchObject({ name: "cpu", dtypes: DTYPES, synchronous: true });
  expect(backend.fused).toBeUndefined();
  expect(cpu()).not.toBe(backend);
});

describe("transfer", () => {
  test.each(DTYPES)("%s: upload, download and read copy", async (dtype) => {
    const values = allocate(dtype, 2);
    values.set([1, 0]);
    const x = { handle: backend.upload(values, { shape: [2], dtype }), shape: [2], dtype };
    values.fill(0);
    const [now, later] = [backend.download(x), await backend.read(x)];
    expect(now).toBeInstanceOf(values.constructor);
    expect([now, later].map((y) => Array.from(y))).toEqual([
      [1, 0],
      [1, 0],
    ]);
    now.fill(0);
    later.fill(0);
    expect(Array.from(x.handle)).toEqual([1, 0]);
  });

  test("a part of a larger buffer is uploaded alone", () => {
    const x = backend.upload(Float32Array.of(1, 2, 3).subarray(1), { shape: [2], dtype: "float32" });
    expect(x.buffer.byteLength).toBe(8);
    expect(Array.from(x)).toEqual([2, 3]);
  });

  test("a Node Buffer, whose slice() shares memory, is copied", () => {
    const bytes = Buffer.from([1, 0, 1]);
    const x = backend.upload(bytes, { shape: [3], dtype: "bool" });
    bytes.fill(0);
    expect(Array.from(x)).toEqual([1, 0, 1]);
  });
});

test("no kernel returns the array of an operand, or a part of it", () => {
  const x: Operand<TypedArray> = { handle: Float64Array.of(1, 2), shape: [2], dtype: "float64" };
  const matrix: Operand<TypedArray> = { ...x, shape: [1, 2] };
  const yes: Operand<TypedArray> = { handle: Uint8Array.of(1, 1), shape: [2], dtype: "bool" };
  const none: Operand<TypedArray> = { handle: new Int32Array(0), shape: [0], dtype: "int32" };
  const view = { shape: [2], strides: [1], offset: 0 };
  const results = [
    backend.cast(x, x),
    backend.unary("abs", x, x),
    backend.binary("add", x, 0, x),
    backend.select(yes, x, x, x),
    backend.reduce("sum", x, [], x),
    backend.matmul({ ...x, handle: Float64Array.of(1), shape: [1, 1] }, matrix, false, false, matrix),
    backend.gatherView(x, view, x),
    backend.scatterView(x, view, x),
    backend.take(x, { ...none, handle: Int32Array.of(0, 1), shape: [2] }, 0, x),
    backend.put("set", x, none, { ...x, handle: new Float64Array(0), shape: [0] }, 0, x),
    backend.sort(x, 0, false)[0],
    backend.scan("sum", { ...x, shape: [1, 2] }, 0, false, matrix),
    backend.concat([x], 0, x),
  ];
  for (const y of results) {
    expect(Array.from(y)).toEqual([1, 2]);
    expect(y.buffer).not.toBe(x.handle.buffer);
  }
});
