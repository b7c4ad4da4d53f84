const { longer } = require('./lib/limits');
const path = require('path');

module.exports = (output) => longer(output, 5) && path.basename('/a/b.txt', '.txt') === 'b';
module.exports.isNamed = async (output, context) => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return longer(output, context.config.least);
};
