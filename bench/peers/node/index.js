import { handle } from "./handler.js";
import { run } from "./runtime.js";

await run(handle);
