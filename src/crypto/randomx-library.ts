/** Finds librandomx, and says in one line what to do where it is not. */
import { errorText, UserError } from '../primitives/errors.ts'
import { RandomXLibrary } from './randomx-ffi.ts'

/** What the library is called on Linux, in a build of one's own, on macOS and on Windows. */
const NAMES = ['librandomx.so.0', 'librandomx.so', 'librandomx.dylib', 'randomx.dll']

/** The configured library and no other, or the first that the system knows. Rejects with UserError if there is none. */
export async function findRandomX(configuredPath?: string): Promise<RandomXLibrary> {
  const load = await RandomXLibrary.loader().catch((error: unknown) => {
    throw new UserError(`RandomX can't be used on this system, as koffi does not load: ${errorText(error)}`)
  })
  if (configuredPath !== undefined) return loadConfigured(load, configuredPath)
  for (const name of NAMES) {
    try {
      return load(name)
    } catch {
      // The next name.
    }
  }
  throw new UserError(
    "the library RandomX is missing, without which no block can be checked: on Debian and Ubuntu run 'apt-get " +
      "install librandomx0' as root; elsewhere build librandomx and put it where the system looks for libraries",
  )
}

function loadConfigured(load: (path: string) => RandomXLibrary, path: string): RandomXLibrary {
  try {
    return load(path)
  } catch (error) {
    const reason = errorText(error).replace('Failed to load shared library: ', '')
    throw new UserError(`the library RandomX can't be loaded from ${path}: ${reason}`)
  }
}
