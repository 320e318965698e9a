import { BACKENDS, type BackendName, OPTIMIZERS, type OptimizerName, readSettings, type Settings } from "./settings.ts";

/** Where a run is: nothing is known yet, nothing runs, … */
export type State = "probing" | "ready" | "running" | "paused" | "ended" | "failed";

const STATES: Record<State, { readonly button: string; readonly text: string }> = {
  probing: { button: "Start", text: "Looking for backends …" },
  ready: { button: "Start", text: "Ready." },
  running: { button: "Pause", text: "Training." },
  paused: { button: "Resume", text: "Paused." },
  ended: { button: "Start again", text: "Done." },
  failed: { button: "Start again", text: "Stopped by an error." },
};

type Field = HTMLInputElement | HTMLSelectElement;

/** The settings of a run, and the buttons that steer it. */
export class SettingsForm {
  readonly #form = document.querySelector<HTMLFormElement>("#settings")!;
  readonly #start = document.querySelector<HTMLButtonElement>("#start")!;
  readonly #reset = document.querySelector<HTMLButtonElement>("#reset")!;
  readonly #state = document.querySelector<HTMLElement>("#state")!;
  readonly #fields: readonly Field[];
  readonly #impossible = new Set<BackendName>();

  constructor(on: { readonly start: () => void; readonly reset: () => void; readonly lr: (lr: number) => void }) {
    document.querySelector("#backends")!.append(...(Object.keys(BACKENDS) as BackendName[]).map(choiceOf));
    const optimizers = Object.entries(OPTIMIZERS).map(([name, { title }]) => new Option(title, name));
    this.#form.querySelector("select")!.append(...optimizers);
    this.#fields = [...this.#form.querySelectorAll<Field>("input, select")];
    this.write(readSettings([]));

    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      on.start();
    });
    this.#reset.addEventListener("click", on.reset);
    this.#form.addEventListener("change", ({ target }) => {
      const { name, value } = target as Field;
      if (name === "lr" && Number(value) > 0) on.lr(Number(value));
      if (name === "optimizer") this.#set("lr", String(OPTIMIZERS[value as OptimizerName].lr));
    });
  }

  read(): Settings {
    return readSettings(new FormData(this.#form));
  }

  write(settings: Settings): void {
    for (const [name, value] of Object.entries(settings)) this.#set(name, value === Infinity ? "" : String(value));
  }

  /** Shows that a backend can be chosen, or why not. */
  probed(backend: BackendName, problem: string | null): void {
    const radio = this.#fields.find((field) => field.name === "backend" && field.value === backend) as HTMLInputElement;
    if (problem === null) return;
    this.#impossible.add(backend);
    radio.checked = false;
    radio.disabled = true;
    const note = radio.parentElement!.querySelector("small")!;
    note.className = "problem";
    note.textContent = `Not here: ${problem.replace(/\.$/, "")}. It needs ${BACKENDS[backend].needs}.`;
  }

  /** What can be pressed and changed in a state; the learning rate always can. */
  show(state: State): void {
    const { button, text } = STATES[state];
    this.#start.textContent = button;
    this.#start.disabled = state === "probing";
    this.#reset.disabled = state === "probing" || state === "ready";
    this.#state.textContent = text;
    const isFixed = state === "running" || state === "paused";
    for (const field of this.#fields)
      field.disabled = (isFixed && field.name !== "lr") || this.#impossible.has(field.value as BackendName);
  }

  #set(name: string, value: string): void {
    for (const field of this.#fields)
      if (field.name === name) {
        if (field.type === "radio") (field as HTMLInputElement).checked = field.value === value;
        else field.value = value;
      }
  }
}

function choiceOf(name: BackendName): HTMLElement {
  const { title, about } = BACKENDS[name];
  const radio = Object.assign(document.createElement("input"), {
    type: "radio",
    name: "backend",
    value: name,
    required: true,
  });
  const note = document.createElement("small");
  note.textContent = about;
  const label = document.createElement("label");
  label.className = "backend";
  label.append(radio, title, note);
  return label;
}
