// For commands that do long work without opening the store, which does this by itself.

export { releaseOwnCode } from "../kernel/own-pages.ts";
