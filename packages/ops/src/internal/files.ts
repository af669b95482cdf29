import { readdir, realpath, stat } from "node:fs/promises"
import { basename, dirname, join, resolve, sep } from "node:path"

/**
 * Bytes of a model file and of the files beside it that hold its weights (`model.onnx_data`, `model.onnx.data`,
 * `model.onnx_data_1`: the names that exporters use). 0 when there is no such file: saying so is the load's task.
 */
export const modelBytes = async (path: string): Promise<number> => {
  try {
    const name = basename(path)
    const own = await stat(path)
    if (!own.isFile()) return 0
    const beside = (await readdir(dirname(path))).filter(
      (file) => file.startsWith(name) && /^[._]data/.test(file.slice(name.length))
    )
    const sizes = await Promise.all(
      beside.map((file) =>
        stat(join(dirname(path), file)).then(
          (found) => found.size,
          () => 0
        )
      )
    )
    return sizes.reduce((sum, size) => sum + size, own.size)
  } catch {
    return 0
  }
}

/**
 * One name per file, whatever links and relative paths lead to it; but a file of a snapshot in the cache of the Hugging
 * Face hub, which is a link to a blob, keeps its own name. Its weights lie beside the link, and the same blob can have
 * other weights beside it elsewhere.
 */
export const canonical = async (path: string): Promise<string> => {
  try {
    const real = await realpath(path)
    const named = join(await realpath(dirname(path)), basename(path))
    return isSnapshotOf(named, real) ? named : real
  } catch {
    return resolve(path)
  }
}

/** `.../snapshots/COMMIT/unet/model.onnx` of `.../blobs/CHECKSUM` */
const isSnapshotOf = (named: string, real: string): boolean => {
  const blobs = dirname(real)
  return basename(blobs) === "blobs" && named.startsWith(join(dirname(blobs), "snapshots") + sep)
}
