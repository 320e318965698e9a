/// <reference lib="dom" />

const SIDE = 28;

/** What the page shows, and what a person can ask of it. */
export interface Page {
  readonly backend: () => string;
  onStart(listener: () => void): void;
  onStop(listener: () => void): void;
  status(text: string): void;
  /** The losses so far, as a curve. */
  losses(values: readonly number[]): void;
  /** Images of digits, 28 × 28 bytes each, with their labels. */
  digits(images: Uint8Array, labels: ArrayLike<number>): void;
  /** What the model reads in them. */
  readings(digits: readonly number[]): void;
}

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  ...children: (Element | string)[]
): HTMLElementTagNameMap[K] {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** Builds the page inside of an element. */
export function makePage(root: Element, backends: readonly string[]): Page {
  const chooser = element("select", {}, ...backends.map((name) => element("option", { value: name }, name)));
  const [start, stop] = [element("button", {}, "Train"), element("button", {}, "Stop")];
  const status = element("p", { role: "status" }, "Choose what computes.");
  const digits = element("div", { className: "digits" });
  const curve = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const chart = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  chart.setAttribute("preserveAspectRatio", "none");
  chart.append(curve);
  root.append(
    element("h1", {}, "LeNet-5 learns to read"),
    element("p", {}, "Backend ", chooser, " ", start, " ", stop),
    status,
    chart,
    digits,
  );
  const captions: HTMLElement[] = [];
  let truth: readonly number[] = [];

  return {
    backend: () => chooser.value,
    onStart: (listener) => start.addEventListener("click", listener),
    onStop: (listener) => stop.addEventListener("click", listener),
    status: (text) => status.replaceChildren(text),
    losses(values) {
      const most = Math.max(...values);
      chart.setAttribute("viewBox", `0 0 ${Math.max(1, values.length - 1)} ${most}`);
      curve.setAttribute("points", values.map((loss, i) => `${i},${most - loss}`).join(" "));
    },
    digits(images, labels) {
      truth = Array.from(labels);
      captions.splice(0, captions.length, ...truth.map(() => element("figcaption", {}, "?")));
      digits.replaceChildren(
        ...captions.map((caption, n) => element("figure", {}, picture(images.subarray(n * SIDE * SIDE)), caption)),
      );
    },
    readings(read) {
      for (const [n, caption] of captions.entries()) {
        caption.replaceChildren(String(read[n]));
        caption.className = read[n] === truth[n] ? "right" : "wrong";
      }
    },
  };
}

function picture(pixels: Uint8Array): HTMLCanvasElement {
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) image.data.set([pixels[i]!, pixels[i]!, pixels[i]!, 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}
