import { describe, expect, test } from "vitest";
import type { Result } from "../measure.ts";
import { select } from "../workloads/index.ts";
import { markdown, text } from "./print.ts";
import { tablesOf } from "./table.ts";

const [gemm] = select(["gemm-64"]);
const [lenet] = select(["lenet"]);

const result = (contender: string, samples: readonly number[], more: Partial<Result> = {}): Result => ({
  contender,
  samples,
  variant: null,
  calls: 1,
  problem: null,
  ...more,
});

const measured = [
  {
    workload: gemm!,
    results: [
      result("descent", [10, 12, 20]),
      result("torch", [5, 6, 7]),
      result("jax-js", [40, 41, 42], { variant: "jit" }),
    ],
  },
  {
    workload: lenet!,
    results: [
      result("descent", [3000, 3100, 4000]),
      result("torch", [3100, 3200, 3300]),
      result("jax-js", [], { problem: "took more than 30 s" }),
    ],
  },
];
const machine = {
  date: "2026-01-31",
  machine: "2 × abacus",
  commit: "abc1234",
  rounds: 3,
  threads: 1,
  limit: 64,
  contenders: [{ name: "descent", library: "descent 1.0", runtime: "backend cpu", threads: 1 }],
  leftOut: [["tfjs-cpu", "npm could not\ninstall it"]] as const,
};
const tables = tablesOf(measured, ["descent", "torch", "jax-js"], 64);

describe("tablesOf", () => {
  test("compares ours with the fastest other and with PyTorch, and says what a near thing is", () => {
    expect(tables.tables).toEqual([
      {
        title: "gemm",
        head: ["", "descent", "torch", "jax-js", "of the 128-bit limit", "descent / fastest other", "descent / torch"],
        rows: [
          [
            "gemm-64",
            "10.0 / 12.0 µs, 52.4 GFLOP/s",
            "5.00 / 6.00 µs, 105 GFLOP/s",
            "40.0 / 41.0 µs, 13.1 GFLOP/s [1]",
            "82 %",
            "2.00 torch",
            "2.00",
          ],
        ],
      },
      {
        title: "training",
        head: ["", "descent", "torch", "jax-js", "descent / fastest other", "descent / torch"],
        rows: [["lenet", "3.00 / 3.10 ms", "3.10 / 3.20 ms", "– [2]", "0.97 (tie) torch", "0.97 (tie)"]],
      },
    ]);
    expect(tables.notes).toEqual(["jax-js: jit", "jax-js: took more than 30 s"]);
  });

  test("compares nothing where descent has no time", () => {
    const results = [result("descent", [], { problem: "crashed" }), result("torch", [1]), result("jax-js", [2])];
    const { tables } = tablesOf([{ workload: lenet!, results }], ["descent", "torch", "jax-js"], 64);
    expect(tables[0]!.rows).toEqual([["lenet", "– [1]", "1.00 / 1.00 µs", "2.00 / 2.00 µs", "", ""]]);
  });

  test("compares nothing where descent is alone", () => {
    const alone = tablesOf([{ workload: lenet!, results: [result("descent", [0.25])] }], ["descent"], 64);
    expect(alone.tables).toEqual([{ title: "training", head: ["", "descent"], rows: [["lenet", "250 / 250 ns"]] }]);
  });
});

test("text aligns columns", () => {
  const lines = text(machine, tables).split("\n");
  expect(lines).toContain("tfjs-cpu      left out: npm could not");
  expect(lines).toContain("training         descent           torch  jax-js  descent / fastest other  descent / torch");
  expect(lines).toContain("lenet     3.00 / 3.10 ms  3.10 / 3.20 ms   – [2]         0.97 (tie) torch       0.97 (tie)");
});

test("markdown makes tables", () => {
  const lines = markdown(machine, tables).split("\n");
  expect(lines).toContain("- descent: descent 1.0 (abc1234), backend cpu, 1 thread");
  expect(lines).toContain("| lenet | 3.00 / 3.10 ms | 3.10 / 3.20 ms | – [2] | 0.97 (tie) torch | 0.97 (tie) |");
  expect(lines).toContain("2. jax-js: took more than 30 s");
});
