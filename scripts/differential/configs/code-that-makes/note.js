module.exports = (name, prompt, vars) => ({ output: `a ${name} for ${vars.name}` });
