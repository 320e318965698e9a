import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { getBackend, Parameter, scope, setBackend, Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";
import { orthogonalized } from "./muon.ts";

// Properties of the rules that see whole tensors, or all parameters at once.

const fast = wasm({ threads: 1 });
beforeEach(() => setBackend(cpu()));

type Options = Readonly<Record<string, unknown>>;
/** All optimizers look alike from here. */
type Any = optim.Optimizer<{ lr: number }, Record<string, Tensor>, Record<string, number>>;

interface Kind {
  readonly make: (params: unknown, options: Options) => Any;
  readonly options: fc.Arbitrary<Options>;
  /** Options that find the minimum of a quadratic. */
  readonly sane: readonly Options[];
  /** Tensors of state per parameter, where none shares its elements with another. */
  readonly slots: number;
}

const kind = (
  Class: new (params: never, options: never) => unknown,
  options: Record<string, fc.Arbitrary<unknown>>,
  slots: number,
  sane: readonly Options[],
): Kind => ({
  make: (params, given) => new Class(params as never, given as never) as Any,
  options: fc.record(options),
  sane,
  slots,
});

const lr = fc.constantFrom(0, 0.01, 0.125, 1);
const weightDecay = fc.constantFrom(0, 0.01, 0.25);
const flag = fc.boolean();
const betas = fc.constantFrom([0.9, 0.999], [0, 0.5], [0.5, 0.25]);
const distance = { d0: fc.constantFrom(1e-6, 0.125), growthRate: fc.constantFrom(1.25, 4, Number.POSITIVE_INFINITY) };

/** Those that see one tensor at a time. */
const ALONE: Readonly<Record<string, Kind>> = {
  Adafactor: kind(
    optim.Adafactor,
    {
      lr,
      weightDecay,
      beta2Decay: fc.constantFrom(-0.8, 0),
      eps: fc.constantFrom([null, 1e-3], [0.125, 0.5]),
      d: fc.constantFrom(1, 4),
      maximize: flag,
    },
    1,
    [{ lr: 0.05 }],
  ),
  Muon: kind(
    optim.Muon,
    {
      lr,
      weightDecay,
      momentum: fc.constantFrom(0, 0.5, 0.95),
      nesterov: flag,
      nsSteps: fc.constantFrom(0, 5),
      adjustLrFn: fc.constantFrom("original", "match_rms_adamw", "spectral_unclamped"),
      // Where numbers are rounded coarsely, small differences become large ones.
      nsPrecision: fc.constant("full"),
    },
    1,
    [],
  ),
  LAMB: kind(
    optim.LAMB,
    {
      lr,
      weightDecay,
      betas,
      eps: fc.constantFrom(1e-6, 0.125),
      biasCorrection: flag,
      gradAveraging: flag,
      trustClip: flag,
      alwaysAdapt: flag,
      decoupledDecay: flag,
      maximize: flag,
    },
    2,
    [{ lr: 0.02, weightDecay: 0 }],
  ),
  LARS: kind(
    optim.LARS,
    {
      lr,
      weightDecay,
      trustCoeff: fc.constantFrom(0.001, 1),
      trustClip: flag,
      alwaysAdapt: flag,
      maximize: flag,
      momentum: fc.constantFrom(0, 0.5),
    },
    1,
    [{ lr: 20 }],
  ),
};

/** Those that see all parameters at once. */
const TOGETHER: Readonly<Record<string, Kind>> = {
  Prodigy: kind(
    optim.Prodigy,
    {
      ...distance,
      weightDecay,
      betas,
      beta3: fc.constantFrom(null, 0.5),
      decouple: flag,
      useBiasCorrection: flag,
      safeguardWarmup: flag,
      dCoef: fc.constantFrom(0.5, 1),
      sliceP: fc.constantFrom(1, 2),
    },
    4,
    [{}, { useBiasCorrection: true }],
  ),
  DAdaptAdam: kind(optim.DAdaptAdam, { ...distance, weightDecay, betas, decouple: flag, useBiasCorrection: flag }, 3, [
    {},
  ]),
  DAdaptSGD: kind(optim.DAdaptSGD, { ...distance, weightDecay, momentum: fc.constantFrom(0, 0.5) }, 2, [
    {},
    { momentum: 0.9 },
  ]),
  DAdaptAdaGrad: kind(optim.DAdaptAdaGrad, { ...distance, weightDecay, momentum: fc.constantFrom(0, 0.5) }, 3, [{}]),
  DAdaptLion: kind(optim.DAdaptLion, { d0: distance.d0, weightDecay, betas }, 2, []),
};
const ALL = { ...ALONE, ...TOGETHER };

/** Values on a coarse grid. */
const values = (length: number, least = 0): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -32, max: 32 }).map((i) => i / 8 + Math.sign(i) * least || least),
    { minLength: length, maxLength: length },
  );
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

interface Problem {
  readonly shapes: readonly number[][];
  readonly start: readonly number[][];
  /** `[step][parameter]`; `null` where there is no gradient. */
  readonly grads: readonly (readonly (number[] | null)[])[];
}

/** A problem for an optimizer; `least` keeps its numbers from zero, and gives every parameter a gradient in every step. */
const problemOf = (name: string, least = 0): fc.Arbitrary<Problem> =>
  fc
    .record({
      shapes: fc.array(
        name === "Muon"
          ? fc.constantFrom<number[]>([2, 2], [3, 2], [1, 3])
          : fc.constantFrom<number[]>([], [3], [2, 2], [3, 2], [2, 1, 2], ...(least === 0 ? [[0]] : [])),
        { minLength: 1, maxLength: 3 },
      ),
      steps: fc.integer({ min: 1, max: 5 }),
    })
    .chain(({ shapes, steps }) => {
      const gradient = shapes.map((shape) => {
        const numbers = values(sizeOf(shape), least);
        return least === 0 ? fc.option(numbers, { freq: 6 }) : numbers;
      });
      return fc.record({
        shapes: fc.constant(shapes),
        start: fc.tuple(...shapes.map((shape) => values(sizeOf(shape), least))),
        grads: fc.array(fc.tuple(...gradient), { minLength: steps, maxLength: steps }),
      });
    });

const parametersOf = ({ shapes, start }: Problem, factor = 1): Parameter[] =>
  shapes.map((shape, i) => new Parameter(tensor(start[i]!.map((x) => x * factor)).reshape(shape)));

function run(optimizer: Any, parameters: readonly Parameter[], grads: Problem["grads"], factor = 1): void {
  for (const gradients of grads) {
    for (const [i, p] of parameters.entries()) {
      const g = gradients[i] ?? null;
      p.grad = g === null ? null : tensor(g.map((x) => x * factor)).reshape(p.shape);
    }
    optimizer.step();
  }
}

const bits = (xs: readonly Tensor[]): number[][] => xs.map((x) => Array.from(x.dataSync()));
const norm = (xs: readonly number[]): number => Math.hypot(...xs);

/** A state dict with arrays in place of tensors. */
function plain({ state, paramGroups, shared }: ReturnType<Any["stateDict"]>): unknown {
  const entries = Object.entries(state).map(([i, entry]) => [
    i,
    Object.entries<unknown>(entry).map(([key, x]) => [key, x instanceof Tensor ? bits([x]) : x]),
  ]);
  return { entries, paramGroups, shared };
}

describe.each(Object.entries(ALL))("%s", (name, { make, options, sane, slots }) => {
  const cases = fc.record({ options, problem: problemOf(name) });
  const runs = { numRuns: 12 };

  test("resuming from a saved state, at any step, equals never having stopped", () => {
    fc.assert(
      fc.property(cases, fc.nat(5), ({ options, problem }, at) => {
        const parameters = parametersOf(problem);
        const optimizer = make(parameters, options);
        run(optimizer, parameters, problem.grads.slice(0, at));
        const saved = optimizer.stateDict();
        const before = plain(saved);
        const copies = parameters.map((p) => new Parameter(p.detach()));
        run(optimizer, parameters, problem.grads.slice(at));
        expect(plain(saved)).toEqual(before);

        // Options come with the state; what it was sliced by shapes it.
        const { sliceP = 1 } = options;
        const resumed = make(copies, name === "Prodigy" ? { sliceP } : {});
        resumed.loadStateDict(saved);
        run(resumed, copies, problem.grads.slice(at));
        expect(bits(copies)).toEqual(bits(parameters));
        expect(plain(resumed.stateDict())).toEqual(plain(optimizer.stateDict()));
      }),
      runs,
    );
  });

  test("the splitting of a group changes nothing, and neither does the order of parameters", () => {
    fc.assert(
      fc.property(cases, fc.nat(3), ({ options, problem }, cut) => {
        const parameters = parametersOf(problem);
        run(make(parameters, options), parameters, problem.grads);
        const others = parametersOf(problem);
        run(make([{ params: others.slice(0, cut) }, { params: others.slice(cut) }], options), others, problem.grads);
        expect(bits(others)).toEqual(bits(parameters));

        // Sums over all parameters are rounded in their order.
        if (name in TOGETHER) return;
        const reversed = parametersOf(problem);
        run(make([...reversed].reverse(), options), reversed, problem.grads);
        expect(bits(reversed)).toEqual(bits(parameters));
      }),
      runs,
    );
  });

  test("is odd: a mirrored problem has mirrored steps", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const [plus, minus] = [parametersOf(problem), parametersOf(problem, -1)];
        run(make(plus, options), plus, problem.grads);
        run(make(minus, options), minus, problem.grads, -1);
        expect(minus.map((p) => bits([p.neg().add(0)]))).toEqual(plus.map((p) => bits([p.add(0)])));
      }),
      runs,
    );
  });

  test("a gradient of zeros without decay changes no parameter", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const parameters = parametersOf(problem);
        run(make(parameters, { ...options, weightDecay: 0 }), parameters, problem.grads, 0);
        expect(bits(parameters)).toEqual(problem.start.map((xs) => xs.map((x) => x + 0)));
      }),
      runs,
    );
  });

  test("one step on wasm is one step on the reference", () => {
    const reference = getBackend();
    fc.assert(
      fc.property(fc.record({ options, problem: problemOf(name, 0.25) }), ({ options, problem }) => {
        const last = problem.grads.length - 1;
        const parameters = parametersOf(problem);
        const optimizer = make(parameters, options);
        run(optimizer, parameters, problem.grads.slice(0, last));
        const saved = optimizer.stateDict();
        const copies = parameters.map((p) => new Parameter(p.detach().to(fast)));
        const state = Object.fromEntries(
          Object.entries(saved.state).map(([i, entry]) => [
            i,
            Object.fromEntries(
              Object.entries<unknown>(entry).map(([key, x]) => [key, x instanceof Tensor ? x.to(fast) : x]),
            ),
          ]),
        );
        const other = make(copies, options);
        other.loadStateDict({ ...saved, state } as never);
        setBackend(fast);
        run(other, copies, problem.grads.slice(last));
        setBackend(reference);
        run(optimizer, parameters, problem.grads.slice(last));
        for (const [i, p] of parameters.entries())
          for (const [k, x] of bits([p])[0]!.entries())
            expect(Math.abs(x - bits([copies[i]!])[0]![k]!)).toBeLessThanOrEqual(2e-5 * Math.max(1, Math.abs(x)));
      }),
      { numRuns: 4 },
    );
  });

  test("between steps nothing is alive but parameters and state, and saving owns nothing", () => {
    const backend = countingBackend();
    setBackend(backend);
    const made = (shape: number[]): Parameter =>
      scope(() => new Parameter(tensor(Array.from({ length: sizeOf(shape) }, (_, i) => i / 4 + 1)).reshape(shape)));
    const parameters = name === "Muon" ? [made([3, 2]), made([1, 2])] : [made([8]), made([])];
    const [bytes] = [4 * (name === "Muon" ? 8 : 9)];
    const optimizer = make(parameters, name === "LARS" ? { momentum: 0.9 } : { weightDecay: 0.1 });
    const train = (): void =>
      scope(() => {
        optimizer.zeroGrad();
        parameters
          .map((p) => p.square().sum())
          .reduce((a, b) => a.add(b))
          .backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
    for (let step = 0; step < 4; step++) {
      train();
      expect(backend.liveBytes).toBe(bytes * (1 + slots));
    }
    const saved = scope(() => optimizer.stateDict());
    train();
    scope(() => optimizer.loadStateDict(saved));
    for (const entry of Object.values(saved.state))
      for (const x of Object.values<unknown>(entry)) if (x instanceof Tensor) x.dispose();
    for (const x of Object.values<unknown>(saved.state)) expect(x).toBeDefined();
    train();
    expect(backend.liveBytes).toBe(bytes * (1 + slots));
  });

  test.each(sane.map((given) => [given]))("a convex quadratic converges with %o", (given) => {
    const p = new Parameter(tensor([3, -2, 4]));
    const curvature = tensor([0.25, 1, 2]);
    const optimizer = make([p], given);
    for (let t = 0; t < 300; t++) {
      p.grad = p.detach().sub(1).mul(curvature);
      optimizer.step();
    }
    for (const x of bits([p])[0]!) expect(Math.abs(x - 1)).toBeLessThan(0.05);
  });
});

describe.each(["Adafactor", "LAMB", "LARS"])("%s", (name) => {
  test("maximize mirrors minimize", () => {
    const { make, options } = ALONE[name]!;
    fc.assert(
      fc.property(options, problemOf(name), (options, problem) => {
        const [up, down] = [parametersOf(problem), parametersOf(problem)];
        run(make(up, { ...options, maximize: true }), up, problem.grads);
        run(make(down, { ...options, maximize: false }), down, problem.grads, -1);
        expect(bits(up)).toEqual(bits(down));
      }),
      { numRuns: 12 },
    );
  });
});

/** Options under which steps are in proportion to the weights, and shorter than them. */
const PROPORTIONAL = { lr: 0.125, weightDecay: 0, alwaysAdapt: true, trustClip: false };
/** Options under which the size of gradients does not matter. */
const SCALE_FREE: Readonly<Record<string, Options>> = {
  Adafactor: { eps: [0, 1e-3] },
  Muon: { eps: 0 },
  LAMB: { eps: 0 },
  LARS: { ...PROPORTIONAL, eps: 0 },
  Prodigy: { eps: 1e-30, weightDecay: 0 },
  DAdaptSGD: { weightDecay: 0 },
  DAdaptLion: {},
};
describe.each(Object.entries(SCALE_FREE))("%s", (name, fixed) => {
  test("the scale of gradients does not matter", () => {
    const { make, options } = ALL[name]!;
    fc.assert(
      fc.property(options, problemOf(name, 0.25), fc.constantFrom(0.25, 16), (options, problem, factor) => {
        const [once, scaled] = [parametersOf(problem), parametersOf(problem)];
        run(make(once, { ...options, ...fixed }), once, problem.grads);
        run(make(scaled, { ...options, ...fixed }), scaled, problem.grads, factor);
        // A power of two: no rounding is another one.
        expect(bits(scaled)).toEqual(bits(once));
      }),
      { numRuns: 15 },
    );
  });
});

describe("layer-wise methods", () => {
  test.each(["LAMB", "LARS"])("%s: steps are in proportion to the weights", (name) => {
    const { make, options } = ALONE[name]!;
    fc.assert(
      fc.property(options, problemOf(name, 0.25), fc.constantFrom(0.25, 16), (options, problem, factor) => {
        const [once, scaled] = [parametersOf(problem), parametersOf(problem, factor)];
        run(make(once, { ...options, ...PROPORTIONAL, eps: 0 }), once, problem.grads);
        run(make(scaled, { ...options, ...PROPORTIONAL, eps: 0 }), scaled, problem.grads);
        expect(bits(scaled)).toEqual(bits(once.map((p) => p.mul(factor))));
      }),
      { numRuns: 30 },
    );
  });

  test("a step is as long as the weights, times lr in LAMB, and times lr · trustCoeff in LARS", () => {
    fc.assert(
      fc.property(problemOf("", 0.25), (problem) => {
        for (const [optimizer, rate] of [
          [(ps: Parameter[]) => new optim.LAMB(ps, { lr: 0.125, weightDecay: 0 }), 0.125],
          [(ps: Parameter[]) => new optim.LARS(ps, { lr: 0.5, trustCoeff: 0.25, eps: 0 }), 0.125],
        ] as const) {
          const parameters = parametersOf(problem);
          run(optimizer(parameters) as unknown as Any, parameters, problem.grads.slice(0, 1));
          for (const [i, after] of bits(parameters).entries()) {
            const before = problem.start[i]!;
            expect(norm(after.map((x, k) => x - before[k]!)) / norm(before)).toBeCloseTo(rate, 5);
          }
        }
      }),
    );
  });

  test("without adaptation and decay LAMB is Adam, and LARS is SGD", () => {
    fc.assert(
      fc.property(problemOf(""), (problem) => {
        const run2 = (make: (ps: Parameter[]) => unknown): number[][] => {
          const parameters = parametersOf(problem);
          run(make(parameters) as Any, parameters, problem.grads);
          return bits(parameters);
        };
        const free = { alwaysAdapt: false, weightDecay: 0 };
        const [lamb, adam] = [
          run2((ps) => new optim.LAMB(ps, { ...free, eps: 1e-8 })).flat(),
          run2((ps) => new optim.Adam(ps)).flat(),
        ];
        for (const [i, x] of lamb.entries()) expect(x).toBeCloseTo(adam[i]!, 5);
        expect(run2((ps) => new optim.LARS(ps, { ...free, lr: 0.1, momentum: 0.9 }))).toEqual(
          run2((ps) => new optim.SGD(ps, { lr: 0.1, momentum: 0.9 })),
        );
      }),
    );
  });
});

describe("Adafactor", () => {
  test("keeps a row and a column of a matrix", () => {
    const p = new Parameter(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    p.grad = p.detach();
    const optimizer = new optim.Adafactor([p]);
    optimizer.step();
    const { rowVar, colVar, variance } = optimizer.stateDict().state[0]!;
    expect([rowVar!.shape, colVar!.shape, variance]).toEqual([[2, 1], [1, 3], undefined]);
  });

  test("a gradient of rank one is known from its row and its column: the first direction is its sign", () => {
    fc.assert(
      fc.property(values(3, 0.25), values(2, 0.25), (column, row) => {
        const p = new Parameter(
          tensor([
            [1, 1],
            [1, 1],
            [1, 1],
          ]),
        );
        p.grad = tensor(column).reshape([3, 1]).mul(tensor(row));
        const sign = bits([p.grad.sign()])[0]!;
        new optim.Adafactor([p], { lr: 0.25 }).step();
        for (const [i, x] of bits([p])[0]!.entries()) expect(x).toBeCloseTo(1 - 0.25 * sign[i]!, 5);
      }),
    );
  });
});

describe("Muon", () => {
  const FULL = { nsCoefficients: [3.4445, -4.775, 2.0315], eps: 1e-7, nsSteps: 5, nsPrecision: "full" } as const;
  const CUBIC = [1.5, -0.5, 0] as const;
  const matrix = fc.record({ wide: fc.boolean(), numbers: values(2, 0) }).map(({ wide, numbers: [a, b] }) => {
    const tall = tensor([
      [4 + a! / 4, b!],
      [-b!, 3],
      [1, -1],
    ]);
    return wide ? tall.t() : tall;
  });

  test("orthogonalizes: with coefficients that converge, the singular values become 1", () => {
    fc.assert(
      fc.property(matrix, (g) => {
        const x = orthogonalized(g, { ...FULL, nsCoefficients: CUBIC, nsSteps: 30 });
        const gram = x.shape[0]! < x.shape[1]! ? x.matmul(x.t()) : x.t().matmul(x);
        for (const [i, y] of bits([gram])[0]!.entries()) expect(y).toBeCloseTo(i % 3 === 0 ? 1 : 0, 4);
      }),
    );
  });

  test("rounds to eight bits on the way, where not asked for all", () => {
    const g = tensor([
      [1, 2],
      [3, 4],
    ]);
    const [coarse, fine] = (["bfloat16", "full"] as const).map(
      (nsPrecision) => bits([orthogonalized(g, { ...FULL, nsPrecision })])[0]!,
    );
    for (const x of coarse!) expect(Number.isInteger(x / 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7))).toBe(true);
    expect(coarse).not.toEqual(fine);
    for (const [i, x] of coarse!.entries()) expect(Math.abs(x - fine![i]!)).toBeLessThan(0.03);
  });

  test("with the default ones they come near 1", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }), (values) => {
        const x = orthogonalized(tensor(values).diag(), FULL);
        for (const y of bits([x.diag()])[0]!) expect(Math.abs(y - 1)).toBeLessThan(0.45);
      }),
    );
  });

  test("a transposed gradient has a transposed direction", () => {
    fc.assert(
      fc.property(matrix, (g) => {
        const [x, y] = [g, g.t()].map((m) => orthogonalized(m, { ...FULL, nsCoefficients: CUBIC }));
        expect(bits([y!.t()])).toEqual(bits([x!]));
      }),
    );
  });

  test("takes matrices only", () => {
    const make =
      (...shape: number[]) =>
      () =>
        new optim.Muon([new Parameter(tensor(1).expand(shape))]);
    expect(make(3)).toThrow(
      "Muon: item 0 of the parameters has shape [3], which is no matrix; give it to another optimizer, such as AdamW",
    );
    expect(make(2, 2, 2)).toThrow("has shape [2,2,2], which is no matrix");
  });
});
