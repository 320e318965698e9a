import { writeFileSync } from "node:fs";
import * as Plot from "@observablehq/plot";
import { Resvg } from "@resvg/resvg-js";
import { parseHTML } from "linkedom";
import { simplified } from "./simplify.ts";

const { document } = parseHTML("<html></html>");
const SVG = "http://www.w3.org/2000/svg";
const LETTERS = { "font-family": "DejaVu Sans, Verdana, sans-serif", "font-size": "11px", fill: "#222" };

/** Draws a plot as the text of an SVG file. It brings its own paper, so that it can be read on dark pages, too. */
export function draw(options: Plot.PlotOptions): string {
  const svg = Plot.plot({ ...options, document, className: "plot" });
  set(svg, { xmlns: SVG, ...LETTERS });
  for (const style of svg.querySelectorAll("style")) style.remove();
  for (const path of svg.querySelectorAll("path")) path.setAttribute("d", simplified(path.getAttribute("d") ?? ""));
  const paper = document.createElementNS(SVG, "rect");
  set(paper, { width: "100%", height: "100%", fill: "white" });
  svg.prepend(paper);
  return `${rounded(svg.outerHTML)}\n`;
}

/** Writes a picture as SVG, and as PNG with twice as many pixels. */
export function save(path: string, svg: string): void {
  writeFileSync(`${path}.svg`, svg);
  writeFileSync(`${path}.png`, new Resvg(svg, { fitTo: { mode: "zoom", value: 2 } }).render().asPng());
}

function set(element: { setAttribute(name: string, value: string): void }, attributes: Record<string, string>): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

/** Numbers in tags with one digit behind the point: a tenth of a pixel. */
const rounded = (svg: string): string =>
  svg.replaceAll(/<[^>]*>/g, (tag) =>
    tag.replaceAll(/-?\d+\.\d+(?:e-?\d+)?/g, (text) => String(Number(Number(text).toFixed(1)))),
  );
