import type { Shape } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { compute } from "./compute.ts";
import type { Source } from "./kernel.ts";

/** A computation that looks at one element of every input. */
export interface MapCall {
  /** The op that messages name. */
  readonly op: string;
  /** What tells the body from others. */
  readonly key: string;
  readonly shape: Shape;
  /** Arrays and numbers by the names under which the body reads them. */
  readonly inputs: Readonly<Record<string, Source | number>>;
  /** Statements that end in `return`. */
  readonly body: string;
}

/** The result of a body at every index. Whether an input is an array or a number is part of the shader, its value is not. */
export function map(device: Device, { op, key, shape, inputs, body }: MapCall): GpuArray {
  const places: Record<string, Source> = {};
  const arrays: Record<string, GpuArray> = {};
  const scalars: Record<string, number> = {};
  let signature = "";
  let reads = "";
  for (const [name, x] of Object.entries(inputs)) {
    signature += typeof x === "number" ? " number" : ` ${name}`;
    if (typeof x === "number") scalars[name] = x;
    else {
      places[name] = x;
      arrays[`${name}s`] = x.array;
      reads += `const ${name} = ${name}s[at_${name}];\n`;
    }
  }
  return compute(device, { op, key: key + signature, shape, places, arrays, scalars, body: reads + body });
}
