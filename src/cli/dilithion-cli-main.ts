import { processIo } from './client/process-io.ts'
import { runCli } from './dilithion-cli.ts'

const code = await runCli(process.argv.slice(2), processIo())
// Unless the output could not be written.
process.exitCode ||= code
