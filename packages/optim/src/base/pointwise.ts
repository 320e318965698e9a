import { type ElementwiseProgram, elementwiseProgram, type Tensor } from "@descent/core";
import { type Elements, ProgramWriter, type Value } from "./elements.ts";

/** The last program by the names of its tensors, which most calls from the same place want again. */
const last = new Map<string, ElementwiseProgram>();

/**
 * What `fn` makes of the elements of tensors of one shape, by name: one pass over all of them where the backend can.
 *
 * `fn` is written like a pointwise rule. It is for the parts of other rules that go element by element.
 */
export function pointwise<const X extends string, const Y extends string>(
  tensors: Readonly<Record<X, Tensor>>,
  fn: (elements: Readonly<Record<X, Elements>>) => Readonly<Record<Y, Elements>>,
): Record<Y, Tensor> {
  const names = Object.keys(tensors) as X[];
  const key = names.join();
  const writer = new ProgramWriter(names.length, last.get(key) ?? null);
  const results = fn(
    Object.fromEntries(names.map((name, i) => [name, writer.tensor(i)])) as unknown as Record<X, Value>,
  );
  const outputs = Object.entries<Elements>(results);
  const program = writer.finish(outputs.map(([, x]) => (x as Value).index));
  last.set(key, program);
  const values = elementwiseProgram([...names.map((name) => tensors[name]), ...writer.numbers], program);
  return Object.fromEntries(outputs.map(([name], i) => [name, values[i]])) as Record<Y, Tensor>;
}
