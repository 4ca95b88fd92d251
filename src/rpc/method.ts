/** What an RPC method is, and how its parameters get from the request, by name or by position, to its function. */
import * as v from 'valibot'
import type { NodeControl } from '../node/control.ts'
import { printable } from '../primitives/bytes.ts'
import { methodError, type RpcError } from './errors.ts'
import { isObject, type JsonText, type JsonValue } from './json.ts'

export interface RpcContext {
  readonly control: NodeControl
  readonly methods: ReadonlyMap<string, RpcMethod>
  /** Ends what takes long, with a UserError as its reason: the caller is gone, or the server closes. */
  readonly signal: AbortSignal
  /** Has something done once the reply is on its way, or can't be delivered any more. */
  readonly afterReply: (action: () => void) => void
}

/** What a method answers, at once or later. */
export type RpcResult = JsonValue | JsonText
export type RpcAnswer = RpcResult | Promise<RpcResult>

export interface RpcMethod {
  readonly name: string
  /** Such as "addnode <node> <add|remove|onetry>". */
  readonly usage: string
  /** One line. */
  readonly summary: string
  /** `params` as the request has them. Throws RpcError for what the caller did wrong. */
  readonly call: (params: unknown, context: RpcContext) => RpcAnswer
}

export interface MethodSpec<Entries extends v.ObjectEntries> {
  readonly name: string
  readonly usage: string
  readonly summary: string
  /** Parameters in the order of their positions. Each schema's message completes "must be". */
  readonly params: Entries
  /** Other names of parameters. */
  readonly aliases?: Readonly<Record<string, string>>
  /** No message may show what it was given: secrets get into the place of others. */
  readonly takesSecrets?: boolean
  readonly run: (params: v.InferOutput<v.ObjectSchema<Entries, undefined>>, context: RpcContext) => RpcAnswer
}

export function method<const Entries extends v.ObjectEntries>(spec: MethodSpec<Entries>): RpcMethod {
  const { name, usage, summary, run, takesSecrets = false } = spec
  const schema = v.object(spec.params)
  const binding: Binding = {
    names: Object.keys(spec.params),
    aliases: new Map(Object.entries(spec.aliases ?? {})),
    takesSecrets,
  }
  return {
    name,
    usage,
    summary,
    call: (params, context) => {
      const wrong = (what: string): RpcError => methodError(`${name}: ${what}. Usage: ${usage}`)
      const checked = v.safeParse(schema, bind(params, binding, wrong), { abortEarly: true })
      if (checked.success) return run(checked.output, context)
      throw wrong(describe(checked.issues[0], takesSecrets))
    },
  }
}

type Wrong = (what: string) => RpcError

interface Binding {
  readonly names: readonly string[]
  /** Other names, and whose they are. */
  readonly aliases: ReadonlyMap<string, string>
  readonly takesSecrets: boolean
}

/** Values by the parameters' own names. A null is the same as no value. */
function bind(
  params: unknown,
  { names, aliases, takesSecrets }: Binding,
  wrong: Wrong,
): Record<string, unknown> {
  const bound: Record<string, unknown> = {}
  if (Array.isArray(params)) {
    if (params.length > names.length) {
      const most = names.length === 0 ? 'no parameters' : `at most ${names.length} parameters`
      throw wrong(`takes ${most}, not ${params.length}`)
    }
    for (const [i, name] of names.entries()) if (isGiven(params[i])) bound[name] = params[i]
  } else if (isObject(params)) {
    for (const [given, value] of Object.entries(params)) {
      const name = aliases.get(given) ?? given
      if (!names.includes(name))
        throw wrong(takesSecrets ? 'unknown parameter' : `unknown parameter '${printable(given, 64)}'`)
      if (!isGiven(value)) continue
      if (bound[name] !== undefined) throw wrong(`'${given}' and another name of it are both given`)
      bound[name] = value
    }
  }
  return bound
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function describe(issue: v.BaseIssue<unknown>, takesSecrets: boolean): string {
  const [{ key } = { key: 'params' }, ...inner] = issue.path ?? []
  const name = String(key)
  const where =
    name + inner.map((part) => (typeof part.key === 'number' ? `[${part.key}]` : `.${part.key}`)).join('')
  if (issue.input === undefined)
    return inner.length === 0
      ? `parameter '${name}' is missing`
      : `parameter '${name}': ${printable(where, 80)} is missing`
  if (takesSecrets) return `parameter '${name}' must be ${issue.message}`
  return `parameter '${name}' must be ${issue.message}, not ${printable(JSON.stringify(issue.input) ?? '', 80)}`
}
