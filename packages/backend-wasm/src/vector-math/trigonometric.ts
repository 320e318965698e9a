import type { FloatLanes } from "./lanes.ts";
import { polynomial, roundProduct } from "./polynomial.ts";

/** The largest angle for which the functions below are right. */
export const MAX_ANGLE = 2 ** 15;

/** π/2 in parts of nine bits, whose products with a number of quadrants below 2¹⁵ are exact, and the rest. */
const HALF_PI = [402 * 2 ** -8, 507 * 2 ** -20, 337 * 2 ** -30, 267 * 2 ** -42, 280 * 2 ** -52, 6.123234262925839e-17];
/** `(sin r / r − 1) / r²` and `(cos r − 1 + r²/2) / r⁴` as functions of r² for |r| ≤ π/4; S. L. Moshier, Cephes, sinf. */
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/** `sin x`, turned on by so many quadrants. */
function sinOfQuadrant(x: FloatLanes, turn: number): FloatLanes {
  const { n, bits } = roundProduct(x, 2 / Math.PI);
  const r = HALF_PI.reduce((r, part) => n.nmadd(part, r), x);
  const square = r.mul(r);
  const sin = r.mul(polynomial(square, SIN).madd(square, 1));
  const cos = square.nmadd(0.5, polynomial(square, COS).mul(square.mul(square))).add(1);
  const quadrant = turn === 0 ? bits : bits.add(turn);
  const size = quadrant.and(1).eq(0).select(sin, cos);
  return size.bits().xor(quadrant.and(2).shl(30)).asFloats();
}

/** `sin x` for |x| ≤ 2¹⁵: relative error 2.2e-7. */
export const sin = (x: FloatLanes): FloatLanes => sinOfQuadrant(x, 0);

/** `cos x` for |x| ≤ 2¹⁵: relative error 2.2e-7. */
export const cos = (x: FloatLanes): FloatLanes => sinOfQuadrant(x, 1);
