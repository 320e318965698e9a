import type { Digit } from "./messages.ts";

const SIDE = 28;

/** Shows digits as items of a list; wrong ones are marked. */
export const showDigits = (list: HTMLElement, digits: readonly Digit[]): void =>
  list.replaceChildren(...digits.map(itemOf));

function itemOf({ pixels, label, predicted }: Digit): HTMLElement {
  const item = document.createElement("li");
  const isWrong = label !== predicted;
  item.classList.toggle("wrong", isWrong);
  item.title = isWrong ? `a ${label}, read as ${predicted}` : `a ${label}, read correctly`;
  item.append(pictureOf(pixels, `A handwritten ${label}`), isWrong ? `${predicted} ✗` : String(predicted));
  return item;
}

function pictureOf(pixels: Uint8Array, description: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = SIDE;
  canvas.height = SIDE;
  canvas.role = "img";
  canvas.ariaLabel = description;
  const image = new ImageData(SIDE, SIDE);
  pixels.forEach((grey, i) => {
    image.data.set([grey, grey, grey, 255], 4 * i);
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}
