import { exitWith, integer, parse, reject, reportErrors } from "../cli/arguments.ts";
import { FAMILIES, type FamilyName } from "./families.ts";

/** What the command line asks for. */
export interface LearnedOptions {
  readonly family: FamilyName;
  /** Windows of meta-training. */
  readonly steps: number;
  /** Steps that a problem is optimized for. */
  readonly innerSteps: number;
  /** Problems in the race, and as many to choose learning rates on. */
  readonly problems: number;
  readonly out: string;
  readonly seed: number;
  readonly help: boolean;
}

const NAMES = Object.keys(FAMILIES) as FamilyName[];

const HELP = `Trains an LSTM to optimize problems of a kind, and lets it race against SGD, momentum and Adam on new ones.

  node --import tsx examples/learned-optimizer.ts [options]

  --family NAME     the kind of problems (default: quadratics)
${NAMES.map((name) => `                    ${name}: ${FAMILIES[name].about}`).join("\n")}
  --steps N         windows of meta-training (default, two minutes or so: ${NAMES.map((name) => `${FAMILIES[name].windows} for ${name}`).join(", ")})
  --inner-steps N   steps that a problem is optimized for (default: 100)
  --problems N      problems in the race (default: 20)
  --out FOLDER      where weights and pictures go (default: learned)
  --seed N          the same seed gives the same weights (default: 0)
  --help            show this`;

/** Reads the command line; a bad one ends the program with one line. */
export function readOptions(args = process.argv.slice(2)): LearnedOptions {
  reportErrors("learned-optimizer");
  const options = parseOptions(args);
  if (options.help) exitWith(HELP);
  return options;
}

/** The options in a command line, or a UsageError. */
export function parseOptions(args: readonly string[]): LearnedOptions {
  const given = parse(args, ["family", "steps", "inner-steps", "problems", "out", "seed"], ["help"]);
  const name = given.family ?? "quadratics";
  const family = NAMES.find((known) => known === name) ?? reject("family", `one of ${NAMES.join(", ")}`, name);
  return {
    family,
    steps: integer("steps", given.steps, 1) ?? FAMILIES[family].windows,
    innerSteps: integer("inner-steps", given["inner-steps"], 1) ?? 100,
    problems: integer("problems", given.problems, 1) ?? 20,
    out: given.out ?? "learned",
    seed: integer("seed", given.seed, 0) ?? 0,
    help: given.help ?? false,
  };
}
