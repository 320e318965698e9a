import { atomicI32, atomicI64, type FunctionBuilder, I32, I64, ModuleBuilder, type Target } from "./assembler/index.ts";
import { ENTRY } from "./kernel-module.ts";
import { CLAIMS, DONE, EPOCH, LAUNCH, MODULES, PARAMETERS, SLEEPERS, WAITING } from "./layout.ts";

const at = (address: number): I32 => I32.const(address);
const one = I32.const(1);
/** How long the main thread sleeps between two looks, in nanoseconds; it is woken for the last chunk. */
const NAP = 10_000_000n;

/**
 * The code by which threads share a kernel's chunks:
 *
 * - `run(kernel, chunks, spins, naps, sleeps)`, on the main thread: offers the chunks, takes part, and waits until all are done. Returns 0,
 *   or 1 where that did not happen in `naps` times `spins` looks. With `sleeps` it sleeps between naps, which browsers forbid there.
 * - `work(thread, modules, kernels, spins)`, on a worker that has so many modules and kernels: takes part in what is offered. Returns when
 *   the number of modules has changed.
 *
 * Whoever has done a chunk claims the next one, so that a thread which the system interrupts holds up no more than that one. A claim is
 * one compare-and-exchange over kernel, number of chunks and next chunk together: a worker that was asleep between looking and claiming
 * finds that it comes too late. What else it reads cannot change while its claim is not done.
 */
export function poolModule(target: Target): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(target);
  module.useTable();
  const entry = module.type(ENTRY);

  /** Does chunks until there are none, or only such of a kernel that this thread does not know. */
  const help = (f: FunctionBuilder, thread: I32, known: I32): void => {
    const claims = f.var(I64);
    const [kernel, chunk, begin, items] = [f.var(I32), f.var(I32), f.var(I32), f.var(I32)];
    f.block((done) =>
      f.loop((again) => {
        claims.set(atomicI64.load(at(CLAIMS)));
        kernel.set(claims.shrU(48).toI32());
        chunk.set(claims.toI32().and(0xffffff));
        f.breakIf(done, chunk.geU(claims.shrU(24).toI32().and(0xffffff)));
        f.breakIf(done, kernel.geU(known));
        const claimed = atomicI64.compareExchange(at(CLAIMS), claims, claims.add(I64.const(1n))).eq(claims);
        f.if(claimed, () => {
          items.set(I32.load(at(LAUNCH.items)));
          begin.set(chunk.mul(I32.load(at(LAUNCH.grain))));
          const end = f.let(begin.add(I32.load(at(LAUNCH.grain))));
          const scratch = I32.load(at(LAUNCH.scratch)).add(thread.mul(I32.load(at(LAUNCH.scratchStride))));
          f.callTable(entry, kernel, at(PARAMETERS), begin, end.ltS(items).select(end, items), scratch);
          f.drop(atomicI32.add(at(DONE), one));
          f.if(atomicI32.load(at(WAITING)), () => f.drop(atomicI32.notify(at(DONE), one)));
        });
        again(one);
      }),
    );
  };

  module.function("run", [I32, I32, I32, I32, I32], (f, kernel, chunks, spins, naps, sleeps) => {
    f.drop(atomicI32.exchange(at(DONE), at(0)));
    f.drop(atomicI64.exchange(at(CLAIMS), kernel.toI64().shl(48).or(chunks.toI64().shl(24))));
    f.drop(atomicI32.add(at(EPOCH), one));
    f.if(atomicI32.load(at(SLEEPERS)), () => f.drop(atomicI32.notify(at(EPOCH), I32.const(-1))));
    help(f, at(0), I32.const(-1));
    const [done, left] = [f.var(I32), f.var(I32)];
    f.loop((again) => {
      left.set(spins);
      f.loop((look) => {
        done.set(atomicI32.load(at(DONE)));
        f.if(done.eq(chunks), () => f.return(at(0)));
        left.set(left.sub(1));
        look(left);
      });
      f.if(sleeps, () => {
        f.drop(atomicI32.exchange(at(WAITING), one));
        f.drop(atomicI32.wait(at(DONE), done, I64.const(NAP)));
        f.drop(atomicI32.exchange(at(WAITING), at(0)));
      });
      naps.set(naps.sub(1));
      again(naps);
    });
    return one;
  });

  module.function("work", [I32, I32, I32, I32], (f, thread, modules, kernels, spins) => {
    const [epoch, left] = [f.var(I32), f.var(I32)];
    f.block((called) =>
      f.loop((again) => {
        epoch.set(atomicI32.load(at(EPOCH)));
        f.breakIf(called, atomicI32.load(at(MODULES)).ne(modules));
        help(f, thread, kernels);
        left.set(spins);
        f.loop((spin) => {
          left.set(left.sub(1));
          spin(atomicI32.load(at(EPOCH)).eq(epoch).and(left.gtS(0)));
        });
        f.if(left.leS(0), () => {
          f.drop(atomicI32.add(at(SLEEPERS), one));
          f.drop(atomicI32.wait(at(EPOCH), epoch, I64.const(-1n)));
          f.drop(atomicI32.add(at(SLEEPERS), I32.const(-1)));
        });
        again(one);
      }),
    );
  });
  return module.bytes();
}
