import type { Tensor } from "@descent/core";
import { adamRule, adamWRule, sgdRule } from "@descent/optim";
import fc from "fast-check";
import { shape } from "../arbitraries.ts";
import { draw, floats, type OpCase, opCase } from "../op-case.ts";

/** Averages of squares, away from zero, where the root has no slope. */
const squares = { min: 0.25, max: 2 };

const common = { weightDecay: fc.constantFrom(0, 0.25), maximize: fc.boolean() };
const sgd = fc
  .record({
    ...common,
    momentum: fc.constantFrom(0, 0.5),
    dampening: fc.constantFrom(0, 0.25),
    nesterov: fc.boolean(),
    first: fc.boolean(),
  })
  .map((o) => ({ lr: 0.125, ...o, nesterov: o.nesterov && o.momentum > 0 && o.dampening === 0 }));
const adam = fc
  .record({ ...common, decoupled: fc.boolean(), amsgrad: fc.boolean(), t: fc.constantFrom(1, 2, 100) })
  .map((o) => ({ lr: 0.125, betas: [0.75, 0.99] as [number, number], eps: 1e-3, ...o }));

const results = ({ p, state }: { readonly p: Tensor; readonly state: object }): Tensor[] =>
  [p, ...Object.values(state)].filter((x) => x !== null);

/** The steps of optimizers, through their rules. */
export const OPTIM: Record<string, OpCase> = {
  sgdStep: opCase(
    fc
      .tuple(shape(), sgd)
      .chain(([s, options]) =>
        draw(options, floats(s), floats(s), ...(options.first || options.momentum === 0 ? [] : [floats(s)])),
      ),
    ([p, g, momentumBuffer = null], options) => results(sgdRule.update(p!, g!, { momentumBuffer }, options, 1)),
  ),
  adamStep: opCase(
    fc
      .tuple(shape(), adam)
      .chain(([s, options]) =>
        draw(
          options,
          floats(s),
          floats(s),
          floats(s),
          floats(s, squares),
          ...(options.amsgrad ? [floats(s, squares)] : []),
        ),
      ),
    ([p, g, expAvg, expAvgSq, maxExpAvgSq = null], { t, decoupled, ...options }) => {
      const state = { expAvg: expAvg!, expAvgSq: expAvgSq!, maxExpAvgSq };
      return results((decoupled ? adamWRule : adamRule).update(p!, g!, state, options, t));
    },
  ),
};

/** The same with one tensor as all operands. */
export const OPTIM_TWICE: Record<string, OpCase> = {
  sgdStep: opCase(
    fc.tuple(shape(), sgd).chain(([s, options]) => draw(options, floats(s))),
    ([x], options) => results(sgdRule.update(x!, x!, { momentumBuffer: x! }, options, 2)),
  ),
  adamStep: opCase(
    fc.tuple(shape(), adam).chain(([s, options]) => draw(options, floats(s, squares))),
    ([x], { t, decoupled, ...options }) => {
      const state = { expAvg: x!, expAvgSq: x!, maxExpAvgSq: x! };
      return results((decoupled ? adamWRule : adamRule).update(x!, x!, state, options, t));
    },
  ),
};
