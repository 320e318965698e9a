import type { F32x4, I32 } from "../../assembler/index.ts";
import { expOfNegative, type FloatLanes, log } from "../../vector-math/index.ts";
import { type Line, read, write } from "./line.ts";

const plus = (a: F32x4, b: F32x4): F32x4 => a.add(b);
const larger = (a: F32x4, b: F32x4): F32x4 => a.pmax(b);

/** Something to do along every line: the addresses where a line of the operands and of the result begins. */
type Operation = (line: Line, operands: readonly I32[], y: I32) => void;

/** The largest element. NaN passes by, to make NaN of the sum of exponentials; so do lines of nothing but −∞. */
export const mostOf = (line: Line, x: I32): FloatLanes =>
  line.fold(Number.NEGATIVE_INFINITY, larger, (at, vectors, lanes) => read(line.f, x.add(at), vectors, lanes));

/** Σ exp(x − most). */
export const partition = (line: Line, x: I32, most: FloatLanes): FloatLanes =>
  line.fold(0, plus, (at, vectors, lanes) =>
    expOfNegative(read(line.f, x.add(at), vectors, lanes).sub(line.spread(most, vectors))),
  );

/** The same, and writes the exponentials to `y`. */
export const exponentials = (line: Line, x: I32, most: FloatLanes, y: I32): FloatLanes =>
  line.fold(0, plus, (at, vectors, lanes) => {
    const e = expOfNegative(read(line.f, x.add(at), vectors, lanes).sub(line.spread(most, vectors)));
    write(line.f, y.add(at), e, lanes);
    return e;
  });

/** Multiplies what stands at `y`. */
export const scale = (line: Line, y: I32, by: FloatLanes): void =>
  line.each((at, vectors, lanes) =>
    write(line.f, y.add(at), read(line.f, y.add(at), vectors, lanes).mul(line.spread(by, vectors)), lanes),
  );

const softmax: Operation = (line, [x], y) => {
  const sum = exponentials(line, x!, mostOf(line, x!), y);
  scale(line, y, sum.reciprocal());
};

const logSoftmax: Operation = (line, [x], y) => {
  const most = mostOf(line, x!);
  const logSum = log(partition(line, x!, most));
  line.each((at, vectors, lanes) => {
    const shifted = read(line.f, x!.add(at), vectors, lanes).sub(line.spread(most, vectors));
    write(line.f, y.add(at), shifted.sub(line.spread(logSum, vectors)), lanes);
  });
};

/** `y (g − Σ g y)`. */
const softmaxGrad: Operation = (line, [g, y], dx) => {
  const dot = line.fold(0, plus, (at, vectors, lanes) =>
    read(line.f, g!.add(at), vectors, lanes).mul(read(line.f, y!.add(at), vectors, lanes)),
  );
  line.each((at, vectors, lanes) => {
    const apart = read(line.f, g!.add(at), vectors, lanes).sub(line.spread(dot, vectors));
    write(line.f, dx.add(at), read(line.f, y!.add(at), vectors, lanes).mul(apart), lanes);
  });
};

/** `g − exp(y) Σ g`. */
const logSoftmaxGrad: Operation = (line, [g, y], dx) => {
  const sum = line.fold(0, plus, (at, vectors, lanes) => read(line.f, g!.add(at), vectors, lanes));
  line.each((at, vectors, lanes) => {
    const probability = expOfNegative(read(line.f, y!.add(at), vectors, lanes));
    write(
      line.f,
      dx.add(at),
      probability.nmadd(line.spread(sum, vectors), read(line.f, g!.add(at), vectors, lanes)),
      lanes,
    );
  });
};

/** The operations along an axis, by kernel. */
export const OPERATIONS = { softmax, logSoftmax, softmaxGrad, logSoftmaxGrad } satisfies Record<string, Operation>;
