export { type CountingBackend, countingBackend } from "./counting-backend.ts";
