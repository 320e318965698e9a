/// <reference lib="dom" />
import { beforeEach, expect, test, vi } from "vitest";
import { mount } from "./app.ts";
import { BACKENDS } from "./backends.ts";

beforeEach(() => document.body.replaceChildren());

const find = (selector: string): Element => {
  const found = document.querySelector(selector);
  if (found === null) throw new Error(`the page has no ${selector}`);
  return found;
};

test.each(Object.keys(BACKENDS))("the page trains on %s, draws the losses and reads digits", async (name) => {
  mount(document.body, { trainSize: 64, steps: 3, batchSize: 8 });
  (find("select") as HTMLSelectElement).value = name;
  (find("button") as HTMLButtonElement).click();
  await vi.waitFor(() => expect(document.querySelectorAll(".right, .wrong")).toHaveLength(20), { timeout: 25_000 });
  expect(find("[role=status]").textContent).toMatch(new RegExp(`^${name}: step 3, loss 2\\.\\d{4}, \\d+ samples/s$`));
  expect(find("polyline").getAttribute("points")!.split(" ")).toHaveLength(3);
});
