/** What is known of a function at a step of length `t` along a direction. */
export interface Sample {
  readonly t: number;
  /** The value of the function. */
  readonly f: number;
  /** Its derivative along the direction. */
  readonly slope: number;
}

/** Options of `strongWolfe`. */
export interface StrongWolfeOptions {
  /** How many steps may be tried after the first one. Default 25. */
  readonly maxSteps?: number;
  /** The change of the parameters below which brackets are not narrowed further. Default 1e-9. */
  readonly toleranceChange?: number;
  /** The largest element of the direction. Default 1. */
  readonly size?: number;
  /** The part of the decrease that the slope promises which has to be there. Default 1e-4. */
  readonly c1?: number;
  /** The part of the slope that may be left. Default 0.9. */
  readonly c2?: number;
}

/** What a line search has come to. */
export interface Found<P> {
  readonly point: P;
  readonly evaluations: number;
  /** Whether both conditions hold at `point`; if not, it is the lowest end of the bracket that is left. */
  readonly satisfied: boolean;
}

/**
 * Looks for a step that satisfies the strong Wolfe conditions: `f(t) ≤ f(0) + c1 t f'(0)` and `|f'(t)| ≤ c2 |f'(0)|`.
 *
 * A bracket around such a step, then cubic interpolation in it (Nocedal & Wright 2006, algorithms 3.5 and 3.6, as in minFunc and
 * PyTorch). It yields the steps that it wants to know about, beginning with `t`, and is sent what is known of them: any object with a
 * sample in it, one of which it returns.
 */
export function* strongWolfe<P extends Sample>(
  start: P,
  t: number,
  { maxSteps = 25, toleranceChange = 1e-9, size = 1, c1 = 1e-4, c2 = 0.9 }: StrongWolfeOptions = {},
): Generator<number, Found<P>, P> {
  const isHigh = (p: P): boolean => p.f > start.f + c1 * p.t * start.slope;
  const isFlat = (p: P): boolean => Math.abs(p.slope) <= -c2 * start.slope;
  let point = yield t;
  let steps = 0;

  // Longer and longer steps, until there must be a right one before the last of them.
  let previous = start;
  for (; steps < maxSteps; steps++) {
    // The function may rise in the first interval but one: a textbook would compare from the second step on.
    if (isHigh(point) || (steps > 1 && point.f >= previous.f)) break;
    if (isFlat(point)) return { point, evaluations: steps + 1, satisfied: true };
    if (point.slope >= 0) break;
    const next = minimizer(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10);
    previous = point;
    point = yield next;
  }
  if (steps === maxSteps) previous = start;

  // Narrower and narrower brackets, with the lowest point that is good enough at one end.
  const ends: [P, P] = [previous, point];
  let low = lowest(ends);
  let wasClose = false;
  while (steps < maxSteps && !(Math.abs(ends[1].t - ends[0].t) * size < toleranceChange)) {
    const left = Math.min(ends[0].t, ends[1].t);
    const right = Math.max(ends[0].t, ends[1].t);
    let next: number = minimizer(ends[0], ends[1], left, right);
    // Twice in a row close to an end, or on it: a tenth of the way from it brings more.
    const margin = 0.1 * (right - left);
    const isClose = Math.min(right - next, next - left) < margin;
    const isStuck: boolean = isClose && (wasClose || next >= right || next <= left);
    if (isStuck) next = Math.abs(next - right) < Math.abs(next - left) ? right - margin : left + margin;
    wasClose = isClose && !isStuck;
    point = yield next;
    steps++;

    const high = low === 0 ? 1 : 0;
    if (isHigh(point) || point.f >= ends[low].f) {
      ends[high] = point;
      low = lowest(ends);
    } else {
      if (isFlat(point)) return { point, evaluations: steps + 1, satisfied: true };
      if (point.slope * (ends[high].t - ends[low].t) >= 0) ends[high] = ends[low];
      ends[low] = point;
    }
  }
  return { point: ends[low], evaluations: steps + 1, satisfied: false };
}

const lowest = ([a, b]: readonly [Sample, Sample]): 0 | 1 => (a.f <= b.f ? 0 : 1);

/** Where the cubic through two samples, with their slopes, is lowest; within bounds. */
function minimizer(a: Sample, b: Sample, lower: number, upper: number): number {
  const d1 = a.slope + b.slope - (3 * (a.f - b.f)) / (a.t - b.t);
  const square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (lower + upper) / 2;
  const d2 = Math.sqrt(square);
  const [near, far] = a.t <= b.t ? [a, b] : [b, a];
  const t = far.t - (far.t - near.t) * ((far.slope + d2 - d1) / (far.slope - near.slope + 2 * d2));
  return Math.min(Math.max(t, lower), upper);
}
