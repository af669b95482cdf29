/** A certificate of one's own for servers on this machine, made anew each time: no key lies in the repository, none runs out. */
import { createHash, generateKeyPairSync, sign } from "node:crypto"

/** DER: tag, length, content */
const der = (tag: number, ...content: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(content)
  const length =
    body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length]
  return Buffer.concat([Buffer.from([tag, ...length.map((byte) => byte & 0xff)]), body])
}
const sequence = (...content: ReadonlyArray<Uint8Array>) => der(0x30, ...content)
const oid = (hex: string) => der(6, Buffer.from(hex, "hex"))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const time = (date: Date) => der(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, "")))
const octets = (...content: ReadonlyArray<Uint8Array>) => der(4, ...content)

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** self-signed, for `localhost` and `127.0.0.1` unless other names are given; RFC 5280 */
export const certificate = (names: ReadonlyArray<string> = ["localhost"]): Certificate => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const spki = publicKey.export({ type: "spki", format: "der" })
  const id = createHash("sha1").update(spki).digest()
  const name = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(`test ${id.toString("hex", 0, 4)}`)))))
  const day = 86_400_000
  const alternatives = sequence(
    ...names.map((dns) => der(0x82, Buffer.from(dns))),
    ...(names.includes("localhost") ? [der(0x87, Buffer.from([127, 0, 0, 1]))] : [])
  )
  const extensions = sequence(
    // basicConstraints: an authority, and trusted as one
    sequence(oid("551d13"), der(1, Buffer.from([0xff])), octets(sequence(der(1, Buffer.from([0xff]))))),
    sequence(oid("551d11"), octets(alternatives)),
    sequence(oid("551d0e"), octets(octets(id)))
  )
  const toSign = sequence(
    der(0xa0, der(2, Buffer.from([2]))),
    der(2, Buffer.from([1, ...id.subarray(0, 8)])),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day))),
    name,
    spki,
    der(0xa3, extensions)
  )
  const signed = sequence(toSign, ecdsaWithSha256, der(3, Buffer.from([0]), sign("sha256", toSign, privateKey)))
  const lines = signed.toString("base64").replace(/.{64}/g, "$&\n").trim()
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString()
  }
}
