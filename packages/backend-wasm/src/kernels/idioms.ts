import { F32x4, type FunctionBuilder, type I32, type Value, type Var } from "../assembler/index.ts";

// What kernels say again and again.

/** As many things of one kind. */
export const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** As many vectors in locals. */
export const vectors = (f: FunctionBuilder, count: number): Var<F32x4>[] => times(count, () => f.var(F32x4));

/** `variable += by`. */
export function increase(variable: Var<I32>, by: I32 | number): void;
export function increase<T extends Value & { add(by: T): T }>(variable: Var<T>, by: T): void;
export function increase(variable: Var<Value> & { add(by: unknown): Value }, by: unknown): void {
  variable.set(variable.add(by));
}

/** The sum of `start` and `count` vectors that lie `step` bytes apart. */
export function sumApart(f: FunctionBuilder, from: I32, count: I32, step: I32 | number, start = F32x4.const(0)) {
  const [sum, at] = [f.let(start), f.let(from)];
  f.for(0, count, 1, () => {
    increase(sum, F32x4.load(at));
    increase(at, step);
  });
  return sum;
}

/** The columns of four vectors. */
export function transposed(f: FunctionBuilder, [a, b, c, d]: readonly F32x4[]): F32x4[] {
  const [ab, cd] = [f.let(a!.shuffle(b!, [0, 4, 1, 5])), f.let(c!.shuffle(d!, [0, 4, 1, 5]))];
  const [ef, gh] = [f.let(a!.shuffle(b!, [2, 6, 3, 7])), f.let(c!.shuffle(d!, [2, 6, 3, 7]))];
  return [
    ab.shuffle(cd, [0, 1, 4, 5]),
    ab.shuffle(cd, [2, 3, 6, 7]),
    ef.shuffle(gh, [0, 1, 4, 5]),
    ef.shuffle(gh, [2, 3, 6, 7]),
  ];
}
