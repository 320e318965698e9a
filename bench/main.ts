import { OURS, ours, PEERS } from "./contenders.ts";
import { simdLimit } from "./limit.ts";
import { measure } from "./measure.ts";
import { help, type Options, parseOptions, UsageError } from "./options.ts";
import { Missing } from "./peers/install.ts";
import { Contender, NoTime } from "./protocol/contender.ts";
import { commitName, type Machine, machineName } from "./report/machine.ts";
import { markdown, text } from "./report/print.ts";
import { type Measured, tablesOf } from "./report/table.ts";

/** Starts ours and the others; those that cannot start are errors, or left out if `all` were asked for. */
async function contendersOf(options: Options): Promise<Pick<Machine, "leftOut"> & { contenders: Contender[] }> {
  const contenders = [new Contender(OURS, ours(options), options.budget)];
  const leftOut: [string, string][] = [];
  await contenders[0]!.start();
  for (const name of options.against)
    try {
      const contender = new Contender(name, PEERS[name](options), options.budget);
      await contender.start();
      contenders.push(contender);
    } catch (error) {
      if (!(error instanceof Missing || error instanceof NoTime)) throw error;
      if (options.named) throw new Missing(`${name} cannot take part: ${error.message}`);
      console.error(`bench: ${name} is left out: ${error.message}`);
      leftOut.push([name, error.message]);
    }
  return { contenders, leftOut };
}

async function main(options: Options): Promise<void> {
  const [limit, commit] = [simdLimit(), commitName()];
  const { contenders, leftOut } = await contendersOf(options);
  const measured: Measured[] = [];
  for (const [i, workload] of options.workloads.entries()) {
    console.error(`bench: ${i + 1}/${options.workloads.length} ${workload.name}`);
    measured.push({ workload, results: await measure(workload.task, contenders, options.rounds) });
  }
  for (const contender of contenders) contender.stop();
  const machine: Machine = {
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    commit,
    rounds: options.rounds,
    threads: options.threads,
    limit,
    contenders: contenders.map(({ name, hello }) => ({ name, ...hello! })),
    leftOut,
  };
  if (options.format === "json") return console.log(JSON.stringify({ ...machine, measured }));
  const names = contenders.map(({ name }) => name);
  const tables = tablesOf(measured, names, limit * machine.contenders[0]!.threads);
  console.log((options.format === "markdown" ? markdown : text)(machine, tables));
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) console.log(help());
  else await main(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof Missing || error instanceof NoTime)) throw error;
  console.error(`bench: ${error.message}`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
