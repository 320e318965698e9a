import {
  celu,
  elu,
  Generator,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  type Shape,
  selu,
  softplus,
  softshrink,
  softsign,
  type Tensor,
  tanhshrink,
  threshold,
} from "@descent/core";
import { functional } from "@descent/nn";
import fc from "fast-check";
import { axis, type GridOptions, shape } from "../arbitraries.ts";
import { draw, floats, type OpCase, opCase } from "../op-case.ts";
import { one } from "./elementwise.ts";

/** A function and options to try it with. */
const withOptions = <O>(fn: (x: Tensor, options: O) => Tensor, options: readonly O[], grid?: GridOptions): OpCase =>
  opCase(
    fc.tuple(shape(), fc.constantFrom(...options)).chain(([s, o]) => draw(o, floats(s, grid))),
    ([x], o) => fn(x!, o),
  );

/** Kinks at ±3 and 6 are inside. */
const wide = (s: Shape) => floats(s, { min: -4, max: 8 });

export const ACTIVATION: Record<string, OpCase> = {
  hardswish: one(hardswish, wide),
  elu: fc.oneof(withOptions(elu, [{}, { alpha: 0.5 }]), withOptions(celu, [{}, { alpha: 0.5 }]), one(selu, floats)),
  softplus: fc.oneof(
    withOptions(softplus, [{}, { beta: 2 }, { beta: -1 }]),
    one(
      (x) => softplus(x, { threshold: 20 }),
      (s) => floats(s, { min: 21, max: 30 }),
    ),
    one(logSigmoid, wide),
    one(mish, wide),
  ),
};

const channels = shape({ minRank: 1 }).chain((s) => fc.tuple(fc.constant(s), fc.constantFrom([], [1], [s[1] ?? 1])));

export const ACTIVATION_FUNCTIONS: Record<string, OpCase> = {
  rectifiers: fc.oneof(
    withOptions(hardtanh, [{}, { minVal: -0.5, maxVal: 1.5 }]),
    one(relu6, wide),
    one(hardsigmoid, wide),
    withOptions(leakyRelu, [{}, { negativeSlope: 0.5 }]),
    one((x) => threshold(x, 0.5, -3), floats),
    withOptions(hardshrink, [{}, { lambd: 1 }]),
    withOptions(softshrink, [{}, { lambd: 1 }]),
  ),
  prelu: opCase(
    channels.chain(([s, w]) => draw(null, floats(s), floats(w))),
    ([x, w]) => prelu(x!, w!),
  ),
  rrelu: withOptions((x, training) => functional.rrelu(x, { training, generator: new Generator(5) }), [true, false]),
  squashing: fc.oneof(one(tanhshrink, floats), one(softsign, floats)),
  glu: opCase(
    shape({ minRank: 1 }).chain((s) =>
      axis(s.length).chain((dim) => draw({ dim }, floats(s.with(dim, 2 * s.at(dim)!)))),
    ),
    ([x], options) => glu(x!, options),
  ),
  softmin: fc.oneof(
    opCase(
      shape({ minRank: 1 }).chain((s) => axis(s.length).chain((dim) => draw({ dim }, floats(s)))),
      ([x], dim) => functional.softmin(x!, dim),
    ),
    opCase(
      shape({ minRank: 1 }).chain((s) => axis(s.length).chain((dim) => draw({ dim, tau: 2 }, floats(s)))),
      ([x], options) => functional.gumbelSoftmax(x!, { ...options, generator: new Generator(5) }),
    ),
  ),
};
