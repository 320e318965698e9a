import { exitWith, integer, parse, reportErrors } from "../cli/arguments.ts";

/** What the command line asks for. */
export interface Options {
  readonly members: number;
  readonly generations: number;
  readonly trainSize: number;
  readonly seed: number;
  readonly out: string;
}

const HELP = `Trains a population of LeNets that find learning rate, momentum and weight decay on the way, and a random search of the same budget.

  node --import tsx examples/population-based-training.ts [options]

  --members N       LeNets in the population, and in the random search (default: 8)
  --generations N   how often all training digits are seen, and what follows (default: 12)
  --train-size N    how many of the training digits of MNIST are used (default: 2000)
  --seed N          the same seed gives the same result (default: 0)
  --out FOLDER      where the pictures go (default: population)
  --help            show this`;

/** Reads the command line; a bad one ends the program with one line. */
export function readOptions(args = process.argv.slice(2)): Options {
  reportErrors("population-based-training");
  const given = parse(args, ["members", "generations", "train-size", "seed", "out"], ["help"]);
  if (given.help) exitWith(HELP);
  return {
    members: integer("members", given.members, 2) ?? 8,
    generations: integer("generations", given.generations, 1) ?? 12,
    trainSize: integer("train-size", given["train-size"], 1, 58_000) ?? 2000,
    seed: integer("seed", given.seed, 0) ?? 0,
    out: given.out ?? "population",
  };
}
