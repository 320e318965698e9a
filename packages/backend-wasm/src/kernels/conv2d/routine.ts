import { type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";

/** Code that works on integers. */
export type Routine = (f: FunctionBuilder, ...args: readonly I32[]) => void;

/**
 * A piece of code around a micro-kernel's loop. From version 13 on V8 keeps more in registers where it is a function of its own; before that
 * it gains nothing, and calls cost more than its code in the function that uses it.
 */
export function routine(
  m: KernelModule<string>,
  params: number,
  body: (f: FunctionBuilder, ...args: readonly Var<I32>[]) => void,
): Routine {
  if (m.tileRows === 4) return (f, ...args) => body(f, ...args.map((x) => f.let(x)));
  const types = Array.from({ length: params }, () => I32);
  const callee = m.function(null, types, (f, ...args) => body(f, ...args) as undefined);
  return (f, ...args) => f.call(callee, ...args);
}
