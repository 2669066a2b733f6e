// The media type of a file by its first bytes.
// Source: https://mimesniff.spec.whatwg.org/, sections 6 and 7, in the order and with the names that Go's net/http answers.

/** What of a file is looked at. */
export const sniffedBytesMax = 512;

interface Signature {
  readonly at: number;
  /** Latin-1; "?" stands for any byte. */
  readonly bytes: string;
  readonly type: string;
}

const html = ["<!DOCTYPE HTML", "<HTML", "<HEAD", "<SCRIPT", "<IFRAME", "<H1", "<DIV", "<FONT", "<TABLE", "<A", "<STYLE", "<TITLE", "<B", "<BODY", "<BR", "<P", "<!--"];

const at = (offset: number, bytes: string, type: string): Signature => ({ at: offset, bytes, type });

const signatures = (): readonly Signature[] => [
  at(0, "%PDF-", "application/pdf"),
  at(0, "%!PS-Adobe-", "application/postscript"),
  at(0, "\xfe\xff??", "text/plain; charset=utf-16be"),
  at(0, "\xff\xfe??", "text/plain; charset=utf-16le"),
  at(0, "\xef\xbb\xbf?", "text/plain; charset=utf-8"),
  at(0, "\x00\x00\x01\x00", "image/x-icon"),
  at(0, "\x00\x00\x02\x00", "image/x-icon"),
  at(0, "BM", "image/bmp"),
  at(0, "GIF87a", "image/gif"),
  at(0, "GIF89a", "image/gif"),
  at(0, "RIFF????WEBPVP", "image/webp"),
  at(0, "\x89PNG\r\n\x1a\n", "image/png"),
  at(0, "\xff\xd8\xff", "image/jpeg"),
  at(0, "FORM????AIFF", "audio/aiff"),
  at(0, "ID3", "audio/mpeg"),
  at(0, "OggS\x00", "application/ogg"),
  at(0, "MThd\x00\x00\x00\x06", "audio/midi"),
  at(0, "RIFF????AVI ", "video/avi"),
  at(0, "RIFF????WAVE", "audio/wave"),
  at(0, "\x1aE\xdf\xa3", "video/webm"),
  at(34, "LP", "application/vnd.ms-fontobject"),
  at(0, "\x00\x01\x00\x00", "font/ttf"),
  at(0, "OTTO", "font/otf"),
  at(0, "ttcf", "font/collection"),
  at(0, "wOFF", "font/woff"),
  at(0, "wOF2", "font/woff2"),
  at(0, "\x1f\x8b\x08", "application/x-gzip"),
  at(0, "PK\x03\x04", "application/zip"),
  at(0, "Rar!\x1a\x07\x00", "application/x-rar-compressed"),
  at(0, "Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
  at(0, "\x00asm", "application/wasm"),
];

const matches = (text: string, { at: offset, bytes }: Signature): boolean =>
  text.length >= offset + bytes.length && [...bytes].every((byte, index) => byte === "?" || text[offset + index] === byte);

/** @param head the first bytes of the file, as many as there are up to `sniffedBytesMax` */
export function mediaTypeOf(head: Uint8Array): string {
  const text = Buffer.from(head.subarray(0, sniffedBytesMax)).toString("latin1");
  const trimmed = text.replace(/^[\t\n\f\r ]+/, "");
  const opens = (tag: string): boolean => trimmed.slice(0, tag.length).toUpperCase() === tag && /^[ >]/.test(trimmed.slice(tag.length));
  if (html.some(opens)) return "text/html; charset=utf-8";
  if (trimmed.startsWith("<?xml")) return "text/xml; charset=utf-8";
  const found = signatures().find(signature => matches(text, signature));
  if (found) return found.type;
  if (isMp4(text)) return "video/mp4";
  return /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/.test(trimmed) ? "application/octet-stream" : "text/plain; charset=utf-8";
}

/** A box "ftyp" that names a brand beginning with "mp4". */
function isMp4(text: string): boolean {
  if (text.length < 12 || text.slice(4, 8) !== "ftyp") return false;
  const size = Buffer.from(text.slice(0, 4), "latin1").readUInt32BE();
  if (size % 4 !== 0 || text.length < size) return false;
  for (let brand = 8; brand < size; brand += 4) if (brand !== 12 && text.slice(brand, brand + 3) === "mp4") return true;
  return false;
}
