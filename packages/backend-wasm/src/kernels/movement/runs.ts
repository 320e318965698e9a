import { F32x4, type FunctionBuilder, I32, I64 } from "../../assembler/index.ts";
import { increase } from "../idioms.ts";

/**
 * Calls `body` with the places of vectors, each the sum of its arguments, that cover a run of at least 16 bytes: a cache line in a turn,
 * single ones, and at last the one at the end, which overlaps with its neighbour.
 */
export function overVectors(f: FunctionBuilder, bytes: I32, body: (at: I32, offset: number) => void): void {
  const [at, last] = [f.let(I32.const(0)), f.let(bytes.sub(16))];
  f.if(bytes.geS(64), () => {
    const lastLine = f.let(bytes.sub(64));
    f.loop((again) => {
      for (const offset of [0, 16, 32, 48]) body(at, offset);
      increase(at, 64);
      again(at.leS(lastLine));
    });
  });
  f.if(at.ltS(last), () =>
    f.loop((again) => {
      body(at, 0);
      increase(at, 16);
      again(at.ltS(last));
    }),
  );
  body(last, 0);
}

/** Copies `bytes` bytes, and none beyond, to a place that does not overlap. The addresses are locals or parameters. */
export function copyRun(f: FunctionBuilder, to: I32, from: I32, bytes: I32): void {
  f.if(
    bytes.geS(16),
    () => overVectors(f, bytes, (at, offset) => f.store(to.add(at), F32x4.load(from.add(at), offset), offset)),
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
    () => overVectors(f, bytes, (at, offset) => f.store(to.add(at), pattern, offset)),
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
