// Media types by first bytes; expectations are what the original says of the same files.

import { expect, test } from "bun:test";
import { mediaTypeOf } from "./media-type.ts";

for (const [bytes, type] of [
  ["hello\n", "text/plain; charset=utf-8"],
  ["", "text/plain; charset=utf-8"],
  ['{"a":1}', "text/plain; charset=utf-8"],
  ["#!/bin/sh\n", "text/plain; charset=utf-8"],
  ["<html><body>x", "text/html; charset=utf-8"],
  ["  \n<!DOCTYPE html>", "text/html; charset=utf-8"],
  ["<htmlx", "text/plain; charset=utf-8"],
  ["<html", "text/plain; charset=utf-8"],
  ["<?xml version", "text/xml; charset=utf-8"],
  ["%PDF-1.4", "application/pdf"],
  ["%!PS-Adobe-", "application/postscript"],
  ["\x1f\x8b\x08\x00abc", "application/x-gzip"],
  ["PK\x03\x04", "application/zip"],
  ["\x89PNG\r\n\x1a\nxx", "image/png"],
  ["GIF89a", "image/gif"],
  ["RIFFabcdWEBPVP8 ", "image/webp"],
  ["\x00asm", "application/wasm"],
  ["\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "video/mp4"],
  ["\x00\x00\x00\x18ftypqt  \x00\x00\x00\x00qt  isom", "application/octet-stream"],
  ["\x00\x01\x02", "application/octet-stream"],
  ["caf\xe9", "text/plain; charset=utf-8"],
] as const) {
  test(`${JSON.stringify(bytes)} is ${type}`, () => {
    expect(mediaTypeOf(Buffer.from(bytes, "latin1"))).toBe(type);
  });
}
