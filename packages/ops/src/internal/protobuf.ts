/** As much of the protobuf wire format as writing ONNX takes. */
const utf8 = new TextEncoder()

const varint = (value: number | bigint): Uint8Array => {
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: Array<number> = []
  do {
    const low = Number(rest & 127n)
    rest >>= 7n
    bytes.push(rest === 0n ? low : low | 128)
  } while (rest !== 0n)
  return Uint8Array.from(bytes)
}

/** A message under construction: parts are kept apart and joined once. */
export class Message {
  readonly #parts: Array<Uint8Array> = []
  #length = 0

  #push(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }

  #key(field: number, wireType: number): this {
    return this.#push(varint((field << 3) | wireType))
  }

  int(field: number, value: number | bigint): this {
    return this.#key(field, 0).#push(varint(value))
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.#key(field, 5).#push(bytes)
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#key(field, 2).#push(varint(value.length)).#push(value)
  }

  text(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value))
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish())
  }

  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
}
