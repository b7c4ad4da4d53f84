module.exports = (named) => ({ pass: named.found === 1, score: 0.4, reason: 'found' });
