import { type Backend, type DType, isFloat, type Operand, type Shape, type Spec } from "@descent/core";
import fc from "fast-check";
import * as arb from "../../arbitraries.ts";
import { expectSame, type Host, host } from "../operands.ts";
import type { Suite } from "../suite.ts";

/** A call of one kernel. */
export interface Call {
  readonly inputs: readonly Host[];
  readonly out: readonly Spec[];
  readonly kernel: (backend: Backend, operands: readonly Operand[]) => readonly unknown[];
  /** What fast-check shows beside the inputs. */
  readonly attrs?: unknown;
}

/** A test of a kernel over its calls. */
export function testFamily(suite: Suite, name: string, calls: fc.Arbitrary<Call>, numRuns = 60): void {
  suite.test(`family: ${name}`, () =>
    fc.assert(
      fc.asyncProperty(calls, async ({ inputs, out, kernel }) => {
        await expectSame(suite, inputs, out, kernel);
      }),
      { numRuns },
    ),
  );
}

/** The words of a vocabulary, of which a table has one entry each. */
export const words = <W extends string>(table: Record<W, unknown>): W[] => Object.keys(table) as W[];

/** Those of the dtypes that the backend has. */
export const among = ({ backend }: Suite, ...dtypes: readonly DType[]): DType[] =>
  backend.dtypes.filter((dtype) => dtypes.includes(dtype));
export const numeric = (suite: Suite): DType[] => among(suite, "int32", "float32", "float64");

/** Shape and dtype of an operand, which may be empty unless the options say otherwise. */
export const spec = (dtypes: readonly DType[], options?: arb.ShapeOptions): fc.Arbitrary<Spec> =>
  fc.record({ dtype: fc.constantFrom(...dtypes), shape: arb.shape({ minSize: 0, ...options }) });

/** Elements: floats on a grid, small integers, both with many equal ones. */
export const operand = (dtype: DType, shape: Shape, floats?: arb.GridOptions): fc.Arbitrary<Host> =>
  (dtype === "bool" ? arb.bools(shape) : isFloat(dtype) ? arb.grid(shape, floats) : arb.integers(shape, -5, 5)).map(
    (values) => host(dtype, shape, values),
  );

/** An operand, one of its axes, and a flag. */
export const alongAxis = (
  dtypes: readonly DType[],
  options?: arb.ShapeOptions,
): fc.Arbitrary<[x: Host, axis: number, flag: boolean]> =>
  spec(dtypes, { minRank: 1, ...options }).chain(({ dtype, shape }) =>
    fc.tuple(operand(dtype, shape), fc.nat(shape.length - 1), fc.boolean()),
  );
