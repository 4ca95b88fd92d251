/** Why the node can't be asked, as a finding: it does not run, listens elsewhere, or does not know us. */
import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Finding } from '../../node/diagnosis-finding.ts'
import { LOCK_FILE } from '../../node/lock.ts'
import { errorCode, type UserError } from '../../primitives/errors.ts'
import { formatHostPort, isLoopback, parseIp } from '../../primitives/ip.ts'
import { METHOD_NOT_FOUND, REFUSED, RpcError } from '../../rpc/errors.ts'
import { NoAnswerError } from './rpc-client.ts'
import type { Target } from './settings.ts'

type Words = Pick<Finding, 'code' | 'title' | 'explanation' | 'advice'>

/** What is known of the place where the node should be. */
interface Surroundings {
  readonly place: string
  readonly dataDir: string
  /** Number of the process that holds the data directory; undefined if none does, or it is on another machine. */
  readonly holder: number | undefined
  readonly isHere: boolean
  readonly hasCookie: boolean
}

const START = 'Start dilithion-node, with the same --datadir, --testnet or --regtest as here.'

export async function explainNoAnswer(error: UserError | RpcError, target: Target): Promise<Finding> {
  const words = explain(error, target, await lookAround(target))
  return { level: 'problem', ...words }
}

function explain(error: UserError | RpcError, target: Target, around: Surroundings): Words {
  if (error instanceof RpcError) return explainRefusal(error, target, around)
  // Without a login nothing was asked; and without a node there is no cookie.
  const isCookieMissing = target.login === undefined && !around.hasCookie && !(error instanceof NoAnswerError)
  if (isCookieMissing) return noCookie(error, around)
  if (!(error instanceof NoAnswerError)) return notAskable(error)
  if (error.why === 'notANode') return otherProgram(around)
  if (error.why === 'failed') return notAskable(error)
  return around.holder === undefined ? notRunning(around) : wrongPort(around, around.holder)
}

function explainRefusal(error: RpcError, target: Target, { place }: Surroundings): Words {
  if (error.code === METHOD_NOT_FOUND) {
    return {
      code: 'otherNode',
      title: 'The node gives no diagnosis',
      explanation: `What answers at ${place} does not know getdiagnosis: an older node, or one of another kind.`,
      advice: 'Update it; getpeerinfo shows its peers meanwhile.',
    }
  }
  if (error.code !== REFUSED) return notAskable(error)
  const login =
    target.login === undefined ? `the cookie in ${target.cookieFile}` : 'this rpcuser and rpcpassword'
  return {
    code: 'wrongLogin',
    title: 'The node does not accept the login',
    explanation: `A node answers at ${place}, but not to ${login}: ${error.message}.`,
    advice:
      'Is it the node of another data directory or network (--datadir, --testnet, --regtest, --rpcport)? ' +
      'If it was started with an rpcuser and rpcpassword, give them.',
  }
}

function notRunning({ place, dataDir, isHere, hasCookie }: Surroundings): Words {
  if (!isHere) {
    return {
      code: 'notReached',
      title: 'No node answers',
      explanation: `Nothing listens at ${place}.`,
      advice: 'Nodes answer RPC on their own machine only: ask there, or through a tunnel (`ssh -L`).',
    }
  }
  const left = hasCookie ? ' A cookie is left of one that did not end by itself.' : ''
  return {
    code: 'notRunning',
    title: 'The node does not run',
    explanation: `Nothing listens at ${place}, and no process holds ${dataDir}.${left}`,
    advice: START,
  }
}

function noCookie(error: Error, { dataDir, holder, isHere }: Surroundings): Words {
  if (!isHere) return notAskable(error)
  if (holder === undefined) {
    return {
      code: 'notRunning',
      title: 'The node does not run',
      explanation: `No process holds ${dataDir}, and there is no cookie in it.`,
      advice: START,
    }
  }
  return {
    code: 'noLogin',
    title: 'There is no cookie to log in with',
    explanation: `A node runs in ${dataDir} (process ${holder}), without a cookie file.`,
    advice: 'It was started with an rpcuser and rpcpassword, or is only starting: give them, or try again.',
  }
}

function wrongPort({ place, dataDir }: Surroundings, holder: number): Words {
  return {
    code: 'wrongPort',
    title: 'The node listens elsewhere',
    explanation: `A node runs in ${dataDir} (process ${holder}), but nothing listens at ${place}.`,
    advice: 'Give the --rpcport that the node was started with; its log names it behind [RPC].',
  }
}

function otherProgram({ place }: Surroundings): Words {
  return {
    code: 'otherProgram',
    title: 'Another program answers',
    explanation: `What listens at ${place} does not answer as a node does.`,
    advice: 'Check --rpcport: the port for peers is another one.',
  }
}

function notAskable(error: Error): Words {
  return {
    code: 'notAskable',
    title: 'The node could not be asked',
    explanation: error.message,
    advice: 'If it hangs, its log may say why.',
  }
}

async function lookAround({ host, port, cookieFile }: Target): Promise<Surroundings> {
  const dataDir = dirname(cookieFile)
  const ip = parseIp(host)
  const isHere = host === 'localhost' || (ip !== undefined && isLoopback(ip))
  const [holder, hasCookie] = await Promise.all([isHere ? holderOf(dataDir) : undefined, exists(cookieFile)])
  return { place: formatHostPort(host, port), dataDir, holder, isHere, hasCookie }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

async function holderOf(dataDir: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(join(dataDir, LOCK_FILE), 'utf8')).split(' ')[0])
    if (!Number.isInteger(pid) || pid <= 0) return undefined
    return isRunning(pid) ? pid : undefined
  } catch {
    return undefined
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
