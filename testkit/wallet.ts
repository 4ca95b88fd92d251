/** What tests of wallets share: cheap keys, blocks that pay to them, and a node in memory with a wallet. */
import type { HeaderNode } from '../src/chain/header-node.ts'
import type { Signer } from '../src/crypto/signer.ts'
import { type ChainBackendOptions, openChain } from '../src/node/chain-backend.ts'
import type { ChainControl } from '../src/node/chain-control.ts'
import { DilithionNode } from '../src/node/node.ts'
import { WalletKeys } from '../src/node/wallet-keys.ts'
import type { WalletService } from '../src/node/wallet-service.ts'
import { WalletStore } from '../src/node/wallet-store.ts'
import { regtest } from '../src/params/networks.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { PUBLIC_KEY_BYTES } from '../src/script/signature-check.ts'
import type { Block } from '../src/wire/block.ts'
import { decodePayload } from '../src/wire/messages.ts'

/** Of no use to anybody but tests. */
export const VAULT_COST = 4

/** Makes public keys as fast as can be; nothing can be signed with them. */
export const cheapSigner: Signer = {
  publicKeys: (secrets) => Promise.resolve(secrets.map(cheapPublicKey)),
  sign: () => Promise.reject(new Error('cheap keys can not sign')),
}

function cheapPublicKey(secret: Uint8Array): Uint8Array {
  const key = new Uint8Array(PUBLIC_KEY_BYTES)
  key.set(sha3_256(secret))
  return key
}

/** The keys of a wallet in that file, read if it is there. */
export async function openKeys(path: string | undefined, signer: Signer = cheapSigner): Promise<WalletKeys> {
  const keys = new WalletKeys({ store: new WalletStore(path), signer, vaultCost: VAULT_COST })
  await keys.load()
  return keys
}

export interface RunningWallet {
  readonly node: DilithionNode
  readonly chain: ChainControl
  readonly wallet: WalletService
  readonly notices: string[]
  blockAt(node: HeaderNode): Promise<Block>
  stop(): Promise<void>
}

export interface WalletNodeOptions extends Partial<ChainBackendOptions> {
  readonly walletPath?: string
  /** Real ones, with which payments can be signed. */
  readonly realKeys?: boolean
}

/** A node without peers on regtest. Its keys are cheap. */
export async function startWallet(options: WalletNodeOptions = {}): Promise<RunningWallet> {
  const { walletPath, realKeys = false, ...chainOptions } = options
  const notices: string[] = []
  const backend = await openChain({ network: regtest, ...chainOptions })
  const node = new DilithionNode({
    network: regtest,
    chain: backend,
    wallet: {
      path: walletPath,
      vaultCost: VAULT_COST,
      onNotice: (line) => notices.push(line),
      ...(realKeys ? {} : { signer: cheapSigner }),
    },
  })
  const stop = async (): Promise<void> => {
    await node.stop()
    await backend.close()
  }
  try {
    await node.start()
    const { chain, wallet } = node
    if (chain === undefined || wallet === undefined) throw new Error('no wallet')
    const blockAt = async (header: HeaderNode): Promise<Block> => {
      const stored = await chain.readBlock(header)
      const message = decodePayload('block', stored?.payload ?? new Uint8Array(0))
      if (!message.ok) throw new Error('no block')
      return message.value.block
    }
    return { node, chain, wallet, notices, blockAt, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
