// What goes wrong while a repository is read.

/** Something is not as the stored format says: it is never shown. */
export class DamagedError extends Error {}

/** Something is stored in a way that this reader does not know. */
export class UnknownError extends Error {}

/** Something is not there. */
export class MissingError extends Error {}

/** Refuse to go on unless something holds. */
export function need(holds, message) {
  if (!holds) throw new DamagedError(message);
}
