// Trains an optimizer, and lets it race against others: `node --import tsx examples/learned-optimizer.ts --help` lists the options.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nn, optim, type Parameter, setNumThreads } from "descent";
import { LearnedOptimizer, lstmRule, MetaTrainer, meanLogLoss } from "descent/learned";
import { Progress } from "./cli/progress.ts";
import { CLASSICS, compete, forTuning, heldOut, RATES, type Result, tuned } from "./learned/compare.ts";
import { FAMILIES } from "./learned/families.ts";
import { readOptions } from "./learned/options.ts";
import { drawRace, drawTraining } from "./learned/pictures.ts";
import { tableOf } from "./learned/table.ts";
import { save } from "./plots/draw.ts";

const options = readOptions();
const { steps, problems, out, seed } = options;
mkdirSync(out, { recursive: true });
setNumThreads(1); // so little work is not worth sharing
const family = await FAMILIES[options.family].make(options.innerSteps);

// The optimizer: a small network, the same for every weight of a problem, that turns gradients into steps.
const rule = lstmRule();
const trainer = new MetaTrainer(rule, {
  tasks: family.training,
  innerSteps: family.steps,
  metaLoss: meanLogLoss(),
  clipNorm: 1,
  optimizer: (weights) => new optim.Adam(weights, { lr: 3e-3 }),
  seed,
});
const schedule = new optim.CosineAnnealingLR(trainer.optimizer, { TMax: steps });

console.log(`An LSTM learns to optimize ${family.title}.`);
const training = new Progress("meta-training", steps, "windows");
const curve = await trainer.train(steps, {
  onStep({ loss }) {
    schedule.step();
    training.update(1, `  meta-loss ${loss.toFixed(3)}`);
  },
});
training.stop();
console.log(`It was trained for ${steps} windows of ${Math.min(20, family.steps)} steps.\n`);

// Classics keep the best of 13 learning rates. Nobody has seen the problems of the race.
const race = new Progress("racing", Object.keys(CLASSICS).length * RATES.length, "runs");
const results = new Map<string, Result>();
for (const [name, make] of Object.entries(CLASSICS)) {
  const lr = await tuned(family, make, forTuning(problems), () => race.update(1, `  ${name}`));
  results.set(`${name}, lr ${lr}`, await compete(family, (parameters) => make(parameters, lr), heldOut(problems)));
}
const learned = (parameters: readonly Parameter[]) => new LearnedOptimizer(rule, trainer.weights, parameters);
results.set("learned", await compete(family, learned, heldOut(problems)));
race.stop();

console.log(`${problems} new problems, ${family.steps} steps:\n\n${tableOf(results)}`);
save(join(out, "race"), drawRace(`median loss on ${family.title}`, results));
save(join(out, "meta-training"), drawTraining(curve));
await nn.saveSafetensors(join(out, "weights.safetensors"), trainer.weights, { rule: rule.name, seed: String(seed) });
console.log(`\nIn ${out}: weights.safetensors, race.svg, meta-training.svg, and both pictures as PNG.`);
