import { describe, expect, it } from 'vitest'
import { decodeBase58, encodeBase58, encodeBase58Check } from '../../src/primitives/base58.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import {
  type AddressError,
  decodeAddress,
  describeAddressError,
  encodeAddress,
} from '../../src/script/address.ts'
import { hex } from '../../testkit/vectors.ts'

const DEV = '96859a6f0bf280b95e36bbe6af01025f9ed45fce'
const REWARD = 'e27c4c3fd64a06c96a1185a3ccc20cc69693a1d5'

describe('base58', () => {
  it.each([
    ['', ''],
    ['00', '1'],
    ['000000', '111'],
    ['39', 'z'],
    ['3a', '21'],
    ['0001', '12'],
    ['61', '2g'],
    ['626262', 'a3gV'],
    ['516b6fcd0f', 'ABnLTmg'],
    ['00000000000000000000', '1111111111'],
  ])('%s is "%s"', (bytes, text) => {
    expect(encodeBase58(hex(bytes))).toBe(text)
    expect(toHex(decodeBase58(text) ?? hex('dead'))).toBe(bytes)
  })

  it.each(['0', 'O', 'I', 'l', 'D ', 'é', '\u{1F600}'])('has no "%s"', (text) => {
    expect(decodeBase58(text)).toBeUndefined()
  })
})

describe('addresses', () => {
  it.each([
    [DEV, 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'],
    [REWARD, 'DRne9ygVbQJFKma1pyEMPpyRbjmVKNcbWe'],
  ])('of %s is %s', (hash, address) => {
    expect(encodeAddress(hex(hash))).toBe(address)
    expect(decodeAddress(address)).toEqual({ ok: true, value: hex(hash) })
  })

  it.each<[string, string, AddressError]>([
    ['a typing error', 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKr', 'badChecksum'],
    ['a missing character', 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrK', 'badChecksum'],
    ['swapped characters', 'DJyrwx4AsVQSPLZCKRdg8erZdPMNaRSrKq', 'badChecksum'],
    ['nothing', '', 'badChecksum'],
    ['a character of none', 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSr0q', 'badCharacter'],
    ['white space', ' DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq', 'badCharacter'],
    ['another version', encodeBase58Check(hex(`00${DEV}`)), 'otherVersion'],
    ['19 bytes', encodeBase58Check(hex(`1e${DEV.slice(2)}`)), 'badLength'],
    ['21 bytes', encodeBase58Check(hex(`1e${DEV}00`)), 'badLength'],
    ['a version alone', encodeBase58Check(hex('1e')), 'badLength'],
    ['1,025 characters', 'D'.repeat(1_025), 'tooLong'],
    ['1,024 characters', 'D'.repeat(1_024), 'badChecksum'],
  ])('with %s is refused', (_, address, error) => {
    expect(decodeAddress(address)).toEqual({ ok: false, error })
    expect(describeAddressError(error)).toMatch(/^the .*address/)
  })

  it('is made of 20 bytes', () => {
    expect(() => encodeAddress(new Uint8Array(32))).toThrow(RangeError)
  })
})
