// Bundles the simulator and runs it: npm run sim -- --nodes 50 --hours 24 --seed 42
import { withBundle } from './tools.mjs'

await withBundle('testkit/sim/main.ts', () => undefined)
