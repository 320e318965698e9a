import { type FunctionBuilder, I32, i32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";

/** Code that others run with integers of these names. */
export type Routine<Name extends string> = (f: FunctionBuilder, args: Readonly<Record<Name, I32 | number>>) => void;
type Body<Name extends string> = (f: FunctionBuilder, args: Readonly<Record<Name, Var<I32>>>) => void;

/** A function of its own. Define it before those that call it. */
export function subroutine<Name extends string>(
  m: KernelModule<string>,
  names: readonly Name[],
  body: Body<Name>,
): Routine<Name> {
  const callee = m.function(
    null,
    names.map(() => I32),
    (f, ...values) => {
      body(f, zip(names, values));
    },
  );
  return (f, args) => f.call(callee, ...names.map((name) => i32(args[name])));
}

/**
 * A piece of code around a micro-kernel's loop: a function of its own from V8 13 on, which has more registers for it there; on older
 * engines, where it gains nothing and calls cost more, it goes into the function that uses it.
 */
export function routine<Name extends string>(
  m: KernelModule<string>,
  names: readonly Name[],
  body: Body<Name>,
): Routine<Name> {
  if (m.tileRows === 6) return subroutine(m, names, body);
  return (f, args) => {
    const values = names.map((name) => f.let(i32(args[name])));
    body(f, zip(names, values));
  };
}

const zip = <Name extends string, T>(names: readonly Name[], values: readonly T[]): Record<Name, T> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<Name, T>;
