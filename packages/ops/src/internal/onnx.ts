/** The messages of onnx.proto that OnnxGraph writes; the numbers are its field numbers. */
import type { Attribute, AnyGraph, Node } from "../OnnxGraph.ts"
import * as Tensor from "../Tensor.ts"
import { Message } from "./protobuf.ts"

const dataTypes: { readonly [D in Tensor.DType]: number } = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16
}

const isText = (tensor: Tensor.Tensor): tensor is Tensor.Tensor<"string"> => tensor.dtype === "string"

const tensorMessage = (tensor: Tensor.Tensor, name?: string): Message => {
  const message = new Message()
  for (const size of tensor.shape) message.int(1, size)
  message.int(2, dataTypes[tensor.dtype])
  if (isText(tensor)) for (const text of tensor.data) message.text(6, text)
  if (name !== undefined) message.text(8, name)
  return isText(tensor) ? message : message.bytes(9, Tensor.bytes(tensor as Tensor.Tensor<Tensor.NumericDType>))
}

const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const

const attributeMessage = (name: string, attribute: Attribute): Message => {
  const message = new Message().text(1, name)
  switch (attribute._tag) {
    case "float":
      message.float(2, attribute.value)
      break
    case "int":
      message.int(3, attribute.value)
      break
    case "string":
      message.text(4, attribute.value)
      break
    case "tensor":
      message.message(5, tensorMessage(attribute.value))
      break
    case "floats":
      for (const value of attribute.value) message.float(7, value)
      break
    case "ints":
      for (const value of attribute.value) message.int(8, value)
      break
    case "strings":
      for (const value of attribute.value) message.text(9, value)
  }
  return message.int(20, attributeTypes[attribute._tag])
}

const nodeMessage = (node: Node, index: number): Message => {
  const message = new Message()
  for (const input of node.inputs) message.text(1, input)
  for (const output of node.outputs) message.text(2, output)
  message.text(3, `${node.op}_${index}`).text(4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes)) message.message(5, attributeMessage(name, attribute))
  return node.domain === "" ? message : message.text(7, node.domain)
}

const valueMessage = (name: string, spec: Tensor.Spec): Message => {
  const type = new Message().int(1, dataTypes[spec.dtype])
  if (spec.dims !== undefined) {
    const shape = new Message()
    for (const dim of spec.dims) {
      const dimension = new Message()
      shape.message(
        1,
        typeof dim === "number" ? dimension.int(1, dim) : dim === "" ? dimension : dimension.text(2, dim)
      )
    }
    type.message(2, shape)
  }
  return new Message().text(1, name).message(2, new Message().message(1, type))
}

/** IR version 8 came with opset 16 and is read by every ONNX Runtime since 1.10. */
const irVersion = (opset: number): number => (opset > 20 ? 10 : 8)

export const encodeGraph = (graph: AnyGraph): Uint8Array<ArrayBuffer> => {
  const body = new Message()
  graph.nodes.forEach((node, index) => body.message(1, nodeMessage(node, index)))
  body.text(2, graph.name)
  for (const [name, tensor] of Object.entries(graph.initializers)) body.message(5, tensorMessage(tensor, name))
  for (const [name, schema] of Object.entries(graph.inputs))
    body.message(11, valueMessage(name, Tensor.specOf(schema)!))
  for (const [name, schema] of Object.entries(graph.outputs))
    body.message(12, valueMessage(name, Tensor.specOf(schema)!))
  const model = new Message().int(1, irVersion(graph.opset)).text(2, "effect-blocks").message(7, body)
  const domains = new Map([["", graph.opset], ...Object.entries(graph.domains)])
  for (const [domain, version] of domains) model.message(8, new Message().text(1, domain).int(2, version))
  return model.finish()
}
