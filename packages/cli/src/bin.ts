import { main } from "./Main.ts"
import * as Process from "./Process.ts"

Process.run(main(process.argv.slice(2)))
