/// <reference lib="dom" />
// Trains LeNet-5 on MNIST in a page: `npm run browser`, then open the address that it prints.
import { mount } from "./app.ts";

mount(document.body);
