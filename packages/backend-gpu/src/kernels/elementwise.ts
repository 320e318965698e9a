import type { Spec, UnaryFn } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { BINARY, INT32 } from "../shaders/arithmetic.ts";
import { UNARY } from "../shaders/functions.ts";
import { type Families, type GpuOperand, inOrder, stretched } from "./kernel.ts";
import { map } from "./map.ts";

/** To the dtype: towards zero, or to what is not zero. NaN is not zero either, though devices may say that it is. */
const CAST: Record<"bool" | "int32" | "float32", string> = {
  bool: "return x <= 0 && x >= 0 ? 0 : 1;",
  int32: UNARY.trunc,
  float32: "return x;",
};

/** What computes one element from one element of each operand. */
export function elementwise(device: Device): Families<"fill" | "cast" | "unary" | "binary" | "select"> {
  const of = (op: string, key: string, x: GpuOperand, body: string): GpuArray =>
    map(device, { op, key, shape: x.shape, inputs: { x: inOrder(x) }, body });
  return {
    fill: (value, out) => fill(device, out.dtype === "bool" ? Number(value !== 0) : value, out),
    cast: (x, { dtype }) => of("cast", `cast ${dtype}`, x, CAST[dtype as keyof typeof CAST]),
    unary: (fn: UnaryFn, x) => of(fn, fn, x, UNARY[fn]),
    binary(fn, a, b, out) {
      const inputs = { x: stretched(a, out.shape), y: stretched(b, out.shape) };
      const body = out.dtype === "int32" ? INT32[fn] : undefined;
      const key = body === undefined ? fn : `${fn} int32`;
      return map(device, { op: fn, key, shape: out.shape, inputs, body: body ?? BINARY[fn] });
    },
    select: (condition, a, b, { shape }) =>
      map(device, {
        op: "select",
        key: "select",
        shape,
        inputs: { c: stretched(condition, shape), x: stretched(a, shape), y: stretched(b, shape) },
        body: "if (c > 0) { return x; }\nreturn y;",
      }),
  };
}

/** One number everywhere. */
export const fill = (device: Device, value: number, { shape }: Spec, op = "fill"): GpuArray =>
  map(device, { op, key: "fill", shape, inputs: { x: value }, body: "return x;" });
