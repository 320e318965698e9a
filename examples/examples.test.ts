import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { nn, Parameter, zeros } from "descent";
import { LSTMOptimizer } from "descent/learned";
import { afterAll, describe, expect, test } from "vitest";
import { CONTENDERS } from "./race/contenders.ts";

const TIMEOUT = 120_000;
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const CHECKPOINT = "checkpoints/mnist-lenet.safetensors";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A program of this folder as a process of its own, in an empty folder of its own. */
class Run {
  readonly cwd = mkdtempSync(join(tmpdir(), "descent-example-"));
  readonly child: ChildProcess;
  readonly ended: Promise<this>;
  stdout = "";
  stderr = "";

  constructor(file: string, args: readonly string[] = [], prepare?: (cwd: string) => void) {
    folders.push(this.cwd);
    prepare?.(this.cwd);
    const program = fileURLToPath(new URL(file, import.meta.url));
    this.child = spawn(process.execPath, ["--import", TSX, program, ...args], { cwd: this.cwd });
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, "close").then(() => this);
  }

  get lines(): string[] {
    return this.stdout.trimEnd().split("\n");
  }

  /** The object on the last line of `--json`. */
  get json(): Record<string, unknown> {
    return JSON.parse(this.lines.at(-1)!) as Record<string, unknown>;
  }

  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text)) await once(this.child.stdout!, "data");
  }

  load(): ReturnType<typeof nn.loadSafetensors> {
    return nn.loadSafetensors(join(this.cwd, CHECKPOINT));
  }
}

describe("xor.ts", () => {
  test("learns the table", { timeout: TIMEOUT }, async () => {
    const { child, stdout } = await new Run("xor.ts").ended;
    expect(child.exitCode).toBe(0);
    const predictions = stdout.slice(stdout.indexOf("predictions")).match(/\d\.\d+/g)!;
    expect(predictions.map(Number).map(Math.round)).toEqual([0, 1, 1, 0]);
  });
});

describe("mnist-lenet.ts", () => {
  test("trains, tests, saves and reports; the same seed gives the same file", { timeout: TIMEOUT }, async () => {
    const args = ["--epochs", "1", "--train-size", "256", "--batch-size", "100", "--seed", "7", "--json"];
    const [a, b] = await Promise.all([
      new Run("mnist-lenet.ts", args).ended,
      new Run("mnist-lenet.ts", args).ended,
    ] as const);

    expect(a.child.exitCode).toBe(0);
    expect(a.json).toEqual({
      testAccuracy: expect.any(Number),
      trainLoss: expect.any(Number),
      steps: 3,
      secondsPerEpoch: expect.any(Number),
      backend: "wasm",
      seed: 7,
    });
    expect(a.json.testAccuracy).toBeGreaterThan(0);
    expect(a.json.testAccuracy).toBeLessThan(1);
    expect(a.stdout).toContain("(0): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))");
    expect(a.stdout).toContain("parameters  61,706");
    expect(a.stdout).toContain("256 images, 1 epoch of 3 steps, batches of 100");
    expect(a.stdout).toMatch(/^epoch 1\/1 {2}training loss 2\.\d{4} {2}test accuracy \d+\.\d\d %/m);
    expect(a.stdout).toContain(`Weights: ${CHECKPOINT}`);

    const sha = ({ cwd }: Run): string =>
      createHash("sha256")
        .update(readFileSync(join(cwd, CHECKPOINT)))
        .digest("hex");
    expect(sha(a)).toBe(sha(b));
    expect(a.json.testAccuracy).toBe(b.json.testAccuracy);
    const weights = await a.load();
    expect(weights["0.weight"]!.shape).toEqual([6, 1, 5, 5]);
    expect(weights["11.bias"]!.shape).toEqual([10]);
  });

  test.each([
    ["SIGINT", 130, "Stopped by Ctrl-C after "],
    ["SIGTERM", 143, "Stopped by SIGTERM after "],
  ] as const)("keeps what it learned on %s", { timeout: TIMEOUT }, async (signal, exitCode, text) => {
    const run = new Run("mnist-lenet.ts", ["--json"]);
    await run.printed("Ctrl-C stops");
    run.child.kill(signal);
    await run.ended;
    expect(run.child.exitCode).toBe(exitCode);
    expect(run.stdout).toContain(text);
    expect(run.json).toMatchObject({ testAccuracy: null, trainLoss: expect.any(Number), secondsPerEpoch: null });
    expect(run.json.steps).toBeGreaterThan(0);
    expect(Object.keys(await run.load()).length).toBe(10);
  });

  test("takes the reference backend where asked to, which has one thread", { timeout: TIMEOUT }, async () => {
    const args = ["--backend=cpu", "--epochs=1", "--train-size=64", "--json"];
    const [one, two] = await Promise.all([
      new Run("mnist-lenet.ts", args).ended,
      new Run("mnist-lenet.ts", [...args, "--threads=2"]).ended,
    ] as const);
    expect([one.child.exitCode, one.json.backend]).toEqual([0, "cpu"]);
    const problem = 'mnist-lenet: setNumThreads: backend "cpu" has one thread; call setBackend(wasm()) first\n';
    expect([two.child.exitCode, two.stderr]).toEqual([1, problem]);
  });

  test("rejects a bad option with one line, before any work", { timeout: TIMEOUT }, async () => {
    const { child, stdout, stderr } = await new Run("mnist-lenet.ts", ["--epochs=0"]).ended;
    const problem = 'mnist-lenet: --epochs must be an integer of at least 1, got "0"; --help lists the options\n';
    expect([child.exitCode, stdout, stderr]).toEqual([2, "", problem]);
  });

  test("shows its options", { timeout: TIMEOUT }, async () => {
    const { child, stdout, stderr } = await new Run("mnist-lenet.ts", ["--help"]).ended;
    expect([child.exitCode, stderr]).toEqual([0, ""]);
    for (const name of ["epochs", "train-size", "batch-size", "lr", "seed", "backend", "threads", "json", "help"])
      expect(stdout).toMatch(new RegExp(`^  --${name} .*\\S`, "m"));
  });

  test("finds out before training that nothing can be saved", { timeout: TIMEOUT }, async () => {
    const block = (cwd: string): void => writeFileSync(join(cwd, "checkpoints"), "");
    const { child, stdout, stderr } = await new Run("mnist-lenet.ts", [], block).ended;
    expect([child.exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toBe("mnist-lenet: training: cannot write to checkpoints (EEXIST)\n");
  });

  test("says so when training diverges", { timeout: TIMEOUT }, async () => {
    const { child, stderr } = await new Run("mnist-lenet.ts", ["--lr", "1e20"]).ended;
    expect(child.exitCode).toBe(1);
    expect(stderr).toMatch(/^mnist-lenet: training: the loss is \w+ in step \d+; try a smaller --lr\n$/);
  });
});

describe("optimizer-race.ts", () => {
  test("ranks every optimizer, and draws where they went", { timeout: TIMEOUT }, async () => {
    const args = ["--function", "rosenbrock", "--steps", "3", "--out", "pictures", "--seed", "1"];
    const { child, cwd, lines } = await new Run("optimizer-race.ts", args).ended;
    expect(child.exitCode).toBe(0);
    expect(lines[0]).toContain("rosenbrock from (-1.2, 1), 3 evaluations");
    const rows = lines.filter((line) => /^ *\d+ {2}/.test(line));
    expect(rows.map((row) => Number.parseInt(row, 10))).toEqual(CONTENDERS.map((_, i) => i + 1));
    for (const { name } of CONTENDERS) expect(rows.filter((row) => row.slice(4, 26).trim() === name)).toHaveLength(1);
    for (const name of ["best", "all"]) {
      expect(readFileSync(join(cwd, "pictures", `${name}.svg`), "utf8")).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
      expect(
        readFileSync(join(cwd, "pictures", `${name}.png`))
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
    }
  });

  test("rejects a bad option with one line", { timeout: TIMEOUT }, async () => {
    const { child, stdout, stderr } = await new Run("optimizer-race.ts", ["--steps=0"]).ended;
    const problem = 'optimizer-race: --steps must be an integer of at least 1, got "0"; --help lists the options\n';
    expect([child.exitCode, stdout, stderr]).toEqual([2, "", problem]);
  });

  test("shows its options", { timeout: TIMEOUT }, async () => {
    const { child, stdout } = await new Run("optimizer-race.ts", ["--help"]).ended;
    expect(child.exitCode).toBe(0);
    for (const name of ["function", "steps", "out", "seed", "help"])
      expect(stdout).toMatch(new RegExp(`^  --${name} .*\\S`, "m"));
  });
});

describe("learned-optimizer.ts", () => {
  const args = ["--steps=4", "--inner-steps=6", "--problems=2", "--out=race", "--seed=3"];

  test("trains, races, draws and saves weights; the same seed gives the same", { timeout: TIMEOUT }, async () => {
    const [a, b] = await Promise.all([
      new Run("learned-optimizer.ts", args).ended,
      new Run("learned-optimizer.ts", args).ended,
    ] as const);
    expect([a.child.exitCode, a.stderr]).toEqual([0, ""]);
    expect(a.stdout).toBe(b.stdout);
    expect(a.stdout).toContain("It was trained for 4 windows of 6 steps.");
    const rows = a.lines.slice(a.lines.findIndex((line) => line.startsWith("optimizer ")) + 1, -2);
    const names = rows.map((row) =>
      row
        .slice(0, 24)
        .replace(/, lr [\d.e-]+/, "")
        .trim(),
    );
    expect(names).toEqual(["SGD", "SGD, momentum 0.9", "Adam", "learned"]);
    for (const name of ["race", "meta-training"]) {
      expect(readFileSync(join(a.cwd, "race", `${name}.svg`), "utf8")).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
      expect(existsSync(join(a.cwd, "race", `${name}.png`))).toBe(true);
    }
    const weights = await nn.loadSafetensors(join(a.cwd, "race", "weights.safetensors"));
    expect(new LSTMOptimizer([new Parameter(zeros([2]))], { weights }).weights).toBe(weights);
  });

  test.each(["classification", "mnist"])("learns to optimize %s, too", { timeout: TIMEOUT }, async (family) => {
    const { child, stdout, stderr } = await new Run("learned-optimizer.ts", [`--family=${family}`, ...args]).ended;
    expect([child.exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^learned +[\d.]+ +[\d.]+ +[\d.]+ +[012] of 2$/m);
  });

  test("shows its options", { timeout: TIMEOUT }, async () => {
    const { child, stdout } = await new Run("learned-optimizer.ts", ["--help"]).ended;
    expect(child.exitCode).toBe(0);
    for (const name of ["family", "steps", "inner-steps", "problems", "out", "seed", "help"])
      expect(stdout).toMatch(new RegExp(`^  --${name} .*\\S`, "m"));
  });
});

describe("population-based-training.ts", () => {
  test("finds a schedule, compares it with a random search, and draws both", { timeout: TIMEOUT }, async () => {
    const args = ["--members=3", "--generations=2", "--train-size=100", "--out=pictures", "--seed=1"];
    const [a, b] = await Promise.all([
      new Run("population-based-training.ts", args).ended,
      new Run("population-based-training.ts", args).ended,
    ] as const);
    expect([a.child.exitCode, a.lines[0]]).toEqual([0, "3 LeNets, 2 passes over 100 digits"]);
    expect(a.stdout).toMatch(/^population +\d+\.\d\d % +\d+\.\d\d % /m);
    expect(a.stdout).toMatch(/^random search +\d+\.\d\d % +\d+\.\d\d % /m);
    expect(a.lines.filter((line) => /^[01] +[012] /.test(line))).toHaveLength(2);
    expect(b.stdout).toBe(a.stdout);
    for (const name of ["lineage", "schedule"])
      expect(readFileSync(join(a.cwd, "pictures", `${name}.svg`), "utf8")).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
  });

  test("rejects a bad option with one line", { timeout: TIMEOUT }, async () => {
    const { child, stdout, stderr } = await new Run("population-based-training.ts", ["--members=1"]).ended;
    const problem =
      'population-based-training: --members must be an integer of at least 2, got "1"; --help lists the options\n';
    expect([child.exitCode, stdout, stderr]).toEqual([2, "", problem]);
  });

  test("shows its options", { timeout: TIMEOUT }, async () => {
    const { child, stdout } = await new Run("population-based-training.ts", ["--help"]).ended;
    expect(child.exitCode).toBe(0);
    for (const name of ["members", "generations", "train-size", "seed", "out", "help"])
      expect(stdout).toMatch(new RegExp(`^  --${name} .*\\S`, "m"));
  });
});
