const { greet } = require('./lib/greet');
module.exports = ({ vars, provider }) => `${greet(vars.name)} {{ note }}`;
module.exports.chat = async ({ vars, config }) => [
  { role: 'system', content: `Be ${config.tone}.` },
  { role: 'user', content: `Greet ${vars.name}, ${vars.note}` },
];
