/**
 * Who asks: the one place that knows. The service asks nobody yet, so nobody says anything. Where
 * it does, `headers` goes with every request and `hello` into the first message of a stream;
 * neither ever goes into an address.
 */
export const anonymous = {
  /** @returns {Record<string, string>} */
  headers: () => ({}),
  /** @returns {object} */
  hello: () => ({}),
};
