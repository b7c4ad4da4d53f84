module.exports = (output) => ({ text: output, length: output.length });
module.exports.loud = (output) => `${output.toUpperCase()}!`;
