/** A world as a picture: who is connected to whom, and how that came about over time. SVG, without scripts or fonts. */
import { links, type Sample } from './convergence.ts'
import type { World } from './world.ts'

const SIZE = 760
const RADIUS = 350
/** More lines than this only make a disc. */
const MAX_LINKS = 10_000
const CHART = { left: 840, width: 640, height: 300 }
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

const LINK_COLOURS: Readonly<Record<string, string>> = {
  automatic: '#3b6fb6',
  blockRelay: '#d9822b',
  manual: '#5a9e4b',
}
const OTHER_COLOUR = '#999999'

interface Line {
  readonly name: string
  readonly colour: string
  readonly of: (sample: Sample) => number
}

const SHARES: readonly Line[] = [
  { name: 'at least 1 peer of their choice', colour: '#9bb8d9', of: ({ one, nodes }) => one / nodes },
  { name: 'at least 4', colour: '#3b6fb6', of: ({ four, nodes }) => four / nodes },
  { name: 'all 8', colour: '#12345e', of: ({ full, nodes }) => full / nodes },
  { name: 'in the largest component', colour: '#d9822b', of: ({ largest, nodes }) => largest / nodes },
]
const BOOK: Line = { name: 'addresses known (median)', colour: '#5a9e4b', of: ({ bookMedian }) => bookMedian }

export function draw(world: World, samples: readonly Sample[], title: string): string {
  const width = CHART.left + CHART.width + 40
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${SIZE + 60}" font-family="sans-serif" font-size="14">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="20" y="30" font-size="18">${title}</text>`,
    `<g transform="translate(${SIZE / 2 + 20} ${SIZE / 2 + 45})">${topology(world)}</g>`,
    chart(samples, SHARES, 70, 1, 'share of nodes'),
    chart(samples, [BOOK], 450, Math.max(1, ...samples.map(BOOK.of)), 'addresses'),
    '</svg>',
  ].join('\n')
}

/** Nodes on a circle, in the order of their start; lines by the kind of connection. */
function topology(world: World): string {
  const nodes = world.nodes.filter(({ core }) => core !== undefined)
  const place = (i: number): string => {
    const angle = (2 * Math.PI * i) / nodes.length
    return `${(RADIUS * Math.sin(angle)).toFixed(1)} ${(-RADIUS * Math.cos(angle)).toFixed(1)}`
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
  const opacity = Math.min(0.6, Math.max(0.04, 60 / Math.sqrt(all.length + 1) / 10)).toFixed(2)
  const drawn = [...paths].map(
    ([kind, parts]) =>
      `<path d="${parts.join('')}" stroke="${colourOf(kind)}" stroke-opacity="${opacity}" fill="none"/>`,
  )
  const dots = nodes.map((_, i) => `M${place(i)}h0`).join('')
  const dot = `<path d="${dots}" stroke="#222" stroke-width="${nodes.length > 300 ? 2 : 5}" stroke-linecap="round"/>`
  const legend = [...paths.keys()].map(
    (kind, i) => `<text x="${-RADIUS}" y="${RADIUS - 18 * i}" fill="${colourOf(kind)}">${kind}</text>`,
  )
  return [...drawn, dot, ...legend].join('\n')
}

function colourOf(kind: string): string {
  return LINK_COLOURS[kind] ?? OTHER_COLOUR
}

function chart(
  samples: readonly Sample[],
  lines: readonly Line[],
  top: number,
  max: number,
  label: string,
): string {
  const { left, width, height } = CHART
  const end = samples.at(-1)?.at ?? 1
  const [unitMs, unit] = end > 3 * HOUR_MS ? [HOUR_MS, 'h'] : [MINUTE_MS, 'min']
  const x = (at: number): string => (left + (width * at) / end).toFixed(1)
  const y = (value: number): string => (top + height * (1 - value / max)).toFixed(1)
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<path d="M${left} ${y(share * max)}h${width}" stroke="#ddd"/>`,
    `<text x="${left - 8}" y="${y(share * max)}" text-anchor="end" dy="5">${tick(share * max)}</text>`,
    `<text x="${x(share * end)}" y="${top + height + 20}" text-anchor="middle">${tick((share * end) / unitMs)} ${unit}</text>`,
  ])
  const curves = lines.flatMap(({ name, colour, of }, i) => {
    const points = samples.map((sample) => `${x(sample.at)},${y(of(sample))}`).join(' ')
    const at = top + height - 14 - 18 * (lines.length - 1 - i)
    return [
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${left + width - 8}" y="${at}" text-anchor="end" fill="${colour}">${name}</text>`,
    ]
  })
  return [`<text x="${left}" y="${top - 10}">${label}</text>`, ...grid, ...curves].join('\n')
}

function tick(value: number): string {
  return value >= 10 ? value.toFixed(0) : String(Number(value.toFixed(2)))
}
