// The product's version.

/** As in the root's package.json; a test keeps them equal. */
export const version = '0.1.0';
