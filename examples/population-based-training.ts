// Eight LeNets find the schedule of their learning rates, against a random search of the same budget: `node --import tsx examples/population-based-training.ts --help`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  ancestry,
  type LocalCheckpoint,
  logUniform,
  PopulationBasedTraining,
  schedule,
  uniform,
} from "descent/population";
import { Progress } from "./cli/progress.ts";
import { save } from "./plots/draw.ts";
import { loadDigits } from "./population/digits.ts";
import { type Hyper, lenet } from "./population/lenet.ts";
import { readOptions } from "./population/options.ts";
import { drawLineage, drawSchedules } from "./population/pictures.ts";
import { scheduleTable, summary } from "./population/report.ts";

const { members, generations, trainSize, seed, out } = readOptions();
mkdirSync(out, { recursive: true });
const digits = await loadDigits(trainSize);

const space = { lr: logUniform(1e-3, 1), momentum: uniform(0, 0.99), weightDecay: logUniform(1e-6, 1e-2) };

/** Trains as many LeNets from the same weights and first hyperparameters; a share of the worst copies the best in every generation. */
async function search(name: string, quantile: number) {
  const lenets = Array.from({ length: members }, (_, i) => lenet(digits, 1000 * seed + i));
  const population = new PopulationBasedTraining<Hyper, LocalCheckpoint>(
    lenets.map(({ member }) => member),
    space,
    { mode: "max", quantile, seed },
  );
  const progress = new Progress(name, generations * members, "passes");
  await population.run(generations, {
    onGeneration: () => progress.update(members, `  best ${(100 * population.best!.score!).toFixed(1)} %`),
  });
  progress.stop();
  const best = population.best!;
  return { name, best, lineage: population.lineage, test: lenets[best.member]!.test() };
}

const found = await search("population", 0.25);
const random = await search("random search", 0);
const path = ancestry(found.lineage, found.best.member);

console.log(summary([found, random], { members, generations, trainSize }));
console.log(`\nThe schedule of the population's best:\n\n${scheduleTable(schedule(path))}`);
save(join(out, "lineage"), drawLineage(found.lineage, path));
save(join(out, "schedule"), drawSchedules(found.lineage, path, random.best));
console.log(`\nPictures: ${join(out, "lineage.svg")}, ${join(out, "schedule.svg")}, and both as PNG.`);
