import { ArgumentError, type Buffer, detach, keep, type Parameter, Tensor } from "@descent/core";
import { listed, withDefaults } from "../base/param-groups.ts";
import { type Checks, checked, rejectNonObject, shown } from "../checks.ts";

/** What has a value that can be replaced. */
export type Variable = Parameter | Buffer;

/** Options over their defaults, all of them checked. */
export function settled<O extends object>(op: string, options: Partial<O>, defaults: O, checks: Checks<O>): O {
  rejectNonObject(op, options, checks);
  return checked(op, withDefaults(defaults, options), checks);
}

/** A list of tensors of what may also be a single one. */
export function tensorsIn(op: string, tensors: Tensor | Iterable<Tensor>): Tensor[] {
  const list = tensors instanceof Tensor ? [tensors] : listed(op, tensors);
  for (const [i, item] of list.entries())
    if (!(item instanceof Tensor))
      throw new ArgumentError(op, `item ${i} of the parameters is ${shown(item)}`, "pass module.parameters()");
  return list as Tensor[];
}

/** A list of parameters and buffers. */
export function variablesIn(op: string, variables: Iterable<Variable>): Variable[] {
  const list = tensorsIn(op, variables) as Variable[];
  for (const [i, item] of list.entries())
    if (!("assign" in item))
      throw new ArgumentError(op, `item ${i} of the parameters is ${shown(item)}`, "pass parameters and buffers");
  return list;
}

/** The present value, kept until it is disposed. */
export const owned = (x: Tensor): Tensor => keep(detach(x));
