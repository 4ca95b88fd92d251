import { runNode } from './dilithion-node.ts'

process.exitCode = await runNode(process.argv.slice(2))
