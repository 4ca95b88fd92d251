/**
 * Which blocks of the code under test have run, by V8's own precise coverage: no instrumented build, and nothing to
 * install. A look at it takes about a millisecond, so a look is taken after many inputs, not after each.
 *
 * It works on a bundle of esbuild, which marks where each source file begins by a comment with its path.
 */
import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'

interface Section {
  readonly path: string
  readonly start: number
  readonly end: number
}

export class Coverage {
  readonly #session = new Session()
  readonly #url: string
  readonly #sections: readonly Section[]
  readonly #seen = new Set<string>()
  /** Blocks that were known to exist, run or not. */
  readonly #known = new Set<string>()

  /** `bundleUrl`: the file that all code is in. `wanted`: which source files count, by their path. */
  constructor(bundleUrl: string, wanted: (path: string) => boolean) {
    this.#url = bundleUrl
    this.#sections = sectionsOf(readFileSync(fileURLToPath(bundleUrl), 'utf8')).filter(({ path }) =>
      wanted(path),
    )
    if (this.#sections.length === 0) throw new Error('nothing of the code under test is in the bundle')
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that have run since the beginning. */
  get blocks(): number {
    return this.#seen.size
  }

  /** Blocks of all functions that have been called. */
  get knownBlocks(): number {
    return this.#known.size
  }

  /** How many blocks have run since the last look that had never run before. */
  look(): number {
    const before = this.#seen.size
    for (const block of this.#take()) this.#seen.add(block)
    return this.#seen.size - before
  }

  /** Has anything new run since the last look? It is forgotten: whoever ran it has to be found by running again. */
  hasNew(): boolean {
    return this.#take().some((block) => !this.#seen.has(block))
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  #take(): string[] {
    const ran: string[] = []
    for (const { functionName, ranges } of this.#functions()) {
      for (const { startOffset, endOffset, count } of ranges) {
        const block = `${functionName} ${startOffset} ${endOffset}`
        this.#known.add(block)
        if (count > 0) ran.push(block)
      }
    }
    return ran
  }

  #functions(): Profiler.FunctionCoverage[] {
    let functions: Profiler.FunctionCoverage[] = []
    // Within one thread the answer comes before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      functions = result.find(({ url }) => url === this.#url)?.functions ?? []
    })
    return functions.filter(({ ranges }) => this.#isWanted(ranges[0]?.startOffset ?? 0))
  }

  #isWanted(offset: number): boolean {
    return this.#sections.some(({ start, end }) => offset >= start && offset < end)
  }
}

function sectionsOf(bundle: string): Section[] {
  const marks = [...bundle.matchAll(/^\/\/ (?:\.\.\/)*([\w./@-]+\.[a-z]+)$/gm)]
  return marks.map((mark, i) => ({
    path: mark[1] ?? '',
    start: mark.index,
    end: marks[i + 1]?.index ?? bundle.length,
  }))
}
