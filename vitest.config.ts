import { defineConfig } from 'vitest/config'
import { workerBundles } from './testkit/worker-bundles.ts'

export default defineConfig({
  plugins: [workerBundles()],
  test: {
    setupFiles: ['test/setup.ts'],
    include: ['test/**/*.test.ts'],
    pool: 'threads',
    isolate: false,
    // Most of the time is spent waiting for processes.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
