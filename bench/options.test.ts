import { describe, expect, test } from "vitest";
import { help, parseOptions, UsageError } from "./options.ts";

const parse = (line: string) => parseOptions(line.split(" ").filter((word) => word !== ""))!;

describe("parseOptions", () => {
  test("has defaults for everything", () => {
    const { workloads, ...options } = parse("");
    expect(options).toEqual({
      against: [],
      named: true,
      threads: 1,
      rounds: 15,
      budget: null,
      backend: null,
      python: null,
      format: "text",
    });
    expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length);
  });

  test("reads every option", () => {
    const line =
      "lenet --against torch,jax-js,torch --threads 2 --rounds=3 --budget 60 --backend cpu --python p --markdown";
    expect(parse(line)).toMatchObject({
      workloads: [{ name: "lenet" }],
      against: ["torch", "jax-js"],
      named: true,
      threads: 2,
      rounds: 3,
      budget: 60,
      backend: "cpu",
      python: "p",
      format: "markdown",
    });
  });

  test("takes groups and names together, each workload once", () => {
    const names = parse("xor overhead gemm-64").workloads.map(({ name }) => name);
    expect(names).toEqual(["gemm-64", "add-tape", "chain", "add-undisposed", "xor"]);
  });

  test("knows who all are", () => {
    const { against, named } = parse("--against all");
    expect(against).toEqual(["torch", "torch-tuned", "torch-foreach", "tfjs-wasm", "tfjs-cpu", "jax-js", "js-pytorch"]);
    expect(named).toBe(false);
  });

  test.each([
    ["lenett", "there is no workload lenett\n\nWorkloads, by name or by group:\n\n gemm\n  gemm-64 "],
    [
      "--against pytorch",
      '--against takes torch, torch-tuned, torch-foreach, tfjs-wasm, tfjs-cpu, jax-js, js-pytorch or all, got "pytorch"',
    ],
    ["--backend abacus", /^--backend must be one of wasm, cpu, got "abacus"$/],
    ["--threads 0", '--threads must be an integer of at least 1, got "0"'],
    ["--rounds=", '--rounds must be an integer of at least 1, got ""'],
    ["--budget 1.5", '--budget must be an integer of at least 1, got "1.5"'],
    ["--json --markdown", "--json and --markdown exclude each other"],
    ["--round 3", "Unknown option '--round'"],
  ])("rejects %s", (line, problem) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(problem);
  });

  test("answers to --help", () => {
    expect(parseOptions(["--help"])).toBeNull();
    expect(help()).toContain("  resnet20            ResNet-20 for CIFAR, batch of 64, SGD step");
  });
});
