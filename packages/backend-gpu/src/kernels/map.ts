import { type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { shader } from "../shaders/shader.ts";
import { at, type Strided, walk } from "../shaders/walk.ts";
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
  const names = Object.keys(inputs);
  const sources = names.flatMap((name) => {
    const x = inputs[name]!;
    return typeof x === "number" ? [] : [[name, x] as const];
  });
  const numbers = names.filter((name) => typeof inputs[name] === "number");
  const { key: walkKey, scalars, values, code } = walk(shape, Object.fromEntries<Strided>(sources));
  return device.launch(
    op,
    shader(`${key}(${names.map((name) => (numbers.includes(name) ? "number" : name))}) ${walkKey}`, {
      arrays: sources.map(([name]) => `${name}s`),
      scalars: [...numbers, ...scalars],
      body: `${code}${sources.map(([name]) => `const ${name} = ${name}s[${at(name)}];\n`).join("")}${body}`,
    }),
    sources.map(([, { array }]) => array),
    [...numbers.map((name) => inputs[name] as number), ...values],
    sizeOf(shape),
  );
}
