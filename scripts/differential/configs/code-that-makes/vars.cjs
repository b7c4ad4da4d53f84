exports.louder = (vars) => ({ note: vars.note + vars.note });
