/**
 * A wallet's secret under a passphrase: scrypt makes a key of the passphrase, AES-256-GCM seals with it. The cost is
 * memory and time that whoever tries passphrases must spend each time; what a file may ask of us is bounded.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { MAX_VAULT_COST, VAULT_COST } from '../params/wallet-limits.ts'
import { bytesEqual, concatBytes } from '../primitives/bytes.ts'
import { err, ok, type Result } from '../primitives/result.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** scrypt's block size: 1 KiB of memory for each unit of cost. */
const BLOCK_SIZE = 8
const BLOCK_BYTES = 128 * BLOCK_SIZE

export interface Sealed {
  /** Binary logarithm of scrypt's N; memory is 2^cost KiB. */
  readonly cost: number
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
  /** As long as the secret, and 16 bytes that prove it whole. */
  readonly data: Uint8Array
}

export type UnsealError =
  /** Or the data was altered: nothing tells the two apart. */
  | 'wrongPassphrase'
  /** It asks for more memory than we give, or is no seal of ours. */
  | 'unsupported'

/** What a passphrase opens and seals with; a secret, to be wiped when it is not needed any more. */
export class VaultKey {
  readonly #cost: number
  readonly #salt: Uint8Array
  readonly #key: Buffer

  private constructor(cost: number, salt: Uint8Array, key: Buffer) {
    this.#cost = cost
    this.#salt = salt
    this.#key = key
  }

  /** For sealing under a new passphrase. Takes 128 MiB and some half a second of another thread. */
  static async create(passphrase: string, cost = VAULT_COST): Promise<VaultKey> {
    const salt = new Uint8Array(randomBytes(SALT_BYTES))
    return new VaultKey(cost, salt, await keyOf(passphrase, salt, cost))
  }

  /** Whether it is the right one shows when something is opened with it. Takes as long as {@link create} did. */
  static async of(sealed: Sealed, passphrase: string): Promise<Result<VaultKey, 'unsupported'>> {
    const { cost, salt, nonce, data } = sealed
    const isOurs = salt.length === SALT_BYTES && nonce.length === NONCE_BYTES && data.length >= TAG_BYTES
    if (!isOurs || !Number.isInteger(cost) || cost < 1 || cost > MAX_VAULT_COST) return err('unsupported')
    return ok(new VaultKey(cost, salt, await keyOf(passphrase, salt, cost)))
  }

  seal(secret: Uint8Array): Sealed {
    const nonce = new Uint8Array(randomBytes(NONCE_BYTES))
    const cipher = createCipheriv(CIPHER, this.#key, nonce)
    const data = concatBytes([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
    return { cost: this.#cost, salt: this.#salt, nonce, data }
  }

  open({ salt, nonce, data }: Sealed): Result<Uint8Array, 'wrongPassphrase'> {
    if (!bytesEqual(salt, this.#salt)) return err('wrongPassphrase')
    const decipher = createDecipheriv(CIPHER, this.#key, nonce)
    decipher.setAuthTag(data.subarray(-TAG_BYTES))
    const begun = decipher.update(data.subarray(0, -TAG_BYTES))
    try {
      return ok(concatBytes([begun, decipher.final()]))
    } catch {
      return err('wrongPassphrase')
    } finally {
      begun.fill(0)
    }
  }

  /** It is of no use afterwards. */
  wipe(): void {
    this.#key.fill(0)
  }
}

function keyOf(passphrase: string, salt: Uint8Array, cost: number): Promise<Buffer> {
  const blocks = 2 ** cost
  // Memory of scrypt itself, and as much again for what stands around it.
  const options = { N: blocks, r: BLOCK_SIZE, p: 1, maxmem: 2 * blocks * BLOCK_BYTES + 1_048_576 }
  return new Promise((resolve, reject) => {
    // The same passphrase from every keyboard: letters with accents can be written in two ways.
    scrypt(passphrase.normalize('NFKC'), salt, KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
