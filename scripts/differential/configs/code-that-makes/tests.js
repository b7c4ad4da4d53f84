module.exports = async (config) => [
  { vars: { name: config ? config.name : 'Gus', note: 'made' }, assert: [{ type: 'contains', value: 'made' }] },
];
