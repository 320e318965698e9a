import { expect, test } from "vitest";
import { UsageError } from "../cli/arguments.ts";
import { FAMILIES } from "./families.ts";
import { parseOptions } from "./options.ts";

test("has defaults for everything", () => {
  const common = { innerSteps: 100, problems: 20, out: "learned", seed: 0, help: false };
  expect(parseOptions([])).toEqual({ family: "quadratics", steps: FAMILIES.quadratics.windows, ...common });
  expect(parseOptions(["--family=mnist"])).toEqual({ family: "mnist", steps: FAMILIES.mnist.windows, ...common });
});

test("reads every option", () => {
  const line = "--family classification --steps 1e2 --inner-steps 50 --problems=4 --out there --seed=7 --help";
  const expected = { steps: 100, innerSteps: 50, problems: 4, out: "there", seed: 7, help: true };
  expect(parseOptions(line.split(" "))).toEqual({ family: "classification", ...expected });
});

test.each([
  ["--family=cubics", '--family must be one of quadratics, classification, mnist, got "cubics"'],
  ["--steps=0", '--steps must be an integer of at least 1, got "0"'],
  ["--inner-steps=1.5", '--inner-steps must be an integer of at least 1, got "1.5"'],
  ["--problems=0", '--problems must be an integer of at least 1, got "0"'],
  ["--seed=x", '--seed must be an integer of at least 0, got "x"'],
  ["--lr=1", "Unknown option '--lr'"],
])("rejects %s", (option, problem) => {
  const read = () => parseOptions([option]);
  expect(read).toThrow(UsageError);
  expect(read).toThrow(problem);
});
