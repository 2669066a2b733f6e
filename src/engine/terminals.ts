// What the commands ask of the terminal they run on.

export { isTerminal } from "../kernel/terminal.ts";
