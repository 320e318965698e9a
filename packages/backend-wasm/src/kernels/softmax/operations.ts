import type { F32x4, I32 } from "../../assembler/index.ts";
import { expOfNegative, type FloatLanes, log } from "../../vector-math/index.ts";
import type { Here, Line } from "./line.ts";

const plus = (a: F32x4, b: F32x4): F32x4 => a.add(b);
const larger = (a: F32x4, b: F32x4): F32x4 => a.pmax(b);

/** Something to do along every line: the addresses where a line of the operands and of the result begins. */
type Operation = (line: Line, a: I32, b: I32, y: I32) => void;

/** The largest element. NaN passes by, to make NaN of the sum of exponentials; so do lines of nothing but −∞. */
export const mostOf = (line: Line, x: I32): FloatLanes =>
  line.fold(Number.NEGATIVE_INFINITY, larger, ({ read }) => read(x));

const exponential = ({ read, spread }: Here, x: I32, most: FloatLanes): FloatLanes =>
  expOfNegative(read(x).sub(spread(most)));

/** Σ exp(x − most). */
export const partition = (line: Line, x: I32, most: FloatLanes): FloatLanes =>
  line.fold(0, plus, (here) => exponential(here, x, most));

/** The same, and writes the exponentials to `y`. */
export const exponentials = (line: Line, x: I32, most: FloatLanes, y: I32): FloatLanes =>
  line.fold(0, plus, (here) => {
    const e = exponential(here, x, most);
    here.write(y, e);
    return e;
  });

/** Multiplies what stands at `y`. */
export const scale = (line: Line, y: I32, by: FloatLanes): void =>
  line.each(({ read, write, spread }) => write(y, read(y).mul(spread(by))));

const softmax: Operation = (line, x, _, y) => {
  const sum = exponentials(line, x, mostOf(line, x), y);
  scale(line, y, sum.reciprocal());
};

const logSoftmax: Operation = (line, x, _, y) => {
  const most = mostOf(line, x);
  const logSum = log(partition(line, x, most));
  line.each(({ read, write, spread }) => write(y, read(x).sub(spread(most)).sub(spread(logSum))));
};

/** `y (g − Σ g y)`. */
const softmaxGrad: Operation = (line, g, y, dx) => {
  const dot = line.fold(0, plus, ({ read }) => read(g).mul(read(y)));
  line.each(({ read, write, spread }) => {
    const apart = read(g).sub(spread(dot));
    write(dx, read(y).mul(apart));
  });
};

/** `g − exp(y) Σ g`. */
const logSoftmaxGrad: Operation = (line, g, y, dx) => {
  const sum = line.fold(0, plus, ({ read }) => read(g));
  line.each(({ read, write, spread }) => write(dx, expOfNegative(read(y)).nmadd(spread(sum), read(g))));
};

/** The operations along an axis, by kernel. */
export const OPERATIONS = { softmax, logSoftmax, softmaxGrad, logSoftmaxGrad } satisfies Record<string, Operation>;
