import { processIo } from './client/process-io.ts'
import { runCli } from './dilithion-cli.ts'

process.exitCode = await runCli(process.argv.slice(2), processIo())
