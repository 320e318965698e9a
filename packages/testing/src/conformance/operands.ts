import {
  allocate,
  type Backend,
  type DType,
  type Operand,
  type Shape,
  type Spec,
  sizeOf,
  type TypedArray,
} from "@descent/core";
import type { Elements } from "../expect-close.ts";
import type { Suite } from "./suite.ts";

/** Elements that are uploaded to become an operand. */
export interface Host extends Spec {
  readonly values: readonly number[];
}

export const host = (dtype: DType, shape: Shape, values: readonly number[]): Host => ({ dtype, shape, values });

export const arrayOf = ({ dtype, values }: Host): TypedArray => {
  const array = allocate(dtype, values.length);
  array.set(values);
  return array;
};

export const upload = (backend: Backend, x: Host): Operand => ({
  shape: x.shape,
  dtype: x.dtype,
  handle: backend.upload(arrayOf(x), x),
});

/** Calls a kernel on uploaded operands, reads its results, and frees both. */
export async function compute(
  backend: Backend,
  inputs: readonly Host[],
  out: readonly Spec[],
  kernel: (backend: Backend, operands: Operand[]) => readonly unknown[],
): Promise<Elements[]> {
  const operands = inputs.map((x) => upload(backend, x));
  const handles = kernel(backend, operands);
  const results = out.map(({ shape, dtype }, i) => ({ shape, dtype, handle: handles[i] }));
  const read = await Promise.all(results.map((y) => backend.read(y)));
  for (const { handle } of [...operands, ...results]) backend.free(handle);
  return read.map((data, i) => {
    const { shape, dtype } = out[i]!;
    if (data.constructor !== allocate(dtype, 0).constructor)
      throw new Error(`read gave a ${data.constructor.name} for ${dtype}`);
    if (data.length !== sizeOf(shape)) throw new Error(`read gave ${data.length} elements for [${shape}]`);
    return { shape, dtype, data };
  });
}

/** Compares what a kernel gives on the backend under test and on the reference. */
export async function expectSame(
  suite: Suite,
  inputs: readonly Host[],
  out: readonly Spec[],
  kernel: (backend: Backend, operands: Operand[]) => readonly unknown[],
): Promise<void> {
  const [actual, expected] = [
    await compute(suite.backend, inputs, out, kernel),
    await compute(suite.reference, inputs, out, kernel),
  ];
  actual.forEach((y, i) => suite.compare(y, expected[i]!, `output ${i}`));
}
