import { ArgumentError } from "@descent/core";
import { describe, expect, test } from "vitest";
import { ancestry, type LineageRow, lineageEdges, replay, schedule } from "./index.ts";

type Row = LineageRow<{ lr: number }>;
const row = (generation: number, member: number, parent: number | null, lr: number): Row => ({
  generation,
  member,
  parent,
  score: lr,
  hyperparameters: { lr },
  origins: { lr: generation === 0 ? "sampled" : parent === null ? "kept" : "perturbed" },
});

/** Two members: 1 copies 0 in generation 1, 0 copies 1 in generation 2. */
const LINEAGE = [
  row(0, 0, null, 2),
  row(0, 1, null, 1),
  row(1, 0, null, 2),
  row(1, 1, 0, 3),
  row(2, 0, 1, 4),
  row(2, 1, null, 3),
];
const places = (rows: readonly Row[]): string[] => rows.map(({ generation, member }) => `${generation}.${member}`);

describe("ancestry", () => {
  test("goes back from parent to parent", () => {
    expect(places(ancestry(LINEAGE, 0))).toEqual(["0.0", "1.1", "2.0"]);
    expect(places(ancestry(LINEAGE, 1))).toEqual(["0.0", "1.1", "2.1"]);
    expect(places(ancestry(LINEAGE, 0, 1))).toEqual(["0.0", "1.0"]);
    expect(places(ancestry(LINEAGE, 1, 0))).toEqual(["0.1"]);
  });

  test.each<[string, () => unknown]>([
    ["ancestry: expected the rows of a lineage, got []; pass population.lineage", () => ancestry([], 0)],
    [
      "ancestry: there is no row of member 2 in generation 2; pass a whole lineage, and one of its members",
      () => ancestry(LINEAGE, 2),
    ],
    [
      "ancestry: there is no row of member 0 in generation 3; pass a whole lineage, and one of its members",
      () => ancestry(LINEAGE, 0, 3),
    ],
    [
      "ancestry: there is no row of member 1 in generation 1; pass a whole lineage, and one of its members",
      () =>
        ancestry(
          LINEAGE.filter(({ generation }) => generation !== 1),
          0,
        ),
    ],
    [
      "ancestry: there is no row of member 0 in generation 0.5; pass a whole lineage, and one of its members",
      () => ancestry(LINEAGE, 0, 0.5),
    ],
  ])("%s", (message, fn) => {
    expect(fn).toThrow(ArgumentError);
    expect(fn).toThrow(expect.objectContaining({ message }));
  });
});

test("lineageEdges are the lines of the tree", () => {
  const lines = lineageEdges(LINEAGE).map(({ from, to, copied }) => [...places([from, to]), copied]);
  expect(lines).toEqual([
    ["0.0", "1.0", false],
    ["0.0", "1.1", true],
    ["1.1", "2.0", true],
    ["1.1", "2.1", false],
  ]);
});

describe("schedule", () => {
  test("is what the end of an ancestry lived through", () => {
    expect(schedule(ancestry(LINEAGE, 0), { interval: 50 })).toEqual([
      { generation: 0, member: 0, start: 0, end: 50, lr: 2, score: 2 },
      { generation: 1, member: 1, start: 50, end: 100, lr: 3, score: 3 },
      { generation: 2, member: 0, start: 100, end: 150, lr: 4, score: 4 },
    ]);
    expect(schedule(ancestry(LINEAGE, 1))[2]).toMatchObject({ start: 2, end: 3, lr: 3 });
  });

  test.each<[string, () => unknown]>([
    ["schedule: expected the rows of an ancestry, got []; pass ancestry(lineage, member)", () => schedule([])],
    [
      "schedule: row 1 is generation 0 of member 1, which does not go on from the row before; pass ancestry(lineage, member)",
      () => schedule(LINEAGE),
    ],
    [
      "schedule: row 1 is generation 1 of member 1, which does not go on from the row before; pass ancestry(lineage, member)",
      () => schedule([LINEAGE[1]!, LINEAGE[3]!]),
    ],
    ["schedule: interval is 0, expected a number > 0", () => schedule(ancestry(LINEAGE, 0), { interval: 0 })],
  ])("%s", (message, fn) => {
    expect(fn).toThrow(ArgumentError);
    expect(fn).toThrow(expect.objectContaining({ message }));
  });
});

test("replay rejects what is no ancestry, before anything is made", async () => {
  const create = (): never => {
    throw new Error("made");
  };
  await expect(replay(create, [LINEAGE[5]!])).rejects.toThrow(
    "replay: row 0 is generation 2 of member 1, which does not go on from the row before; pass ancestry(lineage, member)",
  );
  await expect(replay(null as never, LINEAGE)).rejects.toThrow("replay: createMember is null, expected a function");
});
