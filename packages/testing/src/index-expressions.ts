import { type Backend, type Index, type Shape, sizeOf, tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { bools, integers, size } from "./arbitraries.ts";

/** An index tensor or mask, as data. */
export interface Picks {
  readonly shape: Shape;
  readonly values: readonly number[];
  readonly dtype: "int32" | "bool";
}

/** What `at` takes for one axis or more, as data. */
export type Item = number | string | null | Picks;

export const isPicks = (item: Item | undefined): item is Picks => typeof item === "object" && item !== null;

/** The items as `at` takes them. */
export const toIndex = (items: readonly Item[], backend?: Backend): Index[] =>
  items.map((item) =>
    isPicks(item)
      ? tensor(Int32Array.from(item.values), {
          dtype: item.dtype,
          ...(backend === undefined ? {} : { backend }),
        }).reshape(item.shape)
      : item,
  );

const bound = fc.option(fc.integer({ min: -6, max: 6 }));
const range = fc
  .tuple(bound, bound, fc.constantFrom(1, 1, 2, -1, -2))
  .map(([start, stop, step]) => `${start ?? ""}:${stop ?? ""}${step === 1 ? "" : `:${step}`}`);

const picks = (shape: Shape, dtype: Picks["dtype"], values: fc.Arbitrary<number[]>): fc.Arbitrary<Picks> =>
  values.map((values) => ({ shape, values, dtype }));

/** Shapes of index tensors that broadcast with each other. */
const JOINT: readonly (readonly Shape[])[] = [[[]], [[], [3]], [[], [3], [1], [2, 3], [2, 1]], [[0], [1]]];

interface ExpressionOptions {
  /** Whether bool masks appear, which cannot be read on every device. Default false. */
  readonly masks?: boolean;
}

/** An index for a tensor of a shape: numbers, ranges, whole axes, new ones, an ellipsis, index tensors and, if wanted, a mask. */
export const indexExpression = (
  from: Shape,
  { masks = false }: ExpressionOptions = {},
): fc.Arbitrary<readonly Item[]> =>
  fc.constantFrom(...JOINT).chain((joint) => {
    const ofAxis = (n: number): fc.Arbitrary<Item> => {
      const shapes = joint.filter((shape) => n > 0 || sizeOf(shape) === 0);
      const tensor = (): fc.Arbitrary<Item> =>
        fc.constantFrom(...shapes).chain((s) => picks(s, "int32", integers(s, -n, Math.max(0, n - 1))));
      return fc.oneof(
        fc.constant(null),
        range,
        ...(n > 0 ? [fc.integer({ min: -n, max: n - 1 })] : []),
        ...(shapes.length > 0 && !masks ? [tensor()] : []),
      );
    };
    const mask = fc.tuple(fc.nat(from.length), size(2, 0)).chain(([axis, rank]) => {
      const shape = from.slice(axis, axis + rank);
      return fc.tuple(fc.constant(axis), picks(shape, "bool", bools(shape)));
    });
    return fc
      .record({
        items: fc.tuple(...from.map(ofAxis)),
        mask: masks ? mask : fc.constant(null),
        fresh: fc.array(fc.nat(from.length), { maxLength: 2 }),
        hidden: fc.option(fc.tuple(fc.nat(from.length), fc.nat(2))),
        end: fc.nat(from.length),
      })
      .map(({ items, mask, fresh, hidden, end }) => {
        const list: Item[] = [...items];
        const at = mask === null ? list.length : mask[0];
        const used = mask === null ? 0 : mask[1].shape.length;
        // What stands before, inside and behind of the mask.
        const groups: Item[][] = [
          ...list.slice(0, at).map((item) => [item]),
          ...(mask === null ? [] : [[mask[1]]]),
          ...list.slice(at + used).map((item) => [item]),
        ];
        const withNew = groups.map((group, i) => (fresh.includes(i) ? ["new", ...group] : group));
        if (hidden === null) return withNew.slice(0, Math.max(end, mask === null ? 0 : at + 1)).flat();
        const [first, count] = hidden;
        return [...withNew.slice(0, first), ["..."], ...withNew.slice(first + count)].flat();
      });
  });
