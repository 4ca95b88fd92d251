/** A node on a terminal, which `script` makes where there is one; elsewhere there is just the pipe to look at. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { eventually } from '../../testkit/changes.ts'
import { filesIn, LAUNCHER, Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

// Of util-linux; others take other options.
const hasTerminal = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '')

async function startOnTerminal(options = ''): Promise<NodeProcess> {
  const home = lab.newFolder()
  const dataDir = join(home, 'data')
  const command = `"${LAUNCHER}" --regtest --port=0 --rpcport=0 --datadir="${dataDir}" ${options}`
  const args = hasTerminal ? ['script', '-qfec', command, '/dev/null'] : ['/bin/sh', '-c', `exec ${command}`]
  const node = lab.spawn('/usr/bin/env', args, { home, dataDir, env: { TERM: 'xterm', SHELL: '/bin/sh' } })
  await node.waitForLine(/Listening on port \d+/)
  return node
}

const nodePid = (node: NodeProcess): number =>
  Number(readFileSync(join(node.dataDir, '.lock'), 'utf8').split(' ')[0])

it('writes colours on a terminal, unless told otherwise', async () => {
  const colored = await startOnTerminal()
  expect(colored.log.join('\n').includes('\u001b[36m[P2P]')).toBe(hasTerminal)
  const plain = await startOnTerminal('--no-color')
  expect(plain.log.join('\n')).not.toContain('\u001b[')
  for (const node of [colored, plain]) {
    process.kill(nodePid(node), 'SIGTERM')
    await node.waitForExit()
  }
})

it('ends cleanly when the terminal is closed', async () => {
  const node = await startOnTerminal()
  const pid = nodePid(node)
  if (!hasTerminal) process.kill(pid, 'SIGTERM')
  // The terminal goes with the process that made it.
  else node.signal('SIGKILL')
  await eventually(() => (existsSync(`/proc/${pid}`) ? undefined : true), 'the end of the node')
  expect(filesIn(node.dataDir)).toEqual([])
})
