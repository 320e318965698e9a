import { parentPort, workerData } from "node:worker_threads";
import { cpu } from "@descent/backend-cpu";
import { setBackend } from "@descent/core";
import { type LocalCheckpoint, packTensors, unpackTensors } from "../population/index.ts";
import { type LearnerHyper, learner } from "./learner.ts";

/** What a member is asked for. */
export type Request =
  | { readonly task: "train"; readonly hyperparameters: LearnerHyper; readonly generation: number }
  | { readonly task: "save" }
  | { readonly task: "load"; readonly checkpoint: unknown };

// A member of a population that lives in a thread of its own: it does one thing after the other, and answers.
setBackend(cpu());
const { member } = learner(workerData as number);

async function answer(request: Request): Promise<unknown> {
  if (request.task === "train") return member.train(request.hyperparameters, request.generation);
  if (request.task === "save") return packTensors(await member.save());
  return member.load(unpackTensors(request.checkpoint) as LocalCheckpoint);
}

parentPort!.on("message", async (request: Request) => parentPort!.postMessage(await answer(request)));
