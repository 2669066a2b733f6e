// The image room's door to files of the web.

export { fetchToFile, type WebFile, type WebFileOptions } from "../registry/web-file.ts";
