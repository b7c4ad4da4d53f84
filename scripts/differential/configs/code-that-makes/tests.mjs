export function many() {
  return [1, 2].map((number) => ({
    description: `made ${number}`,
    vars: { name: `N${number}`, note: 'n' },
    assert: [{ type: 'javascript', value: `output.includes('N${number}')` }],
  }));
}
