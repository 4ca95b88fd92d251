/** The opcodes that a script may execute (chain 7.2). Bytes 0x01 to 0x4b push as many bytes as they say. */
export const OP = {
  FALSE: 0x00,
  PUSHDATA1: 0x4c,
  PUSHDATA2: 0x4d,
  PUSHDATA4: 0x4e,
  NEGATE1: 0x4f,
  TRUE: 0x51,
  PUSH16: 0x60,
  NOP: 0x61,
  IF: 0x63,
  NOTIF: 0x64,
  ELSE: 0x67,
  ENDIF: 0x68,
  VERIFY: 0x69,
  RETURN: 0x6a,
  DROP: 0x75,
  DUP: 0x76,
  SWAP: 0x7c,
  SIZE: 0x82,
  EQUAL: 0x87,
  EQUALVERIFY: 0x88,
  SHA3_256: 0xa8,
  HASH160: 0xa9,
  CHECKSIG: 0xac,
  NOP1: 0xb0,
  CHECKLOCKTIMEVERIFY: 0xb1,
  CHECKSEQUENCEVERIFY: 0xb2,
  NOP4: 0xb3,
  NOP10: 0xb9,
} as const

/** Longest push whose length is its opcode. */
export const MAX_DIRECT_PUSH_BYTES = 0x4b
