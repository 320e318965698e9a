import { parseArgs } from "node:util";
import { ABOUT, PEERS, type PeerName, type Setting } from "./contenders.ts";
import { BACKENDS } from "./ours/backends.ts";
import { GROUPS, isKnown, select, type Workload } from "./workloads/index.ts";

/** What the command line asks for. */
export interface Options extends Setting {
  readonly workloads: readonly Workload[];
  readonly against: readonly PeerName[];
  /** Whether the contenders were named one by one, so that one that cannot start is an error. */
  readonly named: boolean;
  readonly rounds: number;
  /** Seconds that one reply may take; `null` for what suits the contender. */
  readonly budget: number | null;
  readonly format: "text" | "markdown" | "json";
}

/** A command line that nobody can mean; its message is for people. */
export class UsageError extends Error {}

const PEER_NAMES = Object.keys(PEERS) as PeerName[];

/** Reads a command line; `null` where it asks for help. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parse(args);
  if (values.help) return null;
  const unknown = positionals.filter((word) => !isKnown(word));
  if (unknown.length > 0) throw new UsageError(`there is no workload ${unknown.join(", ")}\n\n${workloadHelp()}`);
  const against = values.against === "all" ? PEER_NAMES : list(values.against ?? "").map(peer);
  const { backend = null, json = false, markdown = false } = values;
  if (backend !== null && !Object.hasOwn(BACKENDS, backend))
    throw new UsageError(`--backend must be one of ${Object.keys(BACKENDS).join(", ")}, got "${backend}"`);
  if (json && markdown) throw new UsageError("--json and --markdown exclude each other");
  return {
    workloads: select(positionals),
    against: [...new Set(against)],
    named: values.against !== "all",
    threads: count("threads", values.threads ?? "1"),
    rounds: count("rounds", values.rounds ?? "15"),
    budget: values.budget === undefined ? null : count("budget", values.budget),
    backend,
    python: values.python ?? null,
    format: json ? "json" : markdown ? "markdown" : "text",
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        against: { type: "string" },
        threads: { type: "string" },
        rounds: { type: "string" },
        budget: { type: "string" },
        backend: { type: "string" },
        python: { type: "string" },
        json: { type: "boolean" },
        markdown: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const list = (text: string): string[] => text.split(",").filter((word) => word !== "");

function peer(name: string): PeerName {
  const found = PEER_NAMES.find((candidate) => candidate === name);
  if (found === undefined) throw new UsageError(`--against takes ${PEER_NAMES.join(", ")} or all, got "${name}"`);
  return found;
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || text.trim() === "")
    throw new UsageError(`--${option} must be an integer of at least 1, got "${text}"`);
  return value;
}

const rows = (entries: readonly (readonly [string, string])[]): string =>
  entries.map(([name, what]) => `  ${name.padEnd(20)}${what}`).join("\n");

const workloadHelp = (): string =>
  `Workloads, by name or by group:\n${GROUPS.map(
    (group) => `\n ${group}\n${rows(select([group]).map(({ name, what }) => [name, what]))}`,
  ).join("\n")}`;

export const help = (): string => `npm run bench -- [workload…] [options]

Times descent, alone or side by side with other libraries. Without a name, every workload runs.

${rows([
  ["--against LIST", "other contenders, with commas between them, or all"],
  ["--backend NAME", `of descent: ${Object.keys(BACKENDS).join(", ")}; default: the one that descent chooses`],
  ["--threads N", "that every contender may use; default 1"],
  ["--rounds N", "samples of each workload and contender; default 15"],
  ["--budget N", "seconds that one reply of a contender may take; default 30, or 10 for tfjs-cpu"],
  ["--python PATH", "a Python that can import torch; default: DESCENT_BENCH_PYTHON, or the first python3 that can"],
  ["--json", "prints every sample, for programs"],
  ["--markdown", "prints the tables of docs/benchmarks.md"],
])}

Contenders:
${rows(Object.entries(ABOUT))}

${workloadHelp()}`;
