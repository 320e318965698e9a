import { describe, expect, test } from "vitest";
import { UsageError } from "./arguments.ts";
import { parseOptions } from "./options.ts";

describe("parseOptions", () => {
  test("has defaults for everything", () => {
    expect(parseOptions([])).toEqual({
      epochs: 5,
      trainSize: 60_000,
      batchSize: 64,
      lr: 0.03,
      seed: 0,
      backend: "wasm",
      threads: null,
      json: false,
      help: false,
    });
  });

  test("has the defaults of the backend it names", () => {
    expect(parseOptions(["--backend", "cpu"])).toMatchObject({ epochs: 2, trainSize: 6000 });
  });

  test("reads every option", () => {
    const line =
      "--epochs 3 --train-size=6e4 --batch-size 1 --lr .5 --seed 9007199254740991 --backend cpu --threads 2 --json --help";
    expect(parseOptions(line.split(" "))).toEqual({
      epochs: 3,
      trainSize: 60_000,
      batchSize: 1,
      lr: 0.5,
      seed: Number.MAX_SAFE_INTEGER,
      backend: "cpu",
      threads: 2,
      json: true,
      help: true,
    });
  });

  test.each([
    ["--epochs=0", '--epochs must be an integer of at least 1, got "0"'],
    ["--epochs=1.5", '--epochs must be an integer of at least 1, got "1.5"'],
    ["--train-size=60001", '--train-size must be an integer from 1 to 60000, got "60001"'],
    ["--batch-size=", '--batch-size must be an integer from 1 to 60000, got ""'],
    ["--batch-size=many", '--batch-size must be an integer from 1 to 60000, got "many"'],
    ["--lr=0", '--lr must be a positive number, got "0"'],
    ["--lr=Infinity", '--lr must be a positive number, got "Infinity"'],
    ["--lr=NaN", '--lr must be a positive number, got "NaN"'],
    ["--seed=-1", '--seed must be an integer of at least 0, got "-1"'],
    ["--seed=9007199254740992", '--seed must be an integer of at least 0, got "9007199254740992"'],
    ["--backend=toString", '--backend must be one of wasm, cpu, gpu, got "toString"'],
    ["--threads=0", '--threads must be an integer of at least 1, got "0"'],
    ["--epoch=3", "Unknown option '--epoch'"],
    ["--lr", "Option '--lr <value>' argument missing"],
    ["--json=1", "Option '--json' does not take an argument"],
    ["3", "Unexpected argument '3'"],
    ["--lr -1", "Option '--lr' argument is ambiguous"],
  ])("rejects %s", (line, problem) => {
    const read = () => parseOptions(line.split(" "));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(new RegExp(`^${problem.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}.*; --help lists the options$`));
  });
});
