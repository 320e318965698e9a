import "@descent/core/methods";
import { cpu } from "@descent/backend-cpu";
import { setBackend } from "@descent/core";

export * from "@descent/core";
export * as data from "@descent/data";
export * as nn from "@descent/nn";
export * as optim from "@descent/optim";
export { cpu };

setBackend(cpu());
