import { type Buffer, DisposedError, type Parameter, StateDictError, show, type Tensor } from "@descent/core";
import type { Module } from "./base.ts";
import type { StateDict } from "./state-dict.ts";

/**
 * Calls a module as if its parameters and buffers had other values: `values` by their names in `stateDict()`, or several such objects.
 *
 * Gradients flow to the values, which may have other shapes; what they leave out keeps its own. The module is unchanged afterwards:
 * running statistics too, where `values` replaces them. A tensor that is used in several places is replaced in all of them.
 */
export function functionalCall<M extends Module>(
  module: M,
  values: StateDict | readonly StateDict[],
  ...inputs: Parameters<M["forward"]>
): ReturnType<M["forward"]> {
  const places = replacements(module, [values].flat());
  const restore: (() => void)[] = [];
  try {
    for (const [variable, value] of places) restore.push(variable.standIn(value));
    const output = module.call(...inputs);
    // Who returns a parameter returns the value that it had.
    return (places.get(output as Parameter) ?? output) as ReturnType<M["forward"]>;
  } finally {
    for (const undo of restore) undo();
  }
}

function replacements(module: Module, dicts: readonly StateDict[]): Map<Parameter | Buffer, Tensor> {
  const slots = module.slots();
  const places = new Map<Parameter | Buffer, Tensor>();
  const entries = dicts.flatMap((dict) => Object.entries(dict));
  const unknown = entries.flatMap(([name]) => (slots.has(name) ? [] : name));
  if (unknown.length > 0)
    throw new StateDictError(
      "functionalCall",
      `${module.constructor.name} has no parameter or buffer named ${unknown.join(", ")}`,
      `its names are ${[...slots.keys()].join(", ")}`,
    );
  for (const [name, value] of entries) {
    const { variable } = slots.get(name)!;
    const before = places.get(variable);
    if (before !== undefined && before !== value)
      throw new StateDictError(
        "functionalCall",
        `"${entries.find(([other]) => slots.get(other)!.variable === variable)![0]}" and "${name}" are one tensor, and get different values`,
        "give it one value",
      );
    if (value.storage === null)
      throw new DisposedError("functionalCall", `the value of "${name}", of shape ${show(value.shape)}, was disposed`);
    places.set(variable, value);
  }
  return places;
}
