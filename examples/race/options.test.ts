import { expect, test } from "vitest";
import { UsageError } from "../cli/arguments.ts";
import { parseOptions } from "./options.ts";

test("has defaults for everything", () => {
  const { fn, ...others } = parseOptions([]);
  expect(fn.name).toBe("beale");
  expect(others).toEqual({ steps: 300, out: "race", seed: 0, help: false });
});

test("reads every option", () => {
  const { fn, ...others } = parseOptions("--function himmelblau --steps 1e2 --out there --seed=7 --help".split(" "));
  expect(fn.name).toBe("himmelblau");
  expect(others).toEqual({ steps: 100, out: "there", seed: 7, help: true });
});

test.each([
  ["--function=saddle", "--function must be one of quadratic, booth, rosenbrock, "],
  ["--steps=0", '--steps must be an integer of at least 1, got "0"'],
  ["--seed=x", '--seed must be an integer of at least 0, got "x"'],
  ["--lr=1", "Unknown option '--lr'"],
])("rejects %s", (option, problem) => {
  const read = () => parseOptions([option]);
  expect(read).toThrow(UsageError);
  expect(read).toThrow(problem);
});
