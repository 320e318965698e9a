import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { ArgumentError, StateDictError, setBackend } from "@descent/core";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { LEARNER_SPACE, type LearnerHyper, type LearnerOptions, learner } from "../testing/learner.ts";
import {
  ancestry,
  type Lineage,
  type LocalCheckpoint,
  logUniform,
  type Member,
  MemberError,
  PopulationBasedTraining,
  type PopulationCheckpoint,
  type PopulationOptions,
  packTensors,
  replay,
} from "./index.ts";

beforeEach(() => setBackend(cpu()));

/** A member whose whole training is a list of what it lived through, and which notes what it is asked for. */
class Diary implements Member<{ lr: number }, readonly string[]> {
  pages: readonly string[];
  readonly loaded: (readonly string[])[] = [];

  constructor(
    readonly number: number,
    readonly score: (lr: number, generation: number) => number = (lr) => lr,
    /** Waits before it is done. */
    readonly wait: () => Promise<void> = async () => {},
  ) {
    this.pages = [`born ${number}`];
  }

  async train({ lr }: { lr: number }, generation: number): Promise<number> {
    await this.wait();
    this.pages = [...this.pages, `lr ${lr}`];
    return this.score(lr, generation);
  }

  save(): readonly string[] {
    return this.pages;
  }

  load(pages: readonly string[]): void {
    this.loaded.push(pages);
    this.pages = pages;
  }
}

const SPACE = { lr: logUniform(1e-3, 1) };
const diaries = (size: number, score?: Diary["score"]): Diary[] =>
  Array.from({ length: size }, (_, i) => new Diary(i, score));
const populationOf = (members: readonly Diary[], options: Partial<PopulationOptions<{ lr: number }>> = {}) =>
  new PopulationBasedTraining(members, SPACE, { mode: "max", ...options });

const settings = fc.record({
  size: fc.integer({ min: 2, max: 9 }),
  quantile: fc.constantFrom(0, 0.1, 0.25, 0.4, 0.5),
  seed: fc.nat(1000),
  mode: fc.constantFrom("max" as const, "min" as const),
  resampleProbability: fc.constantFrom(0, 0.25, 1),
});

describe("a generation", () => {
  test("the worst copy some of the best, everybody else goes on, and the best is never overwritten", async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), async (options, scores) => {
        const { size, ...rest } = options;
        const { quantile, mode } = rest;
        const n = Math.min(Math.ceil(quantile * size), Math.floor(size / 2));
        // Few different scores, so that there are ties, and now and then none.
        const draw = (): number => [1, 2, 3, Number.NaN][scores.next().value!]!;
        const members = diaries(size, draw);
        const population = populationOf(members, rest);
        await population.step();
        for (let g = 1; g < 4; g++) {
          const before = members.map(({ pages }) => pages);
          const last = population.lineage.slice(-size);
          const best = population.best!;
          for (const { loaded } of members) loaded.length = 0;
          const rows = await population.step();

          expect(rows.map(({ member }) => member)).toEqual([...members.keys()]);
          const sign = mode === "max" ? 1 : -1;
          const height = (m: number): number => (last[m]!.score === null ? -4 : sign * last[m]!.score!);
          const order = [...members.keys()].sort((a, b) => height(b) - height(a) || a - b);
          expect(best.member).toBe(order[0]);
          const scored = order.filter((m) => last[m]!.score !== null);
          const top = scored.slice(0, n);
          const replaced = top.length === 0 ? [] : order.slice(Math.min(size - n, scored.length));
          for (const { member, parent, hyperparameters, origins } of rows) {
            const from = parent ?? member;
            expect(members[member]!.loaded).toEqual(parent === null ? [] : [before[parent]]);
            expect(members[member]!.pages).toEqual([...before[from]!, `lr ${hyperparameters.lr}`]);
            expect(parent !== null).toBe(replaced.includes(member));
            if (parent === null) {
              expect(origins.lr).toBe("kept");
              expect(hyperparameters).toEqual(last[member]!.hyperparameters);
            } else {
              expect(top).toContain(parent);
              expect(["perturbed", "resampled"]).toContain(origins.lr);
              if (origins.lr === "perturbed") {
                const { lr } = last[parent]!.hyperparameters;
                expect([0.8, 1.2].map((f) => Math.min(Math.max(lr * f, 1e-3), 1))).toContain(hyperparameters.lr);
              }
            }
          }
          if (best.score !== null) expect(rows[best.member]!.parent).toBeNull();
        }
        expect(population.generation).toBe(4);
        expect(population.lineage.length).toBe(4 * size);
      }),
    );
  });

  test("does not depend on who is first to finish", async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.infiniteStream(fc.nat(9)), async ({ size, ...options }, delays) => {
        const pause = async (): Promise<void> => {
          for (let i = delays.next().value!; i > 0; i--) await null;
        };
        const score = (lr: number, generation: number): number => Math.sin(1e3 * lr + generation);
        const members = Array.from({ length: size }, (_, i) => new Diary(i, score, pause));
        const [shuffled, plain] = [populationOf(members, options), populationOf(diaries(size, score), options)];
        await shuffled.run(5);
        await plain.run(5);
        expect(shuffled.lineage).toEqual(plain.lineage);
        expect(await shuffled.save()).toEqual(await plain.save());
      }),
      { numRuns: 30 },
    );
  });

  test("with quantile 0 is one of a random search", async () => {
    const population = populationOf(diaries(6), { quantile: 0 });
    await population.run(3);
    expect(population.lineage.every(({ parent }) => parent === null)).toBe(true);
    expect(population.lineage.slice(12).map(({ hyperparameters }) => hyperparameters)).toEqual(
      population.lineage.slice(0, 6).map(({ hyperparameters }) => hyperparameters),
    );
    // And begins as a population of the same seed.
    const other = populationOf(diaries(6));
    await other.step();
    expect(other.lineage).toEqual(population.lineage.slice(0, 6));
  });

  test("begins with what is given", async () => {
    const population = populationOf(diaries(2), { initial: [{ lr: 0.5 }, { lr: 0.25 }] });
    const rows = await population.step();
    expect(rows).toEqual([
      { generation: 0, member: 0, parent: null, hyperparameters: { lr: 0.5 }, origins: { lr: "given" }, score: 0.5 },
      { generation: 0, member: 1, parent: null, hyperparameters: { lr: 0.25 }, origins: { lr: "given" }, score: 0.25 },
    ]);
    expect(population.best).toBe(rows[0]);
  });

  test("without any score copies nobody", async () => {
    const population = populationOf(diaries(4, () => Number.NEGATIVE_INFINITY));
    await population.run(2);
    expect(population.lineage.map(({ score, parent }) => [score, parent])).toEqual(Array(8).fill([null, null]));
    expect(JSON.parse(JSON.stringify(population.lineage))).toEqual(population.lineage);
  });

  test("is told to whom it may concern", async () => {
    const population = populationOf(diaries(3));
    const seen: Lineage<{ lr: number }>[] = [];
    const saved: PopulationCheckpoint<{ lr: number }, readonly string[]>[] = [];
    const best = await population.run(2, {
      onGeneration: async (rows) => {
        seen.push(rows);
        saved.push(await population.save());
      },
    });
    expect(seen.flat()).toEqual(population.lineage);
    expect(saved.map(({ lineage }) => lineage.length)).toEqual([3, 6]);
    expect(best).toBe(population.best);
  });
});

describe("a population of networks", () => {
  const SIZE = 5;
  const create = learner;
  const make = (seed: number, options?: LearnerOptions) => {
    const learners = Array.from({ length: SIZE }, (_, i) => create(i, options));
    const members = learners.map(({ member }) => member);
    return new PopulationBasedTraining<LearnerHyper, LocalCheckpoint>(members, LEARNER_SPACE, {
      mode: "max",
      quantile: 0.4,
      seed,
    });
  };
  const plain = (population: { save(): Promise<unknown> }): Promise<unknown> => population.save().then(packTensors);

  test("replays from the lineage to the same weights, bit for bit, through JSON and for every member", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(100), async (seed) => {
        const population = make(seed);
        await population.run(5);
        const lineage = JSON.parse(JSON.stringify(population.lineage)) as typeof population.lineage;
        const { members } = await population.save();
        for (let i = 0; i < SIZE; i++) {
          const path = ancestry(lineage, i);
          const { member, scores } = await replay((number) => create(number).member, path);
          expect(scores).toEqual(path.map(({ score }) => score));
          expect(await packTensors(await member.save())).toEqual(await packTensors(members[i]));
        }
      }),
      { numRuns: 3 },
    );
  });

  test("goes on from the checkpoint of any generation as if it had never stopped", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(100), fc.integer({ min: 0, max: 4 }), async (seed, at) => {
        const straight = make(seed);
        await straight.run(at);
        const checkpoint = await straight.save();
        await straight.run(5 - at);
        const resumed = make(seed + 1);
        await resumed.run(2);
        await resumed.load(checkpoint);
        await resumed.run(5 - at);
        expect(resumed.lineage).toEqual(straight.lineage);
        expect(await plain(resumed)).toEqual(await plain(straight));
      }),
      { numRuns: 5 },
    );
  });

  test("is the same with 1, 2 and 3 threads", async () => {
    const ends: unknown[] = [];
    for (const threads of [1, 2, 3]) {
      setBackend(wasm({ threads }));
      const population = make(1, { width: 384, batchSize: 512, steps: 1 });
      await population.run(3);
      expect(population.lineage.some(({ parent }) => parent !== null)).toBe(true);
      ends.push(await plain(population));
    }
    expect(ends[1]).toEqual(ends[0]);
    expect(ends[2]).toEqual(ends[0]);
  });

  test("a copy goes on as its original where hyperparameters are kept: with its moments, its statistics and its random numbers", async () => {
    const [a, b] = [create(0), create(1)];
    const hyper = { lr: 0.01, weightDecay: 0.1, dropout: 0.3 };
    await a.member.train(hyper, 0);
    await b.member.train({ ...hyper, lr: 0.02 }, 0);
    const checkpoint = await a.member.save();
    const kept = await packTensors(checkpoint);
    await b.member.load(checkpoint);
    expect(await b.member.train(hyper, 1)).toBe(await a.member.train(hyper, 1));
    expect(await packTensors(await b.member.save())).toEqual(await packTensors(await a.member.save()));
    // The two share nothing that training changes.
    expect(await packTensors(checkpoint)).toEqual(kept);
  });
});

describe("a member that throws", () => {
  const failing = (task: "train" | "save" | "load", number: number, generation: number): Diary[] => {
    const members = diaries(4);
    const member = members[number]!;
    const fail = (): never => {
      throw new Error("out of paper");
    };
    const train = member.train.bind(member);
    const [save, load] = [member.save.bind(member), member.load.bind(member)];
    let isOn = true;
    member.train = async (hyper, g) => (isOn && task === "train" && g === generation ? fail() : train(hyper, g));
    member.save = () => (isOn && task === "save" ? fail() : save());
    member.load = (pages) => (isOn && task === "load" ? fail() : load(pages));
    Object.assign(member, { mend: () => (isOn = false) });
    return members;
  };
  const mend = (member: Diary): void => (member as Diary & { mend(): void }).mend();

  test("is named, and the generation can be tried again as if nothing had been", async () => {
    const members = failing("train", 2, 3);
    const population = populationOf(members, { quantile: 0.5 });
    await population.run(3);
    const before = await population.save();
    const error = await population.step().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(MemberError);
    expect(error).toMatchObject({ member: 2, generation: 3, task: "train", cause: new Error("out of paper") });
    expect((error as Error).message).toBe(
      "PopulationBasedTraining.step: member 2 failed to train in generation 3 (out of paper); the population is as it was before",
    );
    expect(await population.save()).toEqual(before);

    mend(members[2]!);
    await population.step();
    const straight = populationOf(diaries(4), { quantile: 0.5 });
    await straight.run(4);
    expect(await population.save()).toEqual(await straight.save());
  });

  test("may also fail to save, or to take over, and to be put back", async () => {
    const saving = populationOf(failing("save", 1, 0));
    await expect(saving.step()).rejects.toThrow(
      "PopulationBasedTraining.step: member 1 failed to save in generation 0 (out of paper); the population is as it was before",
    );
    const loading = populationOf(failing("load", 0, 0), { initial: [0.1, 0.2, 0.3, 0.4].map((lr) => ({ lr })) });
    await loading.step();
    await expect(loading.step()).rejects.toThrow(
      "PopulationBasedTraining.step: member 0 failed to load in generation 1 (out of paper); it could not be put back after another failure; load() a checkpoint",
    );
    expect(loading.generation).toBe(1);
  });

  test("may give a score that is no number", async () => {
    const population = populationOf(diaries(2, () => "good" as never));
    await expect(population.step()).rejects.toThrow(
      'PopulationBasedTraining.step: member 0 failed to train in generation 0 (Member.train: the score is "good", expected a number); the population is as it was before',
    );
    expect(population.lineage).toEqual([]);
    expect(population.best).toBeNull();
  });
});

describe("rejects", () => {
  const two = diaries(2);
  const make = (options: object, members: readonly unknown[] = two, space: object = SPACE) =>
    new PopulationBasedTraining(members as never, space as never, { mode: "max", ...options } as never);

  test.each<[string, () => unknown]>([
    ["PopulationBasedTraining: a population of 1; pass a list of two members or more", () => make({}, [two[0]])],
    [
      "PopulationBasedTraining: the members are an object; pass a list of two members or more",
      () => make({}, {} as never),
    ],
    [
      "PopulationBasedTraining: members[1] is members[0] again; make a member for each place",
      () => make({}, [two[0], two[0]]),
    ],
    [
      "PopulationBasedTraining: members[1] is an object; pass localMember(…), or { train, save, load }",
      () => make({}, [two[0], {}]),
    ],
    ["PopulationBasedTraining: quantile is 0.6, expected a number in [0, 0.5]", () => make({ quantile: 0.6 })],
    ["PopulationBasedTraining: quantile is -0.1, expected a number in [0, 0.5]", () => make({ quantile: -0.1 })],
    ["PopulationBasedTraining: quantile is NaN, expected a number in [0, 0.5]", () => make({ quantile: Number.NaN })],
    [
      "PopulationBasedTraining: resampleProbability is 2, expected a number in [0, 1]; factors is [1], expected two numbers > 0; seed is 0.5, expected an integer",
      () => make({ resampleProbability: 2, factors: [1], seed: 0.5 }),
    ],
    ['PopulationBasedTraining: mode is "best", expected "max" or "min"', () => make({ mode: "best" })],
    [
      "PopulationBasedTraining: quantil is unknown (known: mode, quantile, resampleProbability, factors, seed, initial)",
      () => make({ quantil: 0.2 }),
    ],
    [
      "PopulationBasedTraining: the space is empty; name what is to be found, such as { lr: logUniform(…) }",
      () => make({}, two, {}),
    ],
    [
      "PopulationBasedTraining: the space is [0.1]; pass domains by name, such as { lr: logUniform(…) }",
      () => make({}, two, [0.1]),
    ],
    [
      "PopulationBasedTraining: the domain of lr is [0.1, 0.2]; pass uniform(…), logUniform(…), integer(…) or choice(…)",
      () => make({}, two, { lr: [0.1, 0.2] }),
    ],
    [
      "PopulationBasedTraining: score is the name of a column of the log; give the hyperparameter another one",
      () => make({}, two, { score: SPACE.lr }),
    ],
    ["PopulationBasedTraining: initial has 1 entries for 2 members", () => make({ initial: [{ lr: 0.1 }] })],
    [
      "PopulationBasedTraining: initial[1].momentum is not in the space, which has lr; initial[1].lr is 2, expected a number in [0.001, 1]",
      () => make({ initial: [{ lr: 0.1 }, { lr: 2, momentum: 0.9 }] }),
    ],
    ["PopulationBasedTraining: expected options { lr }, got 0.1", () => make({ initial: [0.1, 0.2] })],
  ])("%s", (message, fn) => {
    expect(fn).toThrow(ArgumentError);
    expect(fn).toThrow(expect.objectContaining({ message }));
  });

  test("what is asked of a population that is under way", async () => {
    const population = populationOf(diaries(2));
    const first = population.step();
    await expect(population.save()).rejects.toThrow(
      "PopulationBasedTraining.save: the population is under way; await what was called before",
    );
    await first;
    await expect(population.run(-1)).rejects.toThrow(
      "PopulationBasedTraining.run: generations is -1, expected an integer ≥ 0",
    );
    expect(population.generation).toBe(1);
  });

  test("a checkpoint that does not fit, with all that is wrong, and is as it was", async () => {
    const population = populationOf(diaries(2));
    await population.run(2);
    const good = await population.save();
    const rows = good.lineage;
    const load = (checkpoint: unknown) => population.load(checkpoint as typeof good);
    const rejected = async (checkpoint: unknown, ...problems: string[]): Promise<void> => {
      const error = await load(checkpoint).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StateDictError);
      expect((error as Error).message).toBe(
        `PopulationBasedTraining.load: the checkpoint does not fit:\n  ${problems.join("\n  ")}\n; make the population as it was when the checkpoint was saved, with the same space`,
      );
    };
    await rejected(null, "members is undefined, expected a list", "generator is undefined, expected { seed, counter }");
    await rejected({ ...good, members: [[]] }, "the checkpoint has 1 members, the population 2");
    await rejected({ ...good, lineage: "none" }, 'lineage is "none", expected a list of rows');
    await rejected({ ...good, lineage: rows.slice(1) }, "lineage has 3 rows, expected 2 for each generation");
    const [first] = rows;
    const others = rows.slice(1);
    await rejected(
      { ...good, lineage: [...others, first] },
      "lineage[0] is not that of member 0 in generation 0",
      "lineage[1] is not that of member 1 in generation 0",
      "lineage[2] is not that of member 0 in generation 1",
      "lineage[3] is not that of member 1 in generation 1",
    );
    await rejected(
      { ...good, lineage: [{ ...first, parent: 1, score: "1", hyperparameters: { lr: 7 }, origins: null }, ...others] },
      "lineage[0].parent is 1, expected null or one of 2 members",
      'lineage[0].score is "1", expected a finite number or null',
      "lineage[0].origins is null, expected an origin for each name",
      "lineage[0].lr is 7, expected a number in [0.001, 1]",
    );
    await rejected(
      { ...good, lineage: [{ ...first, hyperparameters: undefined }, ...others] },
      "lineage[0].hyperparameters is undefined, expected an object",
    );
    expect(await population.save()).toEqual(good);
  });
});
