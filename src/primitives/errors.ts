/** Errors at the edge to the user and to the system. */

/** Something the user can put right; its message says what and how, in one line, and is all that is shown. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/** The system's code of an error, such as "EADDRINUSE"; undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Is a file larger than could be read at once? */
export function isTooLarge(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ERR_FS_FILE_TOO_LARGE' || code === 'ERR_STRING_TOO_LONG'
}

const SYSTEM_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAI_AGAIN: 'the name server does not answer',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the other side',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than allowed',
  EHOSTUNREACH: 'no route to the host',
  EIO: 'the disk can neither read nor write there',
  EISDIR: 'it is a directory',
  ELOOP: 'links lead in a circle',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENETUNREACH: 'no route to the network',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the disk',
  ENOTDIR: 'part of the path is not a directory',
  ENOTFOUND: 'no such host',
  EPERM: 'not permitted',
  EPIPE: 'connection closed by the other side',
  ERR_FS_FILE_TOO_LARGE: 'the file is too large',
  ERR_STRING_TOO_LONG: 'the file is too large',
  ERR_FS_EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ETIMEDOUT: 'timed out',
}

/** A system's error code in words. */
export function codeText(code: string): string {
  return SYSTEM_TEXTS[code] ?? code
}

/** An error in words, one line. */
export function errorText(error: unknown): string {
  const code = errorCode(error)
  if (code !== undefined) return codeText(code)
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error)
}
