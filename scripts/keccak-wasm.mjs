// Writes src/primitives/keccak-wasm.ts: SHA3-256 (FIPS 202) as a WebAssembly module of under two kilobytes.
//
//   node scripts/keccak-wasm.mjs           write the file
//   node scripts/keccak-wasm.mjs --check   exit 1 if the file is not what this script would write
//
// Why a module of our own: one node:crypto call costs more than a Keccak permutation, and most messages are one
// permutation long. JavaScript has no 64-bit integers that are fast; WebAssembly does.
//
// The module exports
//   memory                     one page, laid out by ROUND_CONSTANTS_AT, DIGEST_AT and INPUT_AT below
//   sha3(length)               hashes `length` bytes at INPUT_AT, leaves the 32-byte digest at DIGEST_AT
//   checksum(length) -> i32    the same twice (digest of the digest), returns its first 4 bytes, little-endian
// The bytes behind the input are overwritten with padding. A length above 64,888 does not fit the page and traps.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TARGET = fileURLToPath(new URL('../src/primitives/keccak-wasm.ts', import.meta.url))

const RATE = 136
const RATE_LANES = RATE / 8
const DIGEST_BYTES = 32
const DIGEST_LANES = DIGEST_BYTES / 8
const ROUNDS = 24
const DOMAIN_BYTE = 0x06
const LAST_BYTE = 0x80

const ROUND_CONSTANTS_AT = 0
// A whole block: behind the digest lies, as constant data, the padding that makes it the input of a second hash.
const DIGEST_AT = 256
const INPUT_AT = 512

// Index of lane (x, y); both coordinates wrap around.
const lane = (x, y) => (x % 5) + 5 * (y % 5)
const FIVE = [0, 1, 2, 3, 4]
const range = (count) => Array.from({ length: count }, (_, i) => i)

// --- Keccak's tables ---------------------------------------------------------------------------------------

// FIPS 202, algorithm 5: each bit of a round constant comes from a linear feedback shift register.
function roundConstants() {
  let register = 1
  return range(ROUNDS).map(() => {
    let constant = 0n
    for (let j = 0n; j <= 6n; j++) {
      if (register & 1) constant |= 1n << ((1n << j) - 1n)
      register = (register << 1) ^ ((register >> 7) * 0x171)
    }
    return constant
  })
}

// FIPS 202, algorithm 2: how far each lane is rotated.
function rotations() {
  const table = range(25).map(() => 0)
  for (let t = 0, x = 1, y = 0; t < 24; t++) {
    table[lane(x, y)] = (((t + 1) * (t + 2)) / 2) % 64
    ;[x, y] = [y, (2 * x + 3 * y) % 5]
  }
  return table
}

// --- WebAssembly's binary format ---------------------------------------------------------------------------
// Code is nested arrays of bytes, flattened at the end. An expression leaves one value on the stack.

function unsigned(value) {
  const bytes = []
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  return [...bytes, value]
}

function signed(value) {
  const bytes = []
  let rest = BigInt(value)
  for (; rest < -64n || rest > 63n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest & 0x7fn)]
}

const flatten = (code) => code.flat(Number.POSITIVE_INFINITY)
const sized = (code) => {
  const bytes = flatten(code)
  return [unsigned(bytes.length), bytes]
}
const vector = (items) => [unsigned(items.length), items]
const section = (id, items) => [id, sized(vector(items))]
const name = (text) => vector([...Buffer.from(text, 'ascii')])

const I32 = 0x7f
const I64 = 0x7e
const END = 0x0b

const get = (local) => [0x20, unsigned(local)]
const set = (local, value) => [value, 0x21, unsigned(local)]
const call = (index, args) => [args, 0x10, unsigned(index)]
const whileTrue = (body, condition) => [0x03, 0x40, body, condition, 0x0d, 0, END] // a loop that runs at least once

const i32 = (value) => [0x41, signed(value)]
const add32 = (a, b) => [a, b, 0x6a]
const mul32 = (a, b) => [a, b, 0x6c]
const div32 = (a, b) => [a, b, 0x6e] // unsigned
const or32 = (a, b) => [a, b, 0x72]
const less32 = (a, b) => [a, b, 0x49] // unsigned
const equal32 = (a, b) => [a, b, 0x46]
const load32 = (at, offset) => [at, 0x28, 2, unsigned(offset)]
const load8 = (at, offset) => [at, 0x2d, 0, unsigned(offset)]
const store8 = (at, offset, value) => [at, value, 0x3a, 0, unsigned(offset)]

const i64 = (value) => [0x42, signed(value)]
const and = (a, b) => [a, b, 0x83]
const or = (a, b) => [a, b, 0x84]
const xor = (a, b) => [a, b, 0x85]
const not = (a) => xor(a, i64(-1))
const rotateLeft = (a, bits) => (bits === 0 ? a : [a, i64(bits), 0x89])
const load = (at, offset) => [at, 0x29, 3, unsigned(offset)]
const store = (at, offset, value) => [at, value, 0x37, 3, unsigned(offset)]

// --- One round ---------------------------------------------------------------------------------------------

// Locals of the sponge function: two parameters, three i32, then i64.
const LENGTH = 0
const AGAIN = 1
const BLOCK = 2
const BLOCKS_END = 3
const ROUND = 4
const I32_LOCALS = 3
const A = (i) => 5 + i // the state
const NEXT = (i) => 30 + i // the state after the round
const C = (x) => 55 + x // column parities
const D = (x) => 60 + x // what theta adds to a column
const B = (x) => 65 + x // one row between pi and chi
const NOT_B = (x) => 70 + x
const I64_LOCALS = 70

// These lanes are kept as their complement between rounds. Chi's `~b & c` then mostly becomes a plain AND or OR,
// which leaves 5 of the 25 complements of a round. Below, a flag of 1 says "this local holds the complement".
const COMPLEMENTED = new Set([1, 2, 8, 12, 17, 20])
const flag = (i) => (COMPLEMENTED.has(i) ? 1 : 0)

const ROTATIONS = rotations()

function theta() {
  const parity = (x) => FIVE.map((y) => get(A(lane(x, y)))).reduce(xor)
  return [
    FIVE.map((x) => set(C(x), parity(x))),
    FIVE.map((x) => set(D(x), xor(get(C((x + 4) % 5)), rotateLeft(get(C((x + 1) % 5)), 1)))),
  ]
}

const parityFlag = (x) => FIVE.reduce((sum, y) => sum ^ flag(lane(x, y)), 0)
const thetaFlag = (x) => parityFlag(x + 4) ^ parityFlag(x + 1)

// Row y after theta, rho and pi: pi moves lane (x', y') to (y', 2x' + 3y').
function rowBeforeChi(y) {
  const sources = FIVE.map((x) => ({ column: (x + 3 * y) % 5, index: lane(x + 3 * y, x) }))
  return {
    code: sources.map(({ column, index }, x) =>
      set(B(x), rotateLeft(xor(get(A(index)), get(D(column))), ROTATIONS[index])),
    ),
    flags: sources.map(({ column, index }) => flag(index) ^ thetaFlag(column)),
  }
}

// Row y of the next state: b0 ^ (~b1 & b2), written for operands and results that may be complements.
function chi(y, flags, roundConstant) {
  const negated = new Set()
  const negation = (x) => {
    negated.add(x)
    return get(NOT_B(x))
  }
  const results = FIVE.map((x) => {
    const [x1, x2] = [(x + 1) % 5, (x + 2) % 5]
    const wanted = flags[x] ^ flag(lane(x, y))
    // Of two operands with different flags no complement is needed, and the result's flag is given by theirs.
    // With equal flags De Morgan leaves the choice, so the term gets the flag that the result wants.
    const free = flags[x1] !== flags[x2]
    const termFlag = free ? flags[x2] : wanted
    const left = !free && flags[x1] === wanted ? negation(x1) : get(B(x1))
    const right = !free && flags[x2] !== wanted ? negation(x2) : get(B(x2))
    const term = termFlag ? or(left, right) : and(left, right)
    const result = xor(termFlag === wanted ? get(B(x)) : negation(x), term)
    return set(NEXT(lane(x, y)), x + y === 0 ? xor(result, roundConstant) : result)
  })
  return [[...negated].map((x) => set(NOT_B(x), not(get(B(x))))), results]
}

// Not unrolled on purpose: with two and more rounds per turn V8 spills more lanes and takes a fifth longer.
function permutation() {
  const rows = FIVE.map((y) => {
    const { code, flags } = rowBeforeChi(y)
    return [code, chi(y, flags, load(get(ROUND), ROUND_CONSTANTS_AT))]
  })
  const moveBack = range(25).map((i) => set(A(i), get(NEXT(i))))
  const advance = set(ROUND, add32(get(ROUND), i32(8)))
  return [
    set(ROUND, i32(0)),
    whileTrue([theta(), rows, moveBack, advance], less32(get(ROUND), i32(8 * ROUNDS))),
  ]
}

// --- The sponge --------------------------------------------------------------------------------------------

// Clears one rate behind the input, which reaches the end of the last block, then sets the two padding marks.
function pad() {
  const blocks = add32(div32(get(LENGTH), i32(RATE)), i32(1))
  const lastByte = or32(load8(get(BLOCKS_END), INPUT_AT - 1), i32(LAST_BYTE))
  return [
    range(RATE_LANES).map((i) => store(get(LENGTH), INPUT_AT + 8 * i, i64(0))),
    store8(get(LENGTH), INPUT_AT, i32(DOMAIN_BYTE)),
    set(BLOCKS_END, mul32(blocks, i32(RATE))),
    store8(get(BLOCKS_END), INPUT_AT - 1, lastByte),
    set(BLOCK, i32(INPUT_AT)),
    set(BLOCKS_END, add32(get(BLOCKS_END), i32(INPUT_AT))),
  ]
}

// sponge(length, again): hashes the input and, if `again` is not 0, the digest of it.
function sponge() {
  const clear = range(25).map((i) => set(A(i), i64(-flag(i))))
  const absorb = range(RATE_LANES).map((i) => set(A(i), xor(get(A(i)), load(get(BLOCK), 8 * i))))
  const nextBlock = set(BLOCK, add32(get(BLOCK), i32(RATE)))
  const squeeze = range(DIGEST_LANES).map((i) =>
    store(i32(0), DIGEST_AT + 8 * i, flag(i) ? not(get(A(i))) : get(A(i))),
  )
  // `again` falls from 1 to 0 to -1, so the condition holds after the first pass only.
  const digestAsInput = [
    set(BLOCK, i32(DIGEST_AT)),
    set(BLOCKS_END, i32(DIGEST_AT + RATE)),
    set(AGAIN, add32(get(AGAIN), i32(-1))),
  ]
  const blocks = whileTrue([absorb, permutation(), nextBlock], less32(get(BLOCK), get(BLOCKS_END)))
  const passes = whileTrue([clear, blocks, squeeze, digestAsInput], equal32(get(AGAIN), i32(0)))
  return [pad(), passes]
}

// --- The module --------------------------------------------------------------------------------------------

function buildModule() {
  const SPONGE = 0
  const SHA3 = 1
  const CHECKSUM = 2
  const functionType = (parameters, results) => [0x60, vector(parameters), vector(results)]
  const types = [functionType([I32, I32], []), functionType([I32], []), functionType([I32], [I32])]
  const exported = (text, kind, index) => [name(text), kind, index]
  const body = (locals, code) => sized([vector(locals), code, END])
  const data = (at, bytes) => [0, i32(at), END, vector(bytes)]
  const constantBytes = roundConstants().flatMap((c) =>
    range(8).map((i) => Number((c >> BigInt(8 * i)) & 0xffn)),
  )
  const digestPadding = [DOMAIN_BYTE, ...range(RATE - DIGEST_BYTES - 2).map(() => 0), LAST_BYTE]
  const code = [
    body(
      [
        [I32_LOCALS, I32],
        [I64_LOCALS, I64],
      ],
      sponge(),
    ),
    body([], call(SPONGE, [get(0), i32(0)])),
    body([], [call(SPONGE, [get(0), i32(1)]), load32(i32(0), DIGEST_AT)]),
  ]
  const bytes = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, types),
    section(3, [0, 1, 2]), // the type of each function
    section(5, [[1, 1, 1]]), // memory: at least and at most one page, so its buffer never moves
    section(7, [exported('memory', 2, 0), exported('sha3', 0, SHA3), exported('checksum', 0, CHECKSUM)]),
    section(10, code),
    section(11, [data(ROUND_CONSTANTS_AT, constantBytes), data(DIGEST_AT + DIGEST_BYTES, digestPadding)]),
  ]
  return Buffer.from(flatten(bytes))
}

function generatedSource() {
  const base64 = buildModule().toString('base64')
  return `// Generated by scripts/keccak-wasm.mjs, which says what this module does. Do not edit.\n\nexport const keccakWasmBase64 =\n  '${base64}'\n`
}

function currentSource() {
  try {
    return readFileSync(TARGET, 'utf8')
  } catch {
    return undefined
  }
}

const source = generatedSource()
if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, source)
} else if (currentSource() !== source) {
  console.error('src/primitives/keccak-wasm.ts is out of date: run node scripts/keccak-wasm.mjs')
  process.exitCode = 1
}
