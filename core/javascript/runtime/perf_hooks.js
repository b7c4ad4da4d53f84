// perf_hooks: the engine's own clock.
"use strict";
module.exports = { performance };
