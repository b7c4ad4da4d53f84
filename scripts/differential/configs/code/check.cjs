module.exports = (output) => output === 'TEXT 7!';
