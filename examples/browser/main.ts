import { SettingsForm, type State } from "./form.ts";
import type { Command, Failure, Report } from "./messages.ts";
import { BACKENDS, readSettings, SettingError, type Settings } from "./settings.ts";
import { View } from "./view.ts";

// A run has a worker of its own, with whose end everything ends that belongs to it: tensors, threads, the device.
let worker = newWorker();
let state: State = "probing";
const unknown = new Set(Object.keys(BACKENDS));

const view = new View();
const form = new SettingsForm({ start: press, reset, lr: (lr) => send({ kind: "lr", lr }) });
const fromAddress = settings(() => readSettings(new URLSearchParams(location.search)));
if (fromAddress !== null) form.write(fromAddress);
become("probing");
send({ kind: "probe" });

/** Start, Pause or Resume. */
function press(): void {
  if (state === "running") {
    send({ kind: "pause" });
    become("paused");
  } else if (state === "paused") {
    send({ kind: "resume" });
    become("running");
  } else start();
}

function start(): void {
  if (state !== "ready") reset();
  const chosen = settings(() => form.read());
  if (chosen === null) return;
  view.clear();
  send({ kind: "train", settings: chosen, directory: new URL(".", document.baseURI).href });
  become("running");
}

function reset(): void {
  worker.terminate();
  worker = newWorker();
  view.clear();
  become("ready");
}

function hear(report: Report): void {
  switch (report.kind) {
    case "probed":
      form.probed(report.backend, report.problem);
      unknown.delete(report.backend);
      if (unknown.size === 0) become("ready");
      break;
    case "progress":
      view.progress(report);
      break;
    case "tested":
      view.tested(report);
      break;
    case "ended":
      become("ended");
      break;
    case "failed":
      fail(report);
  }
}

function fail(failure: Failure): void {
  view.failure(failure);
  become("failed");
}

function become(next: State): void {
  state = next;
  form.show(state);
}

/** Settings, or `null` where the page says what is wrong with them. */
function settings(read: () => Settings): Settings | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    view.failure({ problem: error.message, remedy: "Change it and start again." });
    return null;
  }
}

function newWorker(): Worker {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<Report>) => hear(data));
  worker.addEventListener("error", ({ message }) =>
    fail({ problem: message || "The program of this page could not be loaded.", remedy: "Reload the page." }),
  );
  return worker;
}

function send(command: Command): void {
  worker.postMessage(command);
}
