import { F32x4, type FunctionBuilder, I32, I64 } from "../../assembler/index.ts";

/** The smaller of two counts. */
export const least = (a: I32, b: I32): I32 => a.ltS(b).select(a, b);

/** Calls `body` with every multiple of 16 below `bytes − 16`, and with `bytes − 16`: vectors that cover a run of at least 16 bytes. */
export function overVectors(f: FunctionBuilder, bytes: I32, body: (at: I32) => void): void {
  const last = f.let(bytes.sub(16));
  f.for(0, last, 16, body);
  body(last);
}

/** Copies `bytes` bytes, and none beyond, to a place that does not overlap. The addresses are locals or parameters. */
export function copyRun(f: FunctionBuilder, to: I32, from: I32, bytes: I32): void {
  f.if(
    bytes.geS(16),
    () => overVectors(f, bytes, (at) => f.store(to.add(at), F32x4.load(from.add(at)))),
    () =>
      // Two words that overlap where they must.
      f.if(
        bytes.geS(8),
        () => {
          f.store(to, I64.load(from));
          f.store(to.add(bytes).sub(8), I64.load(from.add(bytes).sub(8)));
        },
        () =>
          f.if(
            bytes.geS(4),
            () => {
              f.store(to, I32.load(from));
              f.store(to.add(bytes).sub(4), I32.load(from.add(bytes).sub(4)));
            },
            () => f.for(0, bytes, 1, (at) => f.store8(to.add(at), I32.load8u(from.add(at)))),
          ),
      ),
  );
}

/** Fills `bytes` bytes, and none beyond, with a pattern that repeats after as many bytes as an element has, of which the run is made. */
export function fillRun(f: FunctionBuilder, to: I32, pattern: F32x4, bytes: I32): void {
  const word = (): I32 => pattern.asI32x4().lane(0);
  f.if(
    bytes.geS(16),
    () => overVectors(f, bytes, (at) => f.store(to.add(at), pattern)),
    () => {
      const words = f.let(bytes.and(-4));
      f.if(
        bytes.and(7),
        () => f.for(0, words, 4, (at) => f.store(to.add(at), word())),
        () => f.for(0, words, 8, (at) => f.store(to.add(at), pattern.asF64x2().lane(0))),
      );
      f.for(words, bytes, 1, (at) => f.store8(to.add(at), word()));
    },
  );
}
