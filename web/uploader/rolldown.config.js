/** One script for pages without a bundler, with the client in it. */
export default {
  input: "dist/index.js",
  output: { file: "dist/standalone.js", format: "es", minify: true, codeSplitting: false },
};
