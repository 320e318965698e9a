// Lets all optimizers run down a function of the plane, and teach a small network: `node --import tsx examples/optimizer-race.ts --help`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setNumThreads } from "descent";
import { Progress } from "./cli/progress.ts";
import { save } from "./plots/draw.ts";
import { CONTENDERS } from "./race/contenders.ts";
import { readOptions } from "./race/options.ts";
import { drawBest, drawField } from "./race/pictures.ts";
import { byDescent, descend } from "./race/plane.ts";
import { type Result, ranked, tableOf } from "./race/results.ts";
import { byLesson, teach } from "./race/spirals.ts";

const { fn, steps, out, seed } = readOptions();
mkdirSync(out, { recursive: true });
setNumThreads(1); // so little work is not worth sharing

const runs = CONTENDERS.reduce((sum, { rates }) => sum + 2 * rates.length, 0);
const progress = new Progress("racing", runs, "runs");
const results = CONTENDERS.map((contender): Result => {
  const { name, rates } = contender;
  // Everybody keeps the learning rate that suits them best, in either part.
  const run = <T>(part: (lr: number) => T): T[] =>
    rates.map((lr) => {
      const result = part(lr);
      progress.update(1, `  ${name}`);
      return result;
    });
  const [descent] = run((lr) => descend(fn, contender, lr, steps)).sort(byDescent);
  const [lesson] = run((lr) => teach(contender, lr, steps, seed)).sort(byLesson);
  return { name, descent: descent!, lesson: lesson! };
});
progress.stop();

const order = ranked(results);
console.log(tableOf(order, fn, steps));
save(join(out, "best"), drawBest(fn, order));
save(join(out, "all"), drawField(fn, order));
console.log(`\nPictures: ${join(out, "best.svg")}, ${join(out, "all.svg")}, and both as PNG.`);
