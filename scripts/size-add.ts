// The smallest application: what it bundles to is what tree-shaking leaves of the library (.size-limit.json).
import { cpu } from "@descent/backend-cpu";
import { add, setBackend, tensor } from "@descent/core";

setBackend(cpu());
console.log(add(tensor([1, 2]), tensor([3, 4])).dataSync());
