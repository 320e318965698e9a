import { afterEach, describe, expect, test } from "vitest";
import type { Task } from "../workloads/task.ts";
import { Contender } from "./contender.ts";

/** Every kind of task meets another fate. */
const PROGRAM = `
const say = (message) => console.log(JSON.stringify(message));
const fates = {
  matmul: () => say({ made: true }),
  conv: () => say({ made: true, variant: "jit" }),
  chain: () => say({ unable: "has no chain" }),
  step: () => say({ failed: "too few parameters" }),
  addOnTape: () => { throw new Error("broken"); },
  addUndisposed: () => {},
};
console.log("a banner of the library");
say({ library: "fake 1.0", runtime: "Node", threads: 1 });
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { run, make } = JSON.parse(line);
  if (run !== undefined) say({ ms: 2 * run });
  else fates[make.kind]();
});`;

const task = (kind: Task["kind"]): Task => ({ kind }) as Task;

describe("Contender", () => {
  const contender = new Contender(
    "fake",
    { command: process.execPath, args: ["-e", PROGRAM], env: {}, patience: 60 },
    null,
  );
  afterEach(() => contender.stop());

  test("says hello, whatever else is printed", async () => {
    expect(await contender.start()).toEqual({ library: "fake 1.0", runtime: "Node", threads: 1 });
  });

  test("makes a task and gives the time of one call", async () => {
    expect(await contender.make(task("matmul"))).toBeNull();
    expect(await contender.run(5)).toBe(2);
  });

  test("names the variant that was chosen", async () => {
    expect(await contender.make(task("conv"))).toBe("jit");
  });

  test.each([
    ["chain", "has no chain"],
    ["step", "failed: too few parameters"],
  ] as const)("tells why there is no time: %s", async (kind, problem) => {
    await expect(contender.make(task(kind))).rejects.toThrow(problem);
    expect(await contender.make(task("matmul"))).toBeNull();
  });

  test("reports a crash, and starts anew", async () => {
    await expect(contender.make(task("addOnTape"))).rejects.toThrow("crashed (1): Error: broken");
    await expect(contender.run(1)).rejects.toThrow("ended");
    expect(await contender.make(task("matmul"))).toBeNull();
  });

  test("gives up on who takes too long, and starts anew", async () => {
    const hasty = new Contender("fake", contender.launch, 0.1);
    await expect(hasty.make(task("addUndisposed"))).rejects.toThrow("took more than 0.1 s");
    expect(await hasty.start()).toMatchObject({ library: "fake 1.0" });
    hasty.stop();
  });

  test("reports a program that does not exist", async () => {
    const nobody = new Contender("nobody", { ...contender.launch, command: "./no-such-program" }, null);
    await expect(nobody.start()).rejects.toThrow("no-such-program");
  });
});
