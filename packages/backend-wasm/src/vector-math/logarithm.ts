import { LN2_HIGH, LN2_LOW } from "./exponential.ts";
import type { FloatLanes, IntLanes } from "./lanes.ts";
import { polynomial } from "./polynomial.ts";

/** `(log(1 + u) − u + u²/2) / u³` to 6e-9 of the logarithm for √½ ≤ 1 + u < √2: a minimax polynomial of our own. */
const TAIL = [
  -0.0763220862, 0.127608299, -0.131606475, 0.14201887, -0.166233256, 0.200012207, -0.250008225, 0.333333313,
];
/** The bits of √½. */
const SQRT_HALF = 0x3f3504f3;
const MIN_NORMAL = 2 ** -126;

/** The exponent k of a positive normal `x = 2ᵏ·m` with √½ ≤ m < √2. */
const exponentOf = (x: FloatLanes): IntLanes => x.bits().sub(SQRT_HALF).shrS(23);

/** `log(2ᵏ·(1 + u))`. */
function logOf(k: IntLanes, u: FloatLanes): FloatLanes {
  const n = k.toFloats();
  const square = u.mul(u);
  const tail = polynomial(u, TAIL).madd(u.mul(square), n.mul(LN2_LOW));
  return n.madd(LN2_HIGH, square.nmadd(0.5, tail).add(u));
}

/** The natural logarithm: relative error 8e-8. */
export function log(x: FloatLanes): FloatLanes {
  const isDenormal = x.lt(MIN_NORMAL);
  const normal = isDenormal.select(x.mul(2 ** 23), x);
  const k = exponentOf(normal);
  const m = normal.bits().sub(k.shl(23)).asFloats();
  return atEdges(x, logOf(k.sub(isDenormal.and(23)), m.sub(1)), 0);
}

/** `log(1 + x)`: relative error 1.2e-7. */
export function log1p(x: FloatLanes): FloatLanes {
  const sum = x.add(1);
  // What rounding took, exactly (Knuth's sum of two).
  const one = sum.sub(x);
  const lost = x.sub(sum.sub(one)).add(one.neg().add(1));
  const k = exponentOf(sum);
  const m = sum.bits().sub(k.shl(23)).asFloats();
  // Beyond 2¹²⁷, which has no reciprocal, nothing is lost that counts.
  const inverse = k.minS(127).xor(-1).add(128).shl(23).asFloats();
  const u = lost.madd(inverse, m.sub(1));
  return x
    .abs()
    .lt(2 ** -30)
    .select(x, atEdges(x, logOf(k, u), -1));
}

/** `y` between `zero`, where the logarithm is −∞, and ∞; NaN below. */
function atEdges(x: FloatLanes, y: FloatLanes, zero: number): FloatLanes {
  const inside = x.lt(Number.POSITIVE_INFINITY).select(y, x);
  const above = x.eq(zero).select(Number.NEGATIVE_INFINITY, inside);
  return above.bits().or(x.lt(zero)).asFloats();
}
