import { mkdirSync, writeFileSync } from "node:fs";
import { nn, optim, setBackend, wasm } from "descent";
import { MetaTrainer } from "descent/learned";
import { exitWith, integer, parse, reportErrors, UsageError } from "../examples/cli/arguments.ts";
import { Progress } from "../examples/cli/progress.ts";
import { drawTraining } from "../examples/learned/pictures.ts";
import { RECIPES, type Recipe, type RecipeName } from "./learned/recipes.ts";

// Trains the weights of a learned optimizer that `@descent/optim/learned` comes with: `npm run meta-train -- lstm`.

const NAMES = Object.keys(RECIPES) as RecipeName[];
const HELP = `npm run meta-train -- NAME [--steps N] [--seed N]

Trains the weights of a learned optimizer and writes them into packages/optim/src/learned/weights, with the curve in docs/images/learned.
NAME is one of ${NAMES.join(", ")}. The same command gives the same bytes.`;

reportErrors("meta-train");
const [name, ...rest] = process.argv.slice(2);
const given = parse(name?.startsWith("-") ? [name] : rest, ["steps", "seed"], ["help"]);
if (given.help) exitWith(HELP);
if (!NAMES.includes(name as RecipeName))
  throw new UsageError(`expected one of ${NAMES.join(", ")}, got ${name ?? "nothing"}`);
const recipe: Recipe = RECIPES[name as RecipeName];
const steps = integer("steps", given.steps, 1) ?? recipe.steps;
const seed = integer("seed", given.seed, 0) ?? recipe.training.seed!;

// Relaxed instructions round differently on other machines; threads have nothing to share here.
setBackend(wasm({ relaxedSimd: false, threads: 1 }));
const trainer = new MetaTrainer(recipe.rule, {
  ...recipe.training,
  seed,
  optimizer: (weights) => new optim.Adam(weights, { lr: recipe.lr }),
});
const schedule = new optim.CosineAnnealingLR(trainer.optimizer, { TMax: steps });
const progress = new Progress(name!, steps, "windows");
const curve = await trainer.train(steps, {
  onStep: ({ loss }) => {
    schedule.step();
    progress.update(1, `  meta-loss ${loss.toFixed(3)}`);
  },
});
progress.stop();
const skipped = curve.filter((step) => step.skipped).length;
console.log(`${name}: ${steps} windows in ${progress.seconds.toFixed(0)} s, ${skipped} skipped`);

const command = `npm run meta-train -- ${name} --steps ${steps} --seed ${seed}`;
const bytes = nn.encodeSafetensors(trainer.weights, { command, rule: recipe.rule.name, seed: String(seed) });
const constant = `${name!.replaceAll("-", "_").toUpperCase()}_WEIGHTS`;
const lines = Buffer.from(bytes)
  .toString("base64")
  .match(/.{1,120}/g)!;
writeFileSync(
  new URL(`../packages/optim/src/learned/weights/${name}.ts`, import.meta.url),
  `/** A safetensors file in base64, made by \`${command}\`. */\nexport const ${constant} = \`\n${lines.join("\n")}\`;\n`,
);
const images = new URL("../docs/images/learned/", import.meta.url);
mkdirSync(images, { recursive: true });
writeFileSync(new URL(`meta-training-${name}.svg`, images), drawTraining(curve));
