/**
 * Pictures over HTTP: a pipeline inside an Effect service. The body of a request goes through the pipeline's own
 * Schemas, so that what is wrong with it is answered with 400 and all the reasons; a client that goes away interrupts
 * its run. Serves, asks twice, and ends; with an argument it serves on that port until it is stopped.
 *
 *     node examples/11-http-service.ts [PORT]
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Image from "@effect-blocks/ops/Image"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { components } from "./support/emoji.ts"

const draw = Effect.gen(function* () {
  const {
    images: [picture]
  } = yield* Pipeline.runUnknown(
    StableDiffusion.pipeline,
    yield* HttpServerRequest.HttpServerRequest.use((_) => _.json)
  )
  return HttpServerResponse.uint8Array(yield* Image.encodePng(picture), { contentType: "image/png" })
}).pipe(Effect.catchTag("InputError", ({ message }) => HttpServerResponse.json({ error: message }, { status: 400 })))
const routes = HttpRouter.add("POST", "/pictures", draw).pipe(HttpRouter.provideRequest(components))

const ask = (body: unknown) =>
  Effect.flatMap(HttpClientRequest.bodyJson(HttpClientRequest.post("/pictures"), body), HttpClient.execute)

const demonstrate = Effect.gen(function* () {
  const good = yield* ask({ prompt: "green apple", numInferenceSteps: 4, guidanceScale: 3 })
  const png = new Uint8Array(yield* good.arrayBuffer)
  console.log(good.status, good.headers["content-type"], (yield* Image.decode(png)).shape.join(" x "))
  const bad = yield* ask({ prompt: 7, numInferenceSteps: 0 })
  console.log(bad.status, yield* bad.json)
})

const port = process.argv[2]
const served = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })
if (port === undefined)
  await Effect.runPromise(demonstrate.pipe(Effect.provide(served.pipe(Layer.provideMerge(NodeHttpServer.layerTest)))))
else
  NodeRuntime.runMain(
    Layer.launch(served.pipe(Layer.provide(NodeHttpServer.layer(createServer, { port: Number(port) }))))
  )
