import { TEST_FUNCTIONS, type TestFunction } from "descent/test-functions";
import { exitWith, integer, parse, reject, reportErrors } from "../cli/arguments.ts";

/** What the command line of the race asks for. */
export interface RaceOptions {
  readonly fn: TestFunction;
  readonly steps: number;
  readonly out: string;
  readonly seed: number;
  readonly help: boolean;
}

/** Those that have an end to run to. */
const FUNCTIONS = TEST_FUNCTIONS.filter(({ minima }) => minima.length > 0);
const NAMES = FUNCTIONS.map(({ name }) => name).join(", ");

const HELP = `Lets all optimizers run down a function of the plane and teach a small network, prints who did how well, and draws the ways they went.

  node --import tsx examples/optimizer-race.ts [options]

  --function NAME   ${NAMES} (default: beale)
  --steps N         evaluations of the function, and training steps of the network (default: 300)
  --out FOLDER      where the pictures go (default: race)
  --seed N          the same seed gives the same network and the same data (default: 0)
  --help            show this`;

/** Reads the command line; a bad one ends the program with one line. */
export function readOptions(args = process.argv.slice(2)): RaceOptions {
  reportErrors("optimizer-race");
  const options = parseOptions(args);
  if (options.help) exitWith(HELP);
  return options;
}

/** The options in a command line, or a UsageError. */
export function parseOptions(args: readonly string[]): RaceOptions {
  const given = parse(args, ["function", "steps", "out", "seed"], ["help"]);
  const name = given.function ?? "beale";
  return {
    fn: FUNCTIONS.find((fn) => fn.name === name) ?? reject("function", `one of ${NAMES}`, name),
    steps: integer("steps", given.steps, 1) ?? 300,
    out: given.out ?? "race",
    seed: integer("seed", given.seed, 0) ?? 0,
    help: given.help ?? false,
  };
}
