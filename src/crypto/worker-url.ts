/**
 * Where the code of worker threads lies: beside this module, whether it runs as TypeScript, as the library or in a
 * bundle (scripts/build.mjs). Tests bundle it first: Node.js loads threads itself, and before 22.18 no TypeScript.
 */
const here = import.meta.url

export function workerUrl(name: string): URL {
  return new URL(`./${name}.${here.endsWith('.ts') ? 'ts' : 'js'}`, here)
}
