/** Methods about the node itself (rpc 4.5): how long it runs, what it can do, its end, and its clock on regtest. */
import * as v from 'valibot'
import { printable } from '../primitives/bytes.ts'
import { whyAbsent } from './absent-methods.ts'
import { methodError } from './errors.ts'
import { method, type RpcMethod } from './method.ts'

/** Stamps in `addr` are 32 bits wide. */
const MAX_MOCK_TIME = 0xffff_ffff
const TIMESTAMP = 'a whole number of Unix seconds, or 0 for the real clock'

export const controlMethods: readonly RpcMethod[] = [
  method({
    name: 'uptime',
    usage: 'uptime',
    summary: 'seconds since this node started',
    params: {},
    run: (_, { control }) => control.uptimeSeconds(),
  }),
  method({
    name: 'help',
    usage: 'help [command]',
    summary: 'all methods, or how one of them is used',
    params: { command: v.optional(v.string('the name of a method')) },
    run: ({ command }, { methods }) => {
      if (command === undefined) {
        return { commands: Array.from(methods.values(), ({ name, summary }) => `${name} - ${summary}`) }
      }
      const found = methods.get(command)
      if (found !== undefined) return `${found.usage}\n\n${found.name} - ${found.summary}`
      const why = whyAbsent(command)
      throw methodError(
        `help: no method '${printable(command, 64)}'${why === undefined ? '' : ` (${why})`}. help without a name lists them all`,
      )
    },
  }),
  method({
    name: 'stop',
    usage: 'stop <confirm>, with confirm: true',
    summary: 'shut this node down cleanly',
    params: { confirm: v.optional(v.boolean('true')) },
    run: ({ confirm }, { control, afterReply }) => {
      if (confirm !== true) {
        throw methodError('stop shuts the node down: confirm it with the parameter confirm: true')
      }
      afterReply(() => control.requestStop())
      return 'Dilithion node stopping'
    },
  }),
]

/** Only for networks where the clock may be set. */
export const mockTimeMethod: RpcMethod = method({
  name: 'setmocktime',
  usage: 'setmocktime <timestamp>',
  summary: "let the node's clock stand at this Unix time; 0 for the real clock",
  params: {
    timestamp: v.pipe(
      v.number(TIMESTAMP),
      v.safeInteger(TIMESTAMP),
      v.minValue(0, TIMESTAMP),
      v.maxValue(MAX_MOCK_TIME, TIMESTAMP),
    ),
  },
  aliases: { seconds: 'timestamp' },
  run: ({ timestamp }, { control }) => {
    control.setMockTime(timestamp)
    return null
  },
})
