import { describe, expect, test } from "vitest";
import { detectEngine } from "../engine.ts";
import { F32, F32x4, type FunctionBuilder, I32, I32x4, I64, ModuleBuilder, type Target, type Value } from "./index.ts";

const engine = detectEngine({ relaxedSimd: true, threads: false });
const memory = new engine.api.Memory({ initial: 1, maximum: 65_536, shared: false });
const table = new engine.api.Table({ element: "anyfunc", initial: 4 });
const floats = new Float32Array(memory.buffer as ArrayBuffer);
const ints = new Int32Array(memory.buffer as ArrayBuffer);

const compile = (module: ModuleBuilder) =>
  new engine.api.Instance(new engine.api.Module(module.bytes()), { env: { memory, table } }).exports;

/** A function of three integers. */
function define(build: (f: FunctionBuilder, a: I32, b: I32, c: I32) => Value | undefined, target: Target = engine) {
  const module = new ModuleBuilder(target);
  module.function("run", [I32, I32, I32], build);
  const { run } = compile(module);
  return (a = 0, b = 0, c = 0): number => run!(a, b, c);
}

describe("locals", () => {
  test("let computes once, var begins at zero, set replaces", () => {
    const run = define((f, a) => {
      const once = f.let(a.mul(10));
      const zero = f.var(I32);
      zero.set(zero.add(once).add(once));
      return zero;
    });
    expect(run(3)).toBe(60);
  });

  test("all types, in any order, and parameters as variables", () => {
    const module = new ModuleBuilder(engine);
    module.function("run", [I32, F32], (f, n, x) => {
      const wide = f.let(I64.const(2n ** 40n));
      const vector = f.let(F32x4.splat(x));
      const lanes = f.let(I32x4.splat(n));
      n.set(n.add(1));
      f.store(I32.const(64), wide);
      f.store(I32.const(80), vector);
      f.store(I32.const(96), lanes);
      return n.toF32().add(x);
    });
    expect(compile(module).run!(4, 0.5)).toBe(5.5);
    expect(ints[17]).toBe(2 ** 8);
    expect(floats[23]).toBe(0.5);
    expect(ints[27]).toBe(4);
  });

  test.each([true, false])("constants are what they are, hoisted or not (%s)", (hoist) => {
    const run = define(
      (f, a) => {
        f.for(0, a, 1, () => {
          f.store(I32.const(64), f.f32x4(-0).add(f.f32x4(-0)));
          f.store(I32.const(80), f.f32x4(1.5).add(f.f32x4(1.5)).add(f.f32x4(0)));
          f.store(I32.const(96), f.i32x4(1).add(f.i32x4(1)));
        });
        return undefined;
      },
      { ...engine, hoist },
    );
    run(2);
    expect([floats[16], floats[20], ints[24]]).toEqual([-0, 3, 2]);
  });

  test.each([true, false])("madd and nmadd, relaxed or not (%s)", (relaxed) => {
    const run = define(
      (f) => {
        const [x, y, z] = [f.f32x4(3), f.f32x4(5), f.f32x4(7)];
        f.store(I32.const(64), f.madd(x, y, z));
        f.store(I32.const(80), f.nmadd(x, y, z));
        return undefined;
      },
      { ...engine, relaxed: relaxed && engine.relaxed },
    );
    run();
    expect([floats[16], floats[20]]).toEqual([22, -8]);
  });

  test.each([true, false])("select, relaxed or not (%s)", (relaxed) => {
    const run = define(
      (f) => {
        f.store(I32.const(64), f.select(f.f32x4(1).lt(f.f32x4(2)), f.f32x4(3), f.f32x4(4)));
        f.store(I32.const(80), f.select(f.f32x4(2).lt(f.f32x4(1)), f.f32x4(3), f.f32x4(4)));
        return undefined;
      },
      { ...engine, relaxed: relaxed && engine.relaxed },
    );
    run();
    expect([floats[16], floats[20]]).toEqual([3, 4]);
  });
});

describe("control", () => {
  test("for: steps, empty ranges, negative bounds, nesting", () => {
    const count = define((f, from, to, step) => {
      const turns = f.var(I32);
      f.for(from, to, step, (i) => {
        f.for(0, 2, 1, () => turns.set(turns.add(1)));
        f.store(I32.const(0), i);
      });
      return turns;
    });
    expect([count(0, 10, 3), count(5, 5, 1), count(6, 5, 1), count(-4, 0, 2)]).toEqual([8, 0, 0, 4]);
    expect(ints[0]).toBe(-2);
  });

  test("for: the bound is that of the beginning", () => {
    const run = define((f, n) => {
      const end = f.let(n);
      const turns = f.var(I32);
      f.for(0, end, 1, () => {
        end.set(end.add(1));
        turns.set(turns.add(1));
      });
      return turns;
    });
    expect(run(3)).toBe(3);
  });

  test("loop, block and breakIf leave for where they say, from any depth", () => {
    const run = define((f, n) => {
      const i = f.var(I32);
      f.block((outer) => {
        f.loop((again) => {
          i.set(i.add(1));
          f.if(i.geS(n), () =>
            f.block((inner) => {
              f.breakIf(inner, i.gtS(1000));
              f.breakIf(outer, I32.const(1));
            }),
          );
          again(I32.const(1));
        });
      });
      return i;
    });
    expect([run(1), run(17)]).toEqual([1, 17]);
  });

  test("if and else, return", () => {
    const sign = define((f, x) => {
      f.if(x.eqz(), () => f.return(I32.const(0)));
      const y = f.var(I32);
      f.if(
        x.ltS(0),
        () => y.set(I32.const(-1)),
        () => y.set(I32.const(1)),
      );
      return y;
    });
    expect([sign(-9), sign(0), sign(4)]).toEqual([-1, 0, 1]);
  });
});

describe("memory", () => {
  test("store8, fill", () => {
    const run = define((f) => {
      f.fill(I32.const(64), I32.const(7), I32.const(8));
      f.store8(I32.const(64), I32.const(0x1ff), 1);
      return I32.load(I32.const(64));
    });
    expect(run()).toBe(0x0707ff07);
    expect(ints[17]).toBe(0x07070707);
  });
});

test("storeHalf writes two floats of a vector", () => {
  const run = define((f) => {
    const x = f.let(F32x4.load(I32.const(64)));
    f.storeHalf(I32.const(96), x, 1);
    f.storeHalf(I32.const(96), x, 0, 12);
    return undefined;
  });
  floats.set([1, 2, 3, 4], 16);
  floats.fill(0, 24, 32);
  run();
  expect(Array.from(floats.subarray(24, 30))).toEqual([3, 4, 0, 1, 2, 0]);
});

describe("modules", () => {
  test("functions call each other, directly and through the table", () => {
    const module = new ModuleBuilder(engine);
    module.useTable();
    const type = module.type([I32, I32]);
    const put = module.function("put", [I32, I32], (f, address, value) => {
      f.store(address, value);
      return undefined;
    });
    module.function("run", [I32], (f, index) => {
      f.call(put, I32.const(64), I32.const(11));
      f.callTable(type, index, I32.const(68), I32.const(22));
      f.drop(I32.const(3));
      return undefined;
    });
    const { put: exported, run } = compile(module);
    table.set(2, exported);
    run!(2);
    expect([ints[16], ints[17]]).toEqual([11, 22]);
  });

  test("a function without a name is not exported", () => {
    const module = new ModuleBuilder(engine);
    module.function(null, [], () => undefined);
    module.function("seen", [], () => I32.const(300_000));
    const exports = compile(module);
    expect(Object.keys(exports)).toEqual(["seen"]);
    expect(exports.seen!()).toBe(300_000);
  });
});
