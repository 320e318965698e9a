import { cpu } from "@descent/backend-cpu";
import { Buffer, Parameter, setBackend, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { countingBackend, expectClose } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { AveragedParameters, getEmaAvgFn, getSwaAvgFn } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const wide = (...values: number[]): Parameter => new Parameter(tensor(values, { dtype: "float64" }));
const set = (p: Parameter | Buffer, ...values: number[]): void =>
  p.assign(tensor(values, { dtype: p.dtype as "float32" }));
const valuesOf = (averaged: AveragedParameters): unknown[] => averaged.stateDict().averages.map((x) => x.toArray());
const walks = fc.array(
  fc.tuple(fc.double({ min: -4, max: 4, noNaN: true }), fc.double({ min: -4, max: 4, noNaN: true })),
  {
    minLength: 1,
    maxLength: 8,
  },
);

describe("averages", () => {
  test("of all values alike are their mean", () => {
    fc.assert(
      fc.property(walks, (walk) => {
        const p = wide(9, 9);
        const averaged = new AveragedParameters([p]);
        for (const values of walk) {
          set(p, ...values);
          averaged.update();
        }
        const [mean] = valuesOf(averaged) as [number[]];
        for (const k of [0, 1] as const)
          expect(mean[k]).toBeCloseTo(walk.reduce((sum, values) => sum + values[k], 0) / walk.length, 12);
        expect(averaged.nAveraged).toBe(walk.length);
      }),
    );
  });

  test("that forget have the weights (1 − decay) decayᵏ, and the first value the rest", () => {
    fc.assert(
      fc.property(walks, fc.constantFrom(0, 0.3, 0.9, 1), (walk, decay) => {
        const p = wide(9, 9);
        const averaged = new AveragedParameters([p], { avgFn: getEmaAvgFn(decay) });
        for (const values of walk) {
          set(p, ...values);
          averaged.update();
        }
        const [average] = valuesOf(averaged) as [number[]];
        const last = walk.length - 1;
        const weight = (i: number): number => (i === 0 ? 1 : 1 - decay) * decay ** (last - i);
        for (const k of [0, 1] as const)
          expect(average[k]).toBeCloseTo(
            walk.reduce((sum, values, i) => sum + weight(i) * values[k], 0),
            12,
          );
      }),
    );
  });

  test("warm up with the decays 2/11, 3/12, … up to their own", () => {
    const p = wide(0);
    const averaged = new AveragedParameters([p], { avgFn: getEmaAvgFn(0.3, { warmup: true }) });
    let expected = 0;
    for (let n = 0; n < 8; n++) {
      set(p, n);
      averaged.update();
      const decay = Math.min(0.3, (1 + n) / (10 + n));
      expected = n === 0 ? 0 : decay * expected + (1 - decay) * n;
      expect((valuesOf(averaged) as [[number]])[0][0]).toBeCloseTo(expected, 12);
    }
  });

  // torch.optim.swa_utils.AveragedModel of PyTorch 2.15 with its multi_avg_fn, in float32.
  test("are PyTorch's", () => {
    const p = new Parameter(tensor([9, 9]));
    const all = [getSwaAvgFn(), getEmaAvgFn(0.9), getEmaAvgFn()].map((avgFn) => new AveragedParameters([p], { avgFn }));
    for (const values of [
      [1, 0.1],
      [0.5, 0.7],
      [-2, 0.3],
    ]) {
      set(p, ...values);
      for (const averaged of all) averaged.update();
    }
    const expected = [
      [-0.1666666865348816, 0.36666664481163025],
      [0.6549999713897705, 0.17399999499320984],
      [0.9965004920959473, 0.10079940408468246],
    ];
    for (const [i, averaged] of all.entries())
      expectClose(averaged.stateDict().averages[0]!, tensor(expected[i]!), 1e-7);
  });

  test("of buffers are averages where they are floating, else the last value", () => {
    const [mean, count] = [new Buffer(tensor([0, 0])), new Buffer(tensor([0], { dtype: "int32" }))];
    const averaged = new AveragedParameters([mean, count]);
    for (const n of [1, 2, 6]) {
      mean.assign(tensor([n, 1]));
      count.assign(tensor([n], { dtype: "int32" }));
      averaged.update();
    }
    expect(valuesOf(averaged)).toEqual([[3, 1], [6]]);
  });

  test("are the first values before there is one, and then a function of one's own", () => {
    const p = wide(3);
    const averaged = new AveragedParameters([p], { avgFn: (average, x, n) => average.mul(10).add(x).add(n) });
    set(p, 5);
    expect(valuesOf(averaged)).toEqual([[3]]);
    averaged.update();
    set(p, 7);
    averaged.update();
    expect(valuesOf(averaged)).toEqual([[58]]);
  });
});

describe("swap and copyTo", () => {
  const trained = (): [Parameter, AveragedParameters] => {
    const p = new Parameter(tensor([0.1, 0.2]));
    const averaged = new AveragedParameters([p]);
    for (const values of [
      [0.3, 1],
      [0.7, 1e-9],
    ]) {
      set(p, ...values);
      averaged.update();
    }
    return [p, averaged];
  };

  test("exchange live and averaged values; twice, both are what they were to the bit", () => {
    const [p, averaged] = trained();
    const before = [p.toArray(), ...valuesOf(averaged)];
    averaged.swap();
    expect(p.toArray()).toEqual(before[1]);
    averaged.swap();
    expect([p.toArray(), ...valuesOf(averaged)]).toEqual(before);
  });

  test("copy the averages, to the parameters themselves or to others", () => {
    const [p, averaged] = trained();
    const twin = new Parameter(zeros([2]));
    averaged.copyTo([twin]);
    expect(twin.toArray()).toEqual(valuesOf(averaged)[0]);
    expect(p.toArray()).not.toEqual(twin.toArray());
    averaged.copyTo();
    expect(p.toArray()).toEqual(twin.toArray());
  });

  test("nothing else is possible while they are swapped", () => {
    const [, averaged] = trained();
    const saved = averaged.stateDict();
    averaged.swap();
    for (const [method, call] of Object.entries({
      update: () => averaged.update(),
      copyTo: () => averaged.copyTo(),
      stateDict: () => averaged.stateDict(),
      loadStateDict: () => averaged.loadStateDict(saved),
    }))
      expect(call).toThrow(`AveragedParameters.${method}: the averages are in the parameters; call swap() first`);
  });
});

test("a parameter that was moved to another dtype is not swapped, and neither are the others", () => {
  const [p, q] = [new Parameter(tensor([1])), new Parameter(tensor([2]))];
  const averaged = new AveragedParameters([p, q]);
  set(p, 5);
  q.relocate("float64");
  expect(() => averaged.swap()).toThrow(
    'AveragedParameters.swap: average 1 is float32 [1] on "cpu", parameter 1 float64 [1] on "cpu"; the parameters have to be as they were when their averages began',
  );
  expect(p.toArray()).toEqual([5]);
});

test("saved and loaded averages go on bit-equal to those that never stopped", () => {
  const [p, q] = [new Parameter(tensor([1, 2])), new Parameter(tensor([0, 0]))];
  const options = { avgFn: getEmaAvgFn(0.7, { warmup: true }) };
  const [one, other] = [new AveragedParameters([p], options), new AveragedParameters([q], options)];
  for (const k of [1, 2, 3]) {
    set(p, k / 3, 1 / k);
    one.update();
  }
  const saved = one.stateDict();
  const held = saved.averages[0]!.toArray();
  other.loadStateDict(saved);
  for (const k of [4, 5]) {
    for (const x of [p, q]) set(x, k / 3, 1 / k);
    one.update();
    other.update();
  }
  expect(valuesOf(other)).toEqual(valuesOf(one));
  expect(other.nAveraged).toBe(5);
  expect(saved.averages[0]!.toArray()).toEqual(held);
});

test("nothing is alive but parameters and averages, which outlive scopes", () => {
  const backend = countingBackend();
  setBackend(backend);
  using initial = tensor([1, 2, 3]);
  const p = new Parameter(initial);
  const averaged = new AveragedParameters([p], { avgFn: getEmaAvgFn(0.5) });
  expect(backend.liveBytes).toBe(12);
  for (let i = 0; i < 4; i++) {
    using next = tensor([i, i, i]);
    p.assign(next);
    averaged.update();
    averaged.swap();
    averaged.swap();
  }
  initial.dispose();
  expect(backend.liveBytes).toBe(24);
  const saved = averaged.stateDict();
  averaged.loadStateDict(saved);
  for (const x of saved.averages) x.dispose();
  expect(backend.liveBytes).toBe(24);
  averaged.copyTo();
  expect(backend.liveBytes).toBe(12);
});

const made = (): AveragedParameters => new AveragedParameters([new Parameter(zeros([2]))]);
test.each<[string, () => unknown]>([
  ["getEmaAvgFn: decay is 1.5, expected a number in [0, 1]", () => getEmaAvgFn(1.5)],
  ["getEmaAvgFn: warmUp is unknown (known: warmup)", () => getEmaAvgFn(0.9, { warmUp: true } as never)],
  ["AveragedParameters: avgFn is 0.9, expected a function", () => new AveragedParameters([], { avgFn: 0.9 as never })],
  ["AveragedParameters: decay is unknown (known: avgFn)", () => new AveragedParameters([], { decay: 0.9 } as never)],
  [
    "AveragedParameters: item 0 of the parameters is a tensor of shape [2]; pass parameters and buffers",
    () => new AveragedParameters([zeros([2]) as never]),
  ],
  [
    "AveragedParameters.copyTo: 1 averages for 0 parameters; the parameters have to be as they were when their averages began",
    () => made().copyTo([]),
  ],
  [
    'AveragedParameters.copyTo: average 0 is float32 [2] on "cpu", parameter 0 float64 [1] on "cpu"; the parameters have to be as they were when their averages began',
    () => made().copyTo([wide(1)]),
  ],
  [
    'AveragedParameters.loadStateDict: average 0 is float32 [3] on "cpu", parameter 0 float32 [2] on "cpu"; nAveraged is -1, expected an integer ≥ 0; pass what stateDict() gave',
    () => made().loadStateDict({ nAveraged: -1, averages: [zeros([3])] }),
  ],
  [
    "AveragedParameters.loadStateDict: averages is no list; nAveraged is undefined, expected an integer ≥ 0; pass what stateDict() gave",
    () => made().loadStateDict({} as never),
  ],
])("%s", (message, call) => {
  expect(call).toThrow(expect.objectContaining({ message }));
});
