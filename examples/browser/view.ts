import { errorChart, LossCurve } from "./charts.ts";
import { showDigits } from "./digits.ts";
import type { Failure, Progress, Tested } from "./messages.ts";

const element = (id: string): HTMLElement => document.getElementById(id)!;
const count = new Intl.NumberFormat("en");
const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1 });

/** What the page shows of a run. */
export class View {
  #curve = new LossCurve();
  #tests: { readonly step: number; readonly error: number }[] = [];
  #isDrawing = false;

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(element("loss-chart"));
  }

  clear(): void {
    this.#curve = new LossCurve();
    this.#tests = [];
    for (const id of ["step", "loss", "accuracy", "speed"]) element(id).textContent = "–";
    for (const id of ["digits", "misread", "facts"]) element(id).replaceChildren();
    element("misread-section").hidden = true;
    element("failure").hidden = true;
    this.#draw();
  }

  progress({ epoch, losses, samplesPerSecond, facts }: Progress): void {
    this.#curve.add(losses);
    element("step").textContent = `${Math.max(1, epoch)} · ${count.format(this.#curve.steps)}`;
    element("loss").textContent = this.#curve.average?.toFixed(3) ?? "–";
    element("speed").textContent = samplesPerSecond === null ? "–" : count.format(Math.round(samplesPerSecond));
    element("facts").replaceChildren(...facts.map(([name, value]) => entryOf(name, value)));
    this.#draw();
  }

  tested({ correct, total, digits, misread }: Tested): void {
    this.#tests.push({ step: this.#curve.steps, error: 1 - correct / total });
    element("accuracy").textContent = percent.format(correct / total);
    element("accuracy").title = `${count.format(correct)} of ${count.format(total)} test images`;
    showDigits(element("digits"), digits);
    showDigits(element("misread"), misread);
    element("misread-section").hidden = misread.length === 0;
    this.#draw();
  }

  failure({ problem, remedy }: Failure): void {
    const paragraphs = [problem, remedy].map((text) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = text;
      return paragraph;
    });
    element("failure").replaceChildren(...paragraphs);
    element("failure").hidden = false;
  }

  /** Draws the charts anew, once per frame at most. */
  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      const [loss, error] = [element("loss-chart"), element("error-chart")];
      loss.replaceChildren(this.#curve.draw(loss.clientWidth));
      error.replaceChildren(errorChart(this.#tests, error.clientWidth));
    });
  }
}

function entryOf(name: string, value: string): HTMLElement {
  const [entry, term, description] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term!.textContent = name;
  description!.textContent = value;
  entry!.append(term!, description!);
  return entry!;
}
