import { LARGEST, NONE } from "./limits.ts";
import { polynomial } from "./polynomial.ts";

// Sines and arcs of what devices have may be off by 2^-11. These are those of Cephes (S. Moshier), good to the last digits.

/** The sine and the cosine of `r`, which is `x` without `turn` quarter turns. */
export const QUARTERS = `if (Math.abs(x) > ${LARGEST}) { return ${NONE}; }
const turns = Math.floor(x * ${2 / Math.PI} + 0.5);
const turn = turns - 4 * Math.floor(turns * 0.25);
const r = ((x - turns * 1.5703125) - turns * 4.837512969970703e-4) - turns * 7.54978995489188216e-8;
const r2 = r * r;
const sine = r + r * r2 * ${polynomial("r2", [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4])};
const cosine = 1 - 0.5 * r2 + r2 * r2 * ${polynomial("r2", [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5])};
`;

/** `asin` of the positive number `a` up to 1/2. */
const arcSine = (a: string): string =>
  `${a} + ${a} * ${a} * ${a} * ${polynomial(`(${a} * ${a})`, [1.6666752422e-1, 7.4953002686e-2, 4.5470025998e-2, 2.4181311049e-2, 4.2163199048e-2])}`;

/** `acos(|x|)` beyond 1/2 into `arc`; `asin(|x|)` up to there into `sine`. */
export const ARCS = `if (Math.abs(x) > 1) { return ${NONE}; }
const size = Math.abs(x);
const root = Math.sqrt(0.5 * (1 - size));
const arc = 2 * (${arcSine("root")});
const sine = ${arcSine("size")};
`;

/** `atan` of the positive number `a` into `angle`. */
export const ARC_TANGENT = `let angle = 0;
let t = a;
if (a > 2.414213562373095) { angle = ${Math.PI / 2}; t = -1 / a; } else {
if (a > 0.4142135623730950) { angle = ${Math.PI / 4}; t = (a - 1) / (a + 1); }
}
const t2 = t * t;
angle = angle + t + t * t2 * ${polynomial("t2", [-3.33329491539e-1, 1.99777106478e-1, -1.38776856032e-1, 8.05374449538e-2])};
`;
