/** A world as a picture: who is connected to whom, and how that came about over time. SVG, without scripts or fonts. */
import { links, type Sample } from './convergence.ts'
import type { World } from './world.ts'

const SIZE = 760
const RADIUS = 310
/** Bars around the circle are up to so long. */
const BAR = 40
/** More lines than this only make a disc. */
const MAX_LINKS = 3_000
const CHART = { left: 850, width: 640, height: 300 }
const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Where the axis of time may have a mark, if it is not too near the one before. */
const MARKS: readonly (readonly [ms: number, text: string])[] = [
  ...[10, 30].map((s) => [s * SECOND_MS, `${s} s`] as const),
  ...[1, 2, 5, 10, 20, 30].map((min) => [min * MINUTE_MS, `${min} min`] as const),
  ...[1, 2, 6, 12, 24, 48, 168].map((h) => [h * HOUR_MS, `${h} h`] as const),
]
const MIN_MARK_GAP = 45

const LINK_KINDS: Readonly<Record<string, { readonly colour: string; readonly text: string }>> = {
  automatic: { colour: '#3b6fb6', text: 'chosen, for everything' },
  blockRelay: { colour: '#d9822b', text: 'chosen, for blocks only' },
  manual: { colour: '#5a9e4b', text: 'named by the operator' },
}
const OTHER_COLOUR = '#999999'

interface Line {
  readonly name: string
  readonly colour: string
  readonly of: (sample: Sample) => number
}

const SHARES: readonly Line[] = [
  { name: 'at least 1 peer of their own choice', colour: '#9bb8d9', of: ({ one, nodes }) => one / nodes },
  { name: 'at least 4', colour: '#3b6fb6', of: ({ four, nodes }) => four / nodes },
  { name: 'all 8', colour: '#12345e', of: ({ full, nodes }) => full / nodes },
  { name: 'a way to most others', colour: '#d9822b', of: ({ largest, nodes }) => largest / nodes },
]
const BOOK: Line = { name: 'addresses known (median)', colour: '#5a9e4b', of: ({ bookMedian }) => bookMedian }

export function draw(world: World, samples: readonly Sample[], title: string): string {
  const width = CHART.left + CHART.width + 40
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${SIZE + 60}" font-family="sans-serif" font-size="14">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="20" y="30" font-size="18">${title}</text>`,
    `<g transform="translate(${SIZE / 2 + 20} ${SIZE / 2 + 45})">${topology(world)}</g>`,
    chart(samples, SHARES, 70, 0.25, 'share of nodes that have'),
    chart(samples, [BOOK], 450, niceStep(Math.max(4, ...samples.map(BOOK.of)) / 4), 'addresses'),
    '</svg>',
  ].join('\n')
}

/** Nodes on a circle, in the order of their start; lines by the kind of connection; bars for those that came in. */
function topology(world: World): string {
  const nodes = world.nodes.filter(({ core }) => core !== undefined)
  const place = (i: number, radius = RADIUS): string => {
    const angle = (2 * Math.PI * i) / nodes.length
    return `${(radius * Math.sin(angle)).toFixed(1)} ${(-radius * Math.cos(angle)).toFixed(1)}`
  }
  const all = links(world, nodes)
  const paths = new Map<string, string[]>()
  const step = Math.max(1, Math.ceil(all.length / MAX_LINKS))
  for (let k = 0; k < all.length; k += step) {
    const [i, j, kind] = all[k] ?? [0, 0, '']
    const parts = paths.get(kind) ?? []
    paths.set(kind, parts)
    parts.push(`M${place(i)}L${place(j)}`)
  }
  const opacity = Math.min(0.6, Math.max(0.04, 6 / Math.sqrt(all.length / step + 1))).toFixed(2)
  const drawn = [...paths].map(
    ([kind, parts]) =>
      `<path d="${parts.join('')}" stroke="${colourOf(kind)}" stroke-opacity="${opacity}" fill="none"/>`,
  )
  const dots = nodes.map((_, i) => `M${place(i)}h0`).join('')
  const dot = `<path d="${dots}" stroke="#222" stroke-width="${nodes.length > 300 ? 2 : 5}" stroke-linecap="round"/>`
  const inbound = nodes.map(({ core }) => core?.peers.inboundCount ?? 0)
  const most = Math.max(1, ...inbound)
  const bars = inbound.map(
    (count, i) => `M${place(i, RADIUS + 6)}L${place(i, RADIUS + 6 + (BAR * count) / most)}`,
  )
  const bar = `<path d="${bars.join('')}" stroke="#777" stroke-width="${nodes.length > 300 ? 1 : 4}"/>`
  const legend = [...paths.keys()].map((kind): [string, string] => [
    colourOf(kind),
    LINK_KINDS[kind]?.text ?? kind,
  ])
  legend.push(['#777', `bars: connections that came in, up to ${most}`])
  if (step > 1) legend.push(['#222', `one of ${step} connections is drawn`])
  const words = legend.map(
    ([colour, text], i) => `<text x="${-SIZE / 2}" y="${SIZE / 2 - 18 * i}" fill="${colour}">${text}</text>`,
  )
  return [...drawn, bar, dot, ...words].join('\n')
}

function colourOf(kind: string): string {
  return LINK_KINDS[kind]?.colour ?? OTHER_COLOUR
}

/** Time goes by its logarithm: what matters happens in the first of many hours. `step`: of the four of the axis. */
function chart(
  samples: readonly Sample[],
  lines: readonly Line[],
  top: number,
  step: number,
  label: string,
): string {
  const { left, width, height } = CHART
  const [first = 1, end = first] = [samples[0]?.at, samples.at(-1)?.at]
  const span = Math.log(Math.max(end, 2 * first) / first)
  const x = (at: number): number => left + (width * Math.log(at / first)) / span
  const y = (value: number): string => (top + height * (1 - value / (4 * step))).toFixed(1)
  const grid = [0, 1, 2, 3, 4].flatMap((i) => [
    `<path d="M${left} ${y(i * step)}h${width}" stroke="#ddd"/>`,
    `<text x="${left - 8}" y="${y(i * step)}" text-anchor="end" dy="5">${Number((i * step).toFixed(2))}</text>`,
  ])
  let lastMark = Number.NEGATIVE_INFINITY
  for (const [at, text] of MARKS) {
    if (at < first || at > end || x(at) - lastMark < MIN_MARK_GAP) continue
    lastMark = x(at)
    const where = lastMark.toFixed(1)
    grid.push(`<path d="M${where} ${top + height}v5" stroke="#888"/>`)
    grid.push(`<text x="${where}" y="${top + height + 20}" text-anchor="middle">${text}</text>`)
  }
  const curves = lines.flatMap(({ name, colour, of }, i) => {
    const points = samples.map((sample) => `${x(sample.at).toFixed(1)},${y(of(sample))}`).join(' ')
    const at = top + height - 14 - 18 * (lines.length - 1 - i)
    return [
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${left + width - 8}" y="${at}" text-anchor="end" fill="${colour}">${name}</text>`,
    ]
  })
  return [`<text x="${left}" y="${top - 10}">${label}</text>`, ...grid, ...curves].join('\n')
}

/** The smallest of 1, 2, 2.5, 5, 10, 20, ... that is not below `value`. */
function niceStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 2, 2.5, 5].find((factor) => factor * power >= value) ?? 10)
}
