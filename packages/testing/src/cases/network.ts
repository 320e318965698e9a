import { Buffer, ones, zeros } from "@descent/core";
import { functional as F } from "@descent/nn";
import fc from "fast-check";
import { shape, size } from "../arbitraries.ts";
import { condition, draw, floats, type OpCase, opCase } from "../op-case.ts";

/** Large enough that no deviation is next to nothing. */
const eps = 0.1;

/** `[N, groups·perGroup, …]`, of more than one element per group, and how many of weight and bias there are. */
const grouped = fc
  .tuple(size(2), size(3), size(3), shape({ maxRank: 2, maxSize: 3 }), fc.integer({ min: 0, max: 2 }))
  .filter(([, , perGroup, space]) => perGroup * space.reduce((a, b) => a * b, 1) > 1);

const attention = fc.record({
  lead: fc.oneof(fc.constant([]), fc.tuple(size(2)), fc.tuple(size(2), size(2))),
  sizes: fc.tuple(size(3), size(4), size(3), size(2)),
  mask: fc.constantFrom("none", "causal", "bool", "float"),
});

/** Functions of networks that are made of ops. */
export const NETWORK_FUNCTIONS: Record<string, OpCase> = {
  scaledDotProductAttention: opCase(
    attention.chain(({ lead, sizes: [l, s, e, ev], mask }) => {
      const masks = { none: [], causal: [], bool: [condition([l, s])], float: [floats([l, s])] }[mask];
      return draw({ mask }, floats([...lead, l, e]), floats([...lead, s, e]), floats([...lead, s, ev]), ...masks);
    }),
    ([query, key, value, attnMask = null], { mask }) =>
      F.scaledDotProductAttention(query!, key!, value!, { attnMask, isCausal: mask === "causal" }),
  ),
  groupNorm: opCase(
    grouped.chain(([n, groups, perGroup, space, affine]) => {
      const c = groups * perGroup;
      return draw({ groups }, floats([n, c, ...space]), ...[floats([c]), floats([c])].slice(0, affine));
    }),
    ([x, weight = null, bias = null], { groups }) => F.groupNorm(x!, groups, { weight, bias, eps }),
  ),
  instanceNorm: opCase(
    fc.tuple(grouped, fc.boolean()).chain(([[n, c, length, space, affine], useInputStats]) => {
      const parameters = [floats([c]), floats([c])].slice(0, affine);
      return draw({ useInputStats }, floats([n, c, length + 1, ...space]), ...parameters);
    }),
    ([x, weight = null, bias = null], { useInputStats }) => {
      const like = { dtype: x!.dtype, backend: x!.backend };
      const runningMean = new Buffer(ones([x!.shape[1]!], like));
      const runningVar = new Buffer(zeros([x!.shape[1]!], like).add(2));
      return F.instanceNorm(x!, { runningMean, runningVar, weight, bias, useInputStats, eps });
    },
  ),
  rmsNorm: opCase(
    fc
      .tuple(shape({ maxRank: 2, maxSize: 3 }), shape({ minRank: 1, maxRank: 2 }), fc.boolean())
      .chain(([lead, normalized, affine]) =>
        draw({ normalized }, floats([...lead, ...normalized]), ...(affine ? [floats(normalized)] : [])),
      ),
    ([x, weight = null], { normalized }) => F.rmsNorm(x!, normalized, { weight, eps }),
  ),
  bilinear: opCase(
    fc
      .tuple(shape({ maxRank: 2, maxSize: 3 }), size(3), size(3), size(3), fc.boolean())
      .chain(([lead, in1, in2, out, bias]) =>
        draw(
          null,
          floats([...lead, in1]),
          floats([...lead, in2]),
          floats([out, in1, in2]),
          ...(bias ? [floats([out])] : []),
        ),
      ),
    ([x1, x2, weight, bias = null]) => F.bilinear(x1!, x2!, weight!, { bias }),
  ),
};
