/** Methods that answer when something has happened to the chain (rpc 4.1). */
import * as v from 'valibot'
import type { HeaderNode } from '../chain/header-node.ts'
import { MAX_WAIT_MS } from '../node/tip-waits.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, HEIGHT, hashOf } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { MAX_RPC_WAITS } from './limits.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'

const FORM = `milliseconds, from 0 to ${MAX_WAIT_MS}`
const TIMEOUT = v.optional(
  v.pipe(v.number(FORM), v.safeInteger(FORM), v.minValue(0, FORM), v.maxValue(MAX_WAIT_MS, FORM)),
)
const DEFAULT_TIMEOUT_MS = 30_000
const ALIASES = { timeout: 'timeout_ms' }

let waits = 0

export const waitMethods: readonly RpcMethod[] = [
  method({
    name: 'waitfornewblock',
    usage: 'waitfornewblock [timeout_ms]',
    summary: 'wait until the active chain ends in another block, and say in which',
    params: { timeout_ms: TIMEOUT },
    aliases: ALIASES,
    run: async ({ timeout_ms }, context) => {
      const before = chainOf(context).engine.tip
      return await answerTip(context, timeout_ms, (tip) => tip !== before)
    },
  }),
  method({
    name: 'waitforblock',
    usage: 'waitforblock <blockhash> [timeout_ms]',
    summary: 'wait until the active chain ends in this block, and say in which it does',
    params: { blockhash: HASH, timeout_ms: TIMEOUT },
    aliases: { ...ALIASES, hash: 'blockhash' },
    run: async ({ blockhash, timeout_ms }, context) => {
      const text = hashToHex(hashOf(blockhash))
      return await answerTip(context, timeout_ms, (tip) => hashToHex(tip.hash) === text)
    },
  }),
  method({
    name: 'waitforblockheight',
    usage: 'waitforblockheight <height> [timeout_ms]',
    summary: 'wait until the active chain is so long, and say in which block it ends',
    params: { height: HEIGHT, timeout_ms: TIMEOUT },
    aliases: ALIASES,
    run: async ({ height, timeout_ms }, context) =>
      await answerTip(context, timeout_ms, (tip) => tip.height >= height),
  }),
]

async function answerTip(
  context: RpcContext,
  timeoutMs: number | undefined,
  fits: (tip: HeaderNode) => boolean,
): Promise<JsonObject> {
  const { hash, height } = await waitForTip(context, timeoutMs ?? DEFAULT_TIMEOUT_MS, fits)
  return { hash: hashToHex(hash), height }
}

/** The tip when it fits, or when the time is over. Rejects with RpcError if too many wait already. */
export async function waitForTip(
  context: RpcContext,
  timeoutMs: number,
  fits: (tip: HeaderNode) => boolean,
): Promise<HeaderNode> {
  if (waits >= MAX_RPC_WAITS) throw methodError(`${MAX_RPC_WAITS} calls wait already: end one of them first`)
  waits++
  try {
    return await chainOf(context).waitForTip(fits, timeoutMs, context.signal)
  } finally {
    waits--
  }
}
