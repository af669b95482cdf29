/** Text in PNG files (PNG specification, third edition, 11.3.3): tEXt, zTXt and iTXt chunks. */
import { crc32, inflateSync } from "node:zlib"

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** A compressed text that would unpack to more than this is not read. */
const maxText = 16 * 2 ** 20

interface Chunk {
  readonly type: string
  readonly data: Buffer
  /** where the next chunk begins */
  readonly end: number
}

export const isPng = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && signature.equals(Buffer.from(bytes.buffer, bytes.byteOffset, 8))

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** the chunks up to IEND, or up to where the file is cut off or damaged */
function* chunks(png: Buffer): Generator<Chunk, "whole" | "truncated" | "corrupt"> {
  for (let at = 8; at + 12 <= png.length;) {
    const length = png.readUInt32BE(at)
    const end = at + 12 + length
    if (end > png.length) return "truncated"
    if (crc32(png.subarray(at + 4, end - 4)) !== png.readUInt32BE(end - 4)) return "corrupt"
    const type = png.toString("latin1", at + 4, at + 8)
    yield { type, data: png.subarray(at + 8, end - 4), end }
    if (type === "IEND") return "whole"
    at = end
  }
  return "truncated"
}

/** whether every chunk is there and has the checksum that it says */
export const state = (bytes: Uint8Array): "whole" | "truncated" | "corrupt" => {
  const reader = chunks(viewOf(bytes))
  for (;;) {
    const next = reader.next()
    if (next.done === true) return next.value
  }
}

const chunk = (type: string, data: Buffer): Buffer => {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length, 0)
  out.write(type, 4, "latin1")
  data.copy(out, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length)
  return out
}

const isLatin1 = (text: string): boolean => /^[\n\x20-\x7e\xa0-\xff]*$/.test(text)

/** why this cannot be a keyword; undefined = it can */
const keywordProblem = (keyword: string): string | undefined =>
  keyword.length < 1 || keyword.length > 79 || !/^[\x21-\x7e\xa1-\xff]+( [\x21-\x7e\xa1-\xff]+)*$/.test(keyword)
    ? `'${keyword}' is not a PNG keyword (1 to 79 Latin-1 characters, no outer or double spaces)`
    : undefined

/** why this text cannot stand under this keyword; undefined = it can */
export const textProblem = (keyword: string, text: string): string | undefined =>
  keywordProblem(keyword) ?? (text.includes("\0") ? `the text '${keyword}' contains a null` : undefined)

const textChunk = (keyword: string, text: string): Buffer =>
  isLatin1(text)
    ? chunk("tEXt", Buffer.from(`${keyword}\0${text}`, "latin1"))
    : chunk("iTXt", Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, "latin1"), Buffer.from(text, "utf8")]))

/** the file with these texts, in place of texts of the same keywords */
export const withText = (
  bytes: Uint8Array,
  texts: ReadonlyArray<readonly [keyword: string, text: string]>
): Uint8Array => {
  const png = viewOf(bytes)
  const replaced = new Set(texts.map(([keyword]) => keyword))
  const parts: Array<Buffer> = [png.subarray(0, 8)]
  let from = 8
  for (const { data, end, type } of chunks(png)) {
    const old = textTypes.has(type) && replaced.has(keywordOf(data))
    if (!old) parts.push(png.subarray(from, end))
    // before the pixels, so that a reader need not go through the whole file
    if (type === "IHDR") parts.push(...texts.map(([keyword, text]) => textChunk(keyword, text)))
    from = end
  }
  return new Uint8Array(Buffer.concat(parts))
}

const textTypes = new Set(["tEXt", "zTXt", "iTXt"])

const keywordOf = (data: Buffer): string => data.toString("latin1", 0, Math.max(0, data.indexOf(0)))

const inflate = (data: Buffer): Buffer | undefined => {
  try {
    return inflateSync(data, { maxOutputLength: maxText })
  } catch {
    return undefined
  }
}

const readChunk = (type: string, data: Buffer): readonly [keyword: string, text: string] | undefined => {
  const end = data.indexOf(0)
  if (end < 1) return undefined
  const keyword = data.toString("latin1", 0, end)
  if (type === "tEXt") return [keyword, data.toString("latin1", end + 1)]
  if (type === "zTXt") {
    const text = inflate(data.subarray(end + 2))
    return text === undefined ? undefined : [keyword, text.toString("latin1")]
  }
  const compressed = data[end + 1] === 1
  const language = data.indexOf(0, end + 3)
  const translated = language < 0 ? -1 : data.indexOf(0, language + 1)
  if (translated < 0) return undefined
  const body = data.subarray(translated + 1)
  const text = compressed ? inflate(body) : body
  return text === undefined ? undefined : [keyword, text.toString("utf8")]
}

/** keyword to text; of a keyword that is there several times, the first */
export const readText = (bytes: Uint8Array): ReadonlyMap<string, string> => {
  const out = new Map<string, string>()
  for (const { data, type } of chunks(viewOf(bytes))) {
    const entry = textTypes.has(type) ? readChunk(type, data) : undefined
    if (entry !== undefined && !out.has(entry[0])) out.set(entry[0], entry[1])
  }
  return out
}
