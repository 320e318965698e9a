import { arch, cpus, platform } from "node:os";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { getBackend, manualSeed } from "descent";
import { WORKLOADS, type Workload } from "./workloads.ts";

const HELP = `npm run bench -- [workload…] [--rounds 15] [--json]

${WORKLOADS.map(({ name, what }) => `  ${name.padEnd(8)}${what}`).join("\n")}`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "15" }, json: { type: "boolean" }, help: { type: "boolean" } },
});

interface Result {
  readonly name: string;
  readonly what: string;
  /** Microseconds of a call: the fastest sample, the middle one, and the slowest. */
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Samples every workload once per round, so that a slow minute of the machine hits all of them alike. */
function measure(workloads: readonly Workload[], rounds: number): Result[] {
  const runs = workloads.map((workload) => ({ workload, call: workload.make(), samples: [] as number[] }));
  for (const { call, workload } of runs) for (let i = 0; i < Math.max(3, workload.repeat); i++) call();
  for (let round = 0; round < rounds; round++)
    for (const { call, workload, samples } of runs) {
      const start = performance.now();
      for (let i = 0; i < workload.repeat; i++) call();
      samples.push(((performance.now() - start) * 1000) / workload.repeat);
    }
  return runs.map(({ workload: { name, what }, samples }) => {
    const sorted = samples.sort((a, b) => a - b);
    return { name, what, min: sorted[0]!, median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! };
  });
}

function main(): void {
  const unknown = positionals.filter((name) => !WORKLOADS.some((workload) => workload.name === name));
  const rounds = Number(values.rounds);
  if (values.help || unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    if (!values.help) console.error(`bench: cannot run ${unknown.join(", ") || `${values.rounds} rounds`}\n`);
    console.log(HELP);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  manualSeed(0);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${platform()} ${arch()}, Node ${process.version}, backend ${getBackend().name}`;
  const workloads = WORKLOADS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const results = measure(workloads, rounds);
  if (values.json) console.log(JSON.stringify({ machine, rounds, results }));
  else print(machine, rounds, results);
}

function print(machine: string, rounds: number, results: readonly Result[]): void {
  const time = (us: number): string =>
    us < 1 ? `${(us * 1000).toFixed(0)} ns` : us < 1000 ? `${us.toFixed(2)} µs` : `${(us / 1000).toFixed(1)} ms`;
  console.log(`${machine}\n${rounds} interleaved rounds, time of one call\n`);
  console.log(`${"".padEnd(46)}${["min", "median", "max"].map((head) => head.padStart(12)).join("")}`);
  for (const { what, min, median, max } of results)
    console.log(`${what.padEnd(46)}${[min, median, max].map((us) => time(us).padStart(12)).join("")}`);
}

main();
