import { cpu } from "@descent/backend-cpu";
import { einsum, ones, type Shape, setBackend, sizeOf, stridesOf, tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { integers } from "./arbitraries.ts";
import { type Equation, equations } from "./cases/products.ts";

beforeAll(() => setBackend(cpu()));

interface Operand {
  readonly shape: Shape;
  readonly values: readonly number[];
}

const COVERED = "zyx";

/** The sum that an equation describes, one product after the other. Integers are exact in any order. */
function naive(equation: string, operands: readonly Operand[]): Operand {
  const [left, right] = equation.replaceAll(" ", "").split("->");
  // Each ellipsis gets letters that nothing else uses, the last of them for the last axis.
  const parts = left!.split(",").map((part, i) => {
    const covered = operands[i]!.shape.length - part.replace("...", "").length;
    return part.replace("...", COVERED.slice(COVERED.length - covered));
  });
  const used = [...new Set(parts.join(""))];
  const covered = [...COVERED].filter((letter) => used.includes(letter)).join("");
  const once = used.filter((letter) => !COVERED.includes(letter) && parts.join("").split(letter).length === 2).sort();
  const output = (right ?? `...${once.join("")}`).replace("...", covered);
  const sizes = new Map(used.map((letter) => [letter, 1]));
  parts.forEach((part, i) => {
    [...part].forEach((letter, axis) => {
      sizes.set(letter, Math.max(sizes.get(letter)!, operands[i]!.shape[axis]!));
    });
  });
  const shape = [...output].map((letter) => sizes.get(letter)!);
  const values = new Array<number>(sizeOf(shape)).fill(0);
  const at = new Map<string, number>();
  const position = (part: string, s: Shape): number => {
    const strides = stridesOf(s);
    return [...part].reduce((sum, letter, axis) => sum + (s[axis] === 1 ? 0 : at.get(letter)! * strides[axis]!), 0);
  };
  const visit = (depth: number): void => {
    if (depth === used.length) {
      const product = operands.reduce((y, x, i) => y * x.values[position(parts[i]!, x.shape)]!, 1);
      values[position(output, shape)]! += product;
      return;
    }
    for (let i = 0; i < sizes.get(used[depth]!)!; i++) {
      at.set(used[depth]!, i);
      visit(depth + 1);
    }
  };
  visit(0);
  return { shape, values };
}

const filled = (maxOperands: number): fc.Arbitrary<Equation & { operands: Operand[] }> =>
  equations({ maxOperands }).chain((drawn) =>
    fc
      .tuple(...drawn.shapes.map((shape) => integers(shape, -2, 2).map((values) => ({ shape, values }))))
      .map((operands) => ({ ...drawn, operands })),
  );

describe("einsum", () => {
  test.each(["float64", "int32"] as const)("is the sum of products that the equation describes, in %s", (dtype) => {
    fc.assert(
      fc.property(filled(4), ({ equation, operands }) => {
        const tensors = operands.map(({ shape, values }) => tensor([...values], { dtype }).reshape(shape));
        const y = einsum(equation, ...tensors);
        const wanted = naive(equation, operands);
        expect([y.shape, y.dtype]).toEqual([wanted.shape, dtype]);
        expect([...y.dataSync()].map((v) => v + 0)).toEqual(wanted.values.map((v) => v + 0));
      }),
      { numRuns: 400 },
    );
  });

  test.each(["ij,jk->ik", "ji,jk->ik", "ij,kj->ki", "ij,jk->ki", "bij,bjk->bik", "bij,bkj->bik", "abij,abkj->abki"])(
    "%s takes one product of matrices and moves nothing",
    (equation) => {
      const calls: string[] = [];
      const inner = cpu();
      const noted =
        <A extends unknown[], Y>(name: string, kernel: (...args: A) => Y) =>
        (...args: A): Y => {
          calls.push(name);
          return kernel(...args);
        };
      const backend = {
        ...inner,
        matmul: noted("matmul", inner.matmul),
        gatherView: noted("gatherView", inner.gatherView),
      };
      const ranks = equation
        .split("->")[0]!
        .split(",")
        .map((part) => part.length);
      einsum(equation, ...ranks.map((rank) => ones(new Array<number>(rank).fill(2), { backend })));
      expect(calls).toEqual(["matmul"]);
    },
  );

  test("moves the smaller operand where one has to be moved", () => {
    const moved: number[] = [];
    const inner = cpu();
    const backend: typeof inner = {
      ...inner,
      gatherView: (x, view, out) => {
        moved.push(sizeOf(x.shape));
        return inner.gatherView(x, view, out);
      },
    };
    const [small, large] = [ones([2, 3, 4], { backend }), ones([4, 3, 50], { backend })];
    einsum("ikl,lkj->ij", small, large);
    einsum("lkj,ikl->ji", large, small);
    expect(moved).toEqual([24, 24]);
  });

  test.each<[sizes: readonly number[], products: readonly Shape[]]>([
    [
      [9, 2, 9, 1],
      [
        [2, 1],
        [9, 1],
      ],
    ],
    // The cheapest pair is not the first of the cheapest order.
    [
      [10, 10, 2, 9],
      [
        [10, 2],
        [10, 9],
      ],
    ],
  ])("contracts a chain of sizes %j in the cheapest order", ([a, b, c, d], products) => {
    const sizes: Shape[] = [];
    const inner = cpu();
    const backend: typeof inner = {
      ...inner,
      matmul: (a, b, transposeA, transposeB, out) => {
        sizes.push(out.shape);
        return inner.matmul(a, b, transposeA, transposeB, out);
      },
    };
    const at = (shape: Shape) => ones(shape, { backend });
    einsum("ab,bc,cd->ad", at([a!, b!]), at([b!, c!]), at([c!, d!]));
    expect(sizes).toEqual(products);
  });
});
