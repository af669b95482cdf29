import { readdir, realpath, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"

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

/** One name per file, whatever links and relative paths lead to it. */
export const canonical = (path: string): Promise<string> => realpath(path).catch(() => resolve(path))
